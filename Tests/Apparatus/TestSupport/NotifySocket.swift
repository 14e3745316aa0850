import Glibc

/// The service manager's end of sd_notify(3): what a program under test announces, message by message.
package final class NotifySocket {
  package let path: String
  private let descriptor: CInt
  private var seen: [String] = []

  package init(in directory: TemporaryDirectory, named name: String = "notify") throws {
    path = directory.path(name)
    descriptor = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { throw NotifyError.pathTooLong }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let bound = withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard bound == 0 else { throw NotifyError.bind(errno) }
    // Programs under test may run as other users.
    chmod(path, 0o777)
  }

  /// Waits for a message that contains `line` as one of its lines, or that starts with it, at most `seconds`.
  @discardableResult
  package func wait(for line: String, seconds: Int = 30) throws -> String {
    if let index = seen.firstIndex(where: { Self.holds($0, line) }) { return seen.remove(at: index) }
    var limit = timeval(tv_sec: seconds, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = buffer.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
      guard count >= 0 else { throw NotifyError.silent(waitedFor: line, seen: seen) }
      let message = String(decoding: buffer.prefix(count), as: UTF8.self)
      if Self.holds(message, line) { return message }
      seen.append(message)
    }
  }

  /// Reads what has come, so that there is room for more.
  package func drain() {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = buffer.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, CInt(MSG_DONTWAIT)) }
      guard count >= 0 else { return }
      seen.append(String(decoding: buffer.prefix(count), as: UTF8.self))
    }
  }

  /// All that has come and that nobody waited for.
  package func messages() -> String {
    drain()
    return seen.joined(separator: "\n")
  }

  private static func holds(_ message: String, _ line: String) -> Bool {
    message.split(separator: "\n").contains { $0.hasPrefix(line) }
  }

  deinit { close(descriptor) }
}

private enum NotifyError: Error {
  case pathTooLong
  case bind(CInt)
  case silent(waitedFor: String, seen: [String])
}
