import Glibc

/// Reads small files of the user's.
enum TextFile {
  /// All of the file at `path`, at most `maxSize` bytes.
  static func read(_ path: String, maxSize: Int, followsLink: Bool = true) throws(TextFileError) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (followsLink ? 0 : O_NOFOLLOW))
    guard descriptor >= 0 else { throw .system(errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .system(errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .notRegular }
    guard status.st_size <= maxSize else { throw .tooLarge(maxSize) }
    // One byte more than it had, by which growth shows.
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size) + 1)
    var filled = 0
    while filled < bytes.count {
      let got = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress! + filled, $0.count - filled) }
      if got < 0 && errno == EINTR { continue }
      guard got >= 0 else { throw .system(errno) }
      if got == 0 { break }
      filled += got
    }
    guard filled < bytes.count else { throw .growing }
    bytes.removeLast(bytes.count - filled)
    return bytes
  }
}

enum TextFileError: Error, Equatable, CustomStringConvertible {
  /// An errno.
  case system(CInt)
  case notRegular
  case tooLarge(Int)
  case growing

  var description: String {
    switch self {
    case .system(ELOOP): "a symbolic link, which is not followed"
    case .system(let number): String(cString: strerror(number))
    case .notRegular: "not a regular file"
    case .tooLarge(let most): "larger than \(most) bytes"
    case .growing: "it is being written to"
    }
  }

  /// What a person can do.
  var fix: String {
    switch self {
    case .system(ELOOP), .notRegular: "put a regular file there, and run again"
    case .system(EACCES), .system(EPERM): "let this user read it, and run again"
    case .system(ENOENT), .system(ENOTDIR): "check the name, and run again"
    case .system(ENAMETOOLONG): "give it a shorter path, and run again"
    case .system(let number): OpenFileLimit.fix(number) ?? "look into that, and run again"
    case .tooLarge: "shorten it, and run again"
    case .growing: "run again once it is complete"
    }
  }
}
