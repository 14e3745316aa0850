import Core
import FileOutput
import Glibc

/// What a process leaves to the next in a small file: the roles' generations, by which they never go down over a restart, whether a role
/// has files or not, the outputs outside the roles' directory, by which none is forgotten there (`RecordedOutput`), and the roles with files
/// in that directory (`RecordedDirectory`).
///
///     rolekeeper generations 3
///     @ 7
///     * 1796000000000
///     reports 71
///     uploader 128
///     file uploader 1007 /etc/rolekeeper/rolekeeper.toml /srv/app/credentials.json
///     directory reports /etc/rolekeeper/rolekeeper.toml
///     = af63bd4c8601b7df
///
/// A line has a role's name and the highest number that may have been handed out for it; `*`, where it is there, stands for all other
/// roles. `@` has the number of the first store for the next process (`Handover`) in which all is that was published under these numbers;
/// it is missing where no store has all of it. The second format had no such line. The last line is a checksum of what is before it (FNV-1a, 64 bits): a file that isn't whole is refused whole, since half of the
/// numbers is as bad as none. The file is replaced by a rename, so that a process which ends at any moment leaves a whole one. It isn't
/// synced: it lies in memory below /run, and a machine that goes down takes all that knew the numbers along.
struct GenerationFile {
  struct Failure: Error, CustomStringConvertible {
    let description: String
    /// What a person can do; nil where that isn't known.
    let fix: String?

    fileprivate init(_ path: String, _ why: String, fix: String? = nil) {
      description = "'\(path)': \(why)"
      self.fix = fix
    }
    fileprivate init(_ path: String, errno number: CInt) {
      let directory = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
      let fix: String? =
        switch number {
        case ENOSPC, EDQUOT: "make room in '\(directory)'"
        case EACCES, EPERM, EROFS: "let the daemon (uid \(geteuid())) write to '\(directory)'"
        case EISDIR, EEXIST: "move away what is in the way at '\(path)' or '\(path).new'"
        default: nil
        }
      self.init(path, String(cString: strerror(number)), fix: fix)
    }
  }

  struct Content: Equatable {
    var numbers: [RoleName: UInt64] = [:]
    /// For roles that `numbers` doesn't have.
    var floor: UInt64 = 0
    /// The number of the first store that has all that was published; nil where none has.
    var firstStore: UInt64?
    /// In the order of the file.
    var outputs: [RecordedOutput] = []
    var directories: [RecordedDirectory] = []
  }

  private static let firstLine = "rolekeeper generations 3"
  /// Of 0.2.0, which handed nothing over.
  private static let formerFirstLine = "rolekeeper generations 2"
  private static let others = "*"
  private static let storeMark = "@"
  /// Some 100,000 roles' lines, with an output for each.
  private static let mostBytes = 16 << 20
  /// What is larger can't be ours, and would leave no room to count on.
  private static let mostGeneration: UInt64 = 1 << 62

  let path: String

  /// The numbers there are: none where there is no file. Throws where there is one that isn't ours, or isn't as it was written.
  func read() throws(Failure) -> Content { try readIfThere() ?? Content() }

  /// The same; nil where there is no file.
  func readIfThere() throws(Failure) -> Content? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
    if descriptor < 0 && errno == ENOENT { return nil }
    guard descriptor >= 0 else { throw Failure(path, errno: errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw Failure(path, errno: errno) }
    guard status.st_mode & S_IFMT == S_IFREG, status.st_uid == geteuid(), status.st_mode & 0o022 == 0 else {
      throw Failure(path, "not a file that only this user can write to")
    }
    guard status.st_size <= Self.mostBytes else { throw Failure(path, "larger than \(Self.mostBytes >> 20) MiB") }
    let bytes = try bytes(descriptor, count: Int(status.st_size))
    guard let content = Self.content(of: bytes) else {
      throw Failure(path, "empty, cut off or changed: its checksum isn't right")
    }
    return content
  }

  private func bytes(_ descriptor: CInt, count: Int) throws(Failure) -> [UInt8] {
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
    return bytes
  }

  private static func content(of bytes: [UInt8]) -> Content? {
    guard bytes.count > sealLength else { return nil }
    let body = bytes.dropLast(sealLength)
    guard bytes.suffix(sealLength).elementsEqual(seal(of: body)) else { return nil }
    var lines = String(decoding: body, as: UTF8.self).split(separator: "\n")[...]
    guard let first = lines.popFirst(), first == firstLine || first == formerFirstLine else { return nil }
    var content = Content()
    for line in lines {
      let words = line.split(separator: " ")
      if let output = RecordedOutput(line: words) {
        content.outputs.append(output)
        continue
      }
      if let directory = RecordedDirectory(line: words) {
        content.directories.append(directory)
        continue
      }
      guard words.count == 2, let number = UInt64(words[1]), number < mostGeneration else { return nil }
      if words[0] == others {
        content.floor = number
      } else if words[0] == storeMark {
        content.firstStore = number
      } else if let role = RoleName(words[0]) {
        content.numbers[role] = number
      } else {
        return nil
      }
    }
    return content
  }

  /// `= `, 16 digits, and the line's end.
  private static let sealLength = 19

  /// The last line.
  private static func seal(of body: some Sequence<UInt8>) -> [UInt8] {
    let digits = String(checksum(of: body), radix: 16)
    return Array("= \(String(repeating: "0", count: 16 - digits.count))\(digits)\n".utf8)
  }

  /// FNV-1a (draft-eastlake-fnv): its offset basis and prime for 64 bits.
  private static func checksum(of body: some Sequence<UInt8>) -> UInt64 {
    body.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }

  /// Replaces the file in one step; of a failure nothing is left behind.
  func write(
    _ numbers: [(RoleName, UInt64)], floor: UInt64 = 0, firstStore: UInt64? = nil, outputs: [RecordedOutput] = [],
    directories: [RecordedDirectory] = []
  ) throws(Failure) {
    var text = Array("\(Self.firstLine)\n".utf8)
    if let firstStore { text += "\(Self.storeMark) \(firstStore)\n".utf8 }
    if floor > 0 { text += "\(Self.others) \(floor)\n".utf8 }
    for (role, number) in numbers {
      text += role.description.utf8
      text.append(UInt8(ascii: " "))
      text += "\(number)\n".utf8
    }
    for output in outputs { text += "\(output.line)\n".utf8 }
    for directory in directories { text += "\(directory.line)\n".utf8 }
    text += Self.seal(of: text)
    let draft = ReservedNames.draft(ofGenerations: path)
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

  /// Empties the file, or makes an empty one, where its numbers are too low and can't be replaced: whoever reads it then knows that it says
  /// nothing. False where that can't be done either.
  func spoil() -> Bool {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0o600)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_uid == geteuid(),
      status.st_nlink == 1
    else { return false }
    return ftruncate(descriptor, 0) == 0
  }
}

extension GenerationFile {
  init(inRuntimeDirectory directory: String) {
    self.init(path: ReservedNames.generations(inRuntimeDirectory: directory))
  }
}
