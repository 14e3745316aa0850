import Glibc
package import Secrets
import Settings

/// Reads a file with a secret, without leaving a copy elsewhere.
package enum SecretFile {
  package struct Unreadable: Error {
    /// Half a sentence.
    package let why: String
    /// The fix, for that path.
    package let fix: String
    /// Whether this process lacks the permission to read it.
    package let isDenied: Bool

    init(_ why: String, fix: String) { (self.why, self.fix, isDenied) = (why, fix, false) }

    /// The call that opened or read the file at `path` failed with `number`.
    init(_ number: CInt, at path: String) {
      isDenied = number == EACCES || number == EPERM
      why = String(cString: strerror(number))
      fix =
        switch number {
        case _ where CredentialsDirectory.holds(path): CredentialsDirectory.fix(for: path)
        case ENOENT, ENOTDIR: "put the file there, owned by the daemon's user and with mode 0400"
        case EACCES, EPERM:
          "make the daemon's user its owner, with mode 0400, and let that user search the directories above"
        case EMFILE, ENFILE, ENOMEM: "it is read again at the next reload"
        default: "look at the disk or the network that the file is on"
        }
    }
  }

  /// Reads a regular file of at most `most` bytes; unless `mayOthersRead`, only if nobody but its owner may read it, or systemd passed it.
  ///
  /// Unless `mayOthersWrite`, only if nobody but its owner may write to it, and that is root or the process's user: the rule of the
  /// settings' check.
  package static func read(
    _ path: String, mayOthersRead: Bool, mayOthersWrite: Bool = true, most: Int
  ) throws(Unreadable) -> Secret {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard descriptor >= 0 else { throw Unreadable(errno, at: path) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw Unreadable("not a regular file", fix: "put a regular file there, or name another path")
    }
    if !mayOthersRead { try checkHidden(status, at: path) }
    if !mayOthersWrite, ![0, geteuid()].contains(status.st_uid) {
      throw Unreadable(
        "it belongs to another user than root and the daemon's", fix: "make root or the daemon's user its owner")
    }
    if !mayOthersWrite, status.st_mode & 0o022 != 0 {
      throw Unreadable("others than its owner may write to it", fix: "its mode has to be 0644 or less")
    }
    guard status.st_size <= most else {
      throw Unreadable(
        most < 65_536 ? "larger than \(most) bytes" : "larger than \(most / 1024) KiB",
        fix: "it has to hold the secret and nothing else")
    }
    var failure: CInt = 0
    let content = Secret(unsafeUninitializedCapacity: Int(status.st_size)) { buffer in
      var count = 0
      while count < buffer.count {
        let got = Glibc.read(descriptor, buffer.baseAddress! + count, buffer.count - count)
        if got < 0 { failure = errno }
        guard got > 0 else { break }
        count += got
      }
      return count
    }
    guard failure == 0 else { throw Unreadable(failure, at: path) }
    return content
  }

  private static func checkHidden(_ status: stat, at path: String) throws(Unreadable) {
    let why = "others than its owner may read it"
    if CredentialsDirectory.holds(path) {
      guard !CredentialsDirectory.isHidden(mode: status.st_mode, uid: status.st_uid, from: geteuid()) else { return }
      throw Unreadable(why, fix: CredentialsDirectory.fix(for: path))
    }
    if status.st_mode & 0o077 != 0 { throw Unreadable(why, fix: "its mode has to be 0400") }
  }
}
