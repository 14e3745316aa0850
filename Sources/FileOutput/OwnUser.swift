import CLinux
import Glibc

/// The user that the daemon runs as, for the commands in messages.
enum OwnUser {
  /// The name in /etc/passwd, else the number: a directory service may be slow to answer.
  static let name = clinux_local_user(geteuid()).map { String(cString: $0.pointee.pw_name) } ?? "\(geteuid())"
}
