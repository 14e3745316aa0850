import Glibc

/// The user that the daemon runs as, for the commands in messages.
enum OwnUser {
  /// The name in /etc/passwd, else the number: a directory service may be slow to answer.
  static let name = localName(of: geteuid()) ?? "\(geteuid())"

  private static func localName(of uid: uid_t) -> String? {
    guard let file = fopen("/etc/passwd", "re") else { return nil }
    defer { fclose(file) }
    while let entry = fgetpwent(file) {
      if entry.pointee.pw_uid == uid { return String(cString: entry.pointee.pw_name) }
    }
    return nil
  }
}
