import Glibc
import Laboratory
import TestSupport
import Testing

extension Lab {
  /// How many descriptors the daemon has besides sockets, which come and go with its readers and with its calls to STS: files, directories,
  /// and what threads and timers wait on. Needs root, since the daemon shows them to nobody else.
  func descriptorsBesidesSockets() throws -> Int {
    let path = "/proc/\(daemon.child.pid)/fd"
    let directory = try #require(opendir(path), "only root may look into \(path)")
    defer { closedir(directory) }
    var count = 0
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      var target = [UInt8](repeating: 0, count: 256)
      let size = target.withUnsafeMutableBytes {
        readlink("\(path)/\(name)", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
      }
      // Neither `.` and `..` nor one that was closed meanwhile is a link.
      if size > 0, !target.starts(with: "socket:".utf8) { count += 1 }
    }
    return count
  }
}
