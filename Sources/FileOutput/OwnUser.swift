import CLinux
import Glibc

/// The user that the daemon runs as, for the commands in messages.
enum OwnUser {
  /// The name in /etc/passwd, otherwise the number: a directory service may be slow to answer.
  static let name = clinux_local_user(geteuid()).map { String(cString: $0.pointee.pw_name) } ?? "\(geteuid())"

  /// Whether the directory's owner, mode or access control list keeps the daemon from writing there, regardless of its mount: the
  /// kernel checks those first, and the mount only afterwards (access(2)).
  static func isKeptOut(of directory: String) -> Bool {
    faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) != 0 && errno == EACCES
  }
}

/// A directory for the daemon's files that a message may propose: it is the daemon's, or can be created without changing anything
/// else.
struct OwnPlace {
  let path: String
  let isThere: Bool
  /// Whether the daemon can write there now.
  let isOpen: Bool

  /// Nil if root would have to examine the host first.
  static func found(below parent: String = "/srv") -> OwnPlace? {
    let path = "\(parent)/rolekeeper"
    var status = stat()
    guard lstat(parent, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, status.st_uid == 0,
      status.st_mode & 0o022 == 0
    else { return nil }
    guard lstat(path, &status) == 0 else {
      return errno == ENOENT ? OwnPlace(path: path, isThere: false, isOpen: false) : nil
    }
    guard status.st_mode & S_IFMT == S_IFDIR, status.st_uid == geteuid(), status.st_mode & 0o022 == 0 else {
      return nil
    }
    return OwnPlace(path: path, isThere: true, isOpen: access(path, W_OK | X_OK) == 0)
  }
}
