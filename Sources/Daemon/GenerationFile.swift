import Core
import Glibc

/// The roles' generations in a small file, by which they never go down over a restart, whether a role has files or not.
///
///     rolekeeper generations 1
///     reports 71
///     uploader 128
///
/// A line has a role's name and the highest number that may have been handed out for it. The file is replaced by a rename, so that a
/// process which ends at any moment leaves a whole one. It isn't synced: it lies in memory below /run, and a machine that goes down
/// takes all that knew the numbers along.
struct GenerationFile {
  struct Failure: Error, CustomStringConvertible {
    let description: String

    fileprivate init(_ path: String, _ why: String) { description = "'\(path)': \(why)" }
    fileprivate init(_ path: String, errno number: CInt) { self.init(path, String(cString: strerror(number))) }
  }

  private static let firstLine = "rolekeeper generations 1"
  /// Some 100,000 roles' lines.
  private static let mostBytes = 4 << 20
  /// What is larger can't be ours, and would leave no room to count on.
  private static let mostGeneration: UInt64 = 1 << 62

  let path: String

  /// The numbers there are: none where there is no file. Passes over lines that can't be read.
  func read() throws(Failure) -> [RoleName: UInt64] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
    if descriptor < 0 && errno == ENOENT { return [:] }
    guard descriptor >= 0 else { throw Failure(path, errno: errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw Failure(path, errno: errno) }
    guard status.st_mode & S_IFMT == S_IFREG, status.st_uid == geteuid(), status.st_mode & 0o022 == 0 else {
      throw Failure(path, "not a file that only this user can write to")
    }
    guard status.st_size <= Self.mostBytes else { throw Failure(path, "larger than \(Self.mostBytes >> 20) MiB") }
    return try Self.numbers(in: content(descriptor, count: Int(status.st_size)), path)
  }

  private func content(_ descriptor: CInt, count: Int) throws(Failure) -> String {
    var failure: CInt = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count {
        let got = Glibc.read(descriptor, buffer.baseAddress! + filled, count - filled)
        if got < 0 { failure = errno }
        guard got > 0 else { break }
        filled += got
      }
    }
    guard failure == 0 else { throw Failure(path, errno: failure) }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func numbers(in text: String, _ path: String) throws(Failure) -> [RoleName: UInt64] {
    var lines = text.split(separator: "\n")[...]
    guard lines.popFirst().map(String.init) == firstLine else { throw Failure(path, "not begun by '\(firstLine)'") }
    var numbers: [RoleName: UInt64] = [:]
    for line in lines {
      let words = line.split(separator: " ")
      guard words.count == 2, let role = RoleName(words[0]), let number = UInt64(words[1]), number < mostGeneration
      else { continue }
      numbers[role] = max(number, numbers[role] ?? 0)
    }
    return numbers
  }

  /// Replaces the file in one step; of a failure nothing is left behind.
  func write(_ numbers: [(RoleName, UInt64)]) throws(Failure) {
    var text = Array("\(Self.firstLine)\n".utf8)
    for (role, number) in numbers {
      text += role.description.utf8
      text.append(UInt8(ascii: " "))
      text += "\(number)\n".utf8
    }
    let draft = "\(path).new"
    unlink(draft)
    let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Failure(path, errno: errno) }
    let failure = Self.fill(descriptor, with: text)
    close(descriptor)
    guard failure == 0, rename(draft, path) == 0 else {
      let number = failure == 0 ? errno : failure
      unlink(draft)
      throw Failure(path, errno: number)
    }
  }

  private static func fill(_ descriptor: CInt, with bytes: [UInt8]) -> CInt {
    bytes.withUnsafeBytes { bytes in
      var written = 0
      while written < bytes.count {
        let count = Glibc.write(descriptor, bytes.baseAddress! + written, bytes.count - written)
        if count < 0 && errno != EINTR { return errno }
        written += max(0, count)
      }
      return 0
    }
  }

  func remove() { unlink(path) }
}
