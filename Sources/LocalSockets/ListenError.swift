import Core
import Glibc

/// Why the socket can't be listened on.
package enum ListenError: Error, CustomStringConvertible {
  /// With this file name, the address of a Unix socket has room for `limit` bytes.
  case pathTooLong(String, limit: Int)
  case notASocket(String)
  /// A process is listening there; pid and uid as the kernel reports them.
  case inUse(String, pid: Int32, uid: UInt32)
  /// Something exists there, and the kernel didn't permit checking whether a process listens.
  case unclear(String, CInt)
  case group(String, gid: UInt32, CInt)
  case path(String, attempt: String, CInt)
  /// An inherited descriptor that isn't a listening Unix stream socket.
  case notAListener(CInt)
  case call(String, CInt)

  package var description: String { "\(why); \(fix)" }

  /// The reason why the socket can't be listened on.
  package var why: String {
    switch self {
    case .pathTooLong(let path, let limit):
      "socket '\(path)' has \(path.utf8.count) bytes, a socket's path has room for \(limit)"
    case .notASocket(let path):
      "socket '\(path)' is in the way and is not a socket"
    case .inUse(let path, let pid, let uid):
      "socket '\(path)' belongs to a living process (pid \(pid), uid \(uid))"
    case .unclear(let path, let code):
      "socket '\(path)' is in the way, and whether a process owns it is unclear: \(text(code))"
    case .group(let path, let gid, let code):
      "socket '\(path)' cannot be given to group \(gid): \(text(code))"
    case .path(let path, let attempt, let code):
      "socket '\(path)': \(attempt): \(text(code))"
    case .notAListener(let descriptor):
      "inherited descriptor \(descriptor) isn't a listening Unix stream socket"
    case .call(let call, let code):
      "socket: \(call): \(text(code))"
    }
  }

  package var fix: String {
    switch self {
    case .pathTooLong: "choose a shorter one"
    case .notASocket: "move it or choose another path"
    case .inUse: "stop that one or choose another path"
    // Removing the socket of a running daemon would cut off all its clients.
    case .unclear(let path, _): "check as root whether a process listens there: ss -lxp src \(path)"
    case .group: "make the daemon's user a member, or allow CAP_CHOWN"
    case .path(let path, _, ENOENT) where path.hasPrefix("\(StandardPath.runtime)/"): "run: \(StandardPath.makeRuntime)"
    case .path: "see that its directory exists and that the daemon may write to it"
    case .notAListener: "give the socket unit a path in ListenStream=, and Accept=no"
    case .call: "try again; descriptors or memory may have run out"
    }
  }

  /// Whether this process lacks the permission to examine the path or to connect.
  package var isDenied: Bool {
    switch self {
    case .unclear(_, let code), .path(_, _, let code): code == EACCES || code == EPERM
    default: false
    }
  }

  private func text(_ code: CInt) -> String { String(cString: strerror(code)) }
}
