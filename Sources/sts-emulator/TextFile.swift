import Glibc

/// Small files read and written in one go.
enum TextFile {
  struct Failure: Error, CustomStringConvertible {
    let attempt: String
    let number: CInt

    var description: String { "cannot \(attempt): \(String(cString: strerror(number)))" }
  }

  /// A configuration is far smaller.
  private static let limit = 4 << 20

  static func read(_ path: String) throws(Failure) -> String {
    guard let file = fopen(path, "re") else { throw Failure(attempt: "open '\(path)'", number: errno) }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: limit)
    let count = fread(&bytes, 1, bytes.count, file)
    guard ferror(file) == 0 else { throw Failure(attempt: "read '\(path)'", number: EIO) }
    guard count < limit else { throw Failure(attempt: "read '\(path)'", number: EFBIG) }
    return String(decoding: bytes[..<count], as: UTF8.self)
  }

  /// Whole or not at all: a reader that waits for the file never sees half of it.
  ///
  /// A private file is for its owner alone.
  static func write(_ text: String, to path: String, isPrivate: Bool = false) throws(Failure) {
    let draft = "\(path).new"
    let mask = isPrivate ? umask(0o077) : nil
    defer { if let mask { umask(mask) } }
    guard let file = fopen(draft, "we") else { throw Failure(attempt: "write '\(draft)'", number: errno) }
    let count = fwrite(text, 1, text.utf8.count, file)
    guard fclose(file) == 0, count == text.utf8.count, rename(draft, path) == 0 else {
      throw Failure(attempt: "write '\(path)'", number: errno)
    }
  }
}
