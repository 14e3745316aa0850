import Glibc
import Secrets

/// A file with a secret in it, read without a copy anywhere else.
enum SecretFile {
  struct Unreadable: Error {
    /// Half a sentence, with what fixes it where that is known.
    let why: String
  }

  /// Reads a regular file of at most `most` bytes; unless `mayOthersRead`, one that nobody but its owner may read.
  static func read(_ path: String, mayOthersRead: Bool, most: Int) throws(Unreadable) -> Secret {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard descriptor >= 0 else { throw Unreadable(why: String(cString: strerror(errno))) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw Unreadable(why: "not a regular file")
    }
    if !mayOthersRead, status.st_mode & 0o077 != 0 {
      throw Unreadable(why: "others than its owner may read it; its mode has to be 0400")
    }
    guard status.st_size <= most else {
      throw Unreadable(why: most < 65_536 ? "larger than \(most) bytes" : "larger than \(most / 1024) KiB")
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
    guard failure == 0 else { throw Unreadable(why: String(cString: strerror(failure))) }
    return content
  }
}
