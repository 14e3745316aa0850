import Core
import Glibc

/// The directory of a process in /proc (proc(5)).
///
/// It stays bound to the process: if another one gets its number, nothing can be read through it (ESRCH). There is none where /proc hides
/// other users' processes (`ProtectProc=invisible`, which the unit does without for this).
package struct ProcessDirectory: ~Copyable {
  private static let longestName = 255

  private let descriptor: CInt

  /// nil when there is no such process to be seen.
  package init?(_ pid: Int32, in proc: String = "/proc") {
    // 0: the process is outside of our pid namespace.
    descriptor = pid > 0 ? open("\(proc)/\(pid)", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1
    if descriptor < 0 { return nil }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// The path of its executable where that may be read (root, and processes of the daemon's own user: ptrace(2), access mode checking),
  /// else `comm`, its name of 15 bytes at most, which the process can change; escaped.
  package var program: String? { (link("exe") ?? content("comm", size: Self.longestName)).map(CallerProgram.escaped) }

  /// Its control groups, a line for each hierarchy.
  package var controlGroups: String? { content("cgroup", size: 8192).map { String(decoding: $0, as: UTF8.self) } }

  /// Whether the user is among its real, effective, saved and file system user.
  func isOf(_ uid: UInt32) -> Bool {
    let digits = Array("\(uid)".utf8)
    let lines = content("status", size: 4096)?.split(separator: UInt8(ascii: "\n"))
    let line = lines?.first { $0.starts(with: "Uid:".utf8) }
    return line?.dropFirst(4).split(separator: UInt8(ascii: "\t")).contains { $0.elementsEqual(digits) } == true
  }

  /// When it started, in clock ticks of CLOCK_BOOTTIME: field 22 of `stat`.
  var startTicks: Int64? {
    // The name in parentheses may contain any character; the third field follows the last parenthesis.
    guard let stat = content("stat", size: 1024), let end = stat.lastIndex(of: UInt8(ascii: ")")) else { return nil }
    let fields = stat[end...].dropFirst().split(separator: UInt8(ascii: " "))
    return fields.count > 19 ? Int64(String(decoding: fields[19], as: UTF8.self)) : nil
  }

  private func link(_ name: String) -> [UInt8]? {
    Self.filled(Self.longestName) {
      readlinkat(descriptor, name, $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
    }
  }

  /// The first `size` bytes of a file, without a line feed at their end.
  private func content(_ name: String, size: Int) -> [UInt8]? {
    let file = openat(descriptor, name, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    // The name may contain line feeds; only the last one is the file's.
    let bytes = Self.filled(size) { read(file, $0.baseAddress, $0.count) }
    return bytes.map { $0.last == UInt8(ascii: "\n") ? $0.dropLast() : $0 }
  }

  private static func filled(_ size: Int, _ call: (UnsafeMutableRawBufferPointer) -> Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: size)
    let count = bytes.withUnsafeMutableBytes(call)
    return count > 0 ? Array(bytes.prefix(count)) : nil
  }
}
