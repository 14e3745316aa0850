import Glibc

/// Why the socket can't be listened on.
package enum ListenError: Error, CustomStringConvertible {
  /// `limit` bytes fit into a Unix socket's address with this file name.
  case pathTooLong(String, limit: Int)
  case notASocket(String)
  /// A process listens there; its pid and uid by the kernel's word.
  case inUse(String, pid: Int32, uid: UInt32)
  /// Something is there, and the kernel didn't let us find out whether anybody listens.
  case unclear(String, CInt)
  case group(String, gid: UInt32, CInt)
  case path(String, attempt: String, CInt)
  case call(String, CInt)

  package var description: String {
    switch self {
    case .pathTooLong(let path, let limit):
      "socket '\(path)' has \(path.utf8.count) bytes, a socket's path has room for \(limit); choose a shorter one"
    case .notASocket(let path):
      "socket '\(path)' is in the way and is not a socket; move it or choose another path"
    case .inUse(let path, let pid, let uid):
      "socket '\(path)' belongs to a living process (pid \(pid), uid \(uid)); stop that one or choose another path"
    case .unclear(let path, let code):
      "socket '\(path)' is in the way, and whether a process owns it is unclear: \(text(code)); remove it if none does"
    case .group(let path, let gid, let code):
      "socket '\(path)' cannot be given to group \(gid): \(text(code)); make our user a member, or allow CAP_CHOWN"
    case .path(let path, let attempt, let code):
      "socket '\(path)': \(attempt): \(text(code)); see that its directory exists and that we may write to it"
    case .call(let call, let code):
      "socket: \(call): \(text(code))"
    }
  }

  private func text(_ code: CInt) -> String { String(cString: strerror(code)) }
}
