import CommandInterface
import Core
import Glibc
import Secrets

/// A credential in a file that this user alone can read, in a directory of its own that exists as long as the command runs.
///
/// A new credential replaces the file (rename(2)): a reader sees the one or the other, never a part.
final class PrivateFile {
  let path: String
  private let directory: String

  /// In $XDG_RUNTIME_DIR, or in /tmp if that isn't a directory of this user alone. The directory has the mode 0700 (mkdtemp(3)).
  init() throws(SystemFailure) {
    let parent = Self.parent()
    var template = Array("\(parent)/rolekeeper-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemFailure("cannot make a directory in '\(parent)'") }
    directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    path = "\(directory)/credentials"
  }

  func write(_ credential: Secret) throws(SystemFailure) {
    let new = "\(path).new"
    unlink(new)
    let descriptor = open(new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o400)
    guard descriptor >= 0 else { throw SystemFailure("cannot write '\(new)'") }
    var number = credential.withBytes { Console.put($0, to: descriptor) }
    // The umask may have taken the right to read.
    if number == 0, fchmod(descriptor, 0o400) != 0 { number = errno }
    close(descriptor)
    if number == 0, rename(new, path) != 0 { number = errno }
    guard number == 0 else {
      unlink(new)
      throw SystemFailure("cannot write '\(path)'", number)
    }
  }

  private static func parent() -> String {
    guard let path = Environment.value("XDG_RUNTIME_DIR"), path.utf8.first == UInt8(ascii: "/") else { return "/tmp" }
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, status.st_uid == geteuid(),
      status.st_mode & 0o077 == 0
    else { return "/tmp" }
    return path
  }

  /// Removes the file and its directory.
  func remove() {
    unlink(path)
    rmdir(directory)
  }

  deinit { remove() }
}
