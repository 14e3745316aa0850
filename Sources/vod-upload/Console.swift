import Glibc
import Upload

/// The process's own streams.
enum Console {
  /// What was to be written to stdout couldn't be: the disk is full, or its reader is gone.
  struct WriteError: Error, CustomStringConvertible {
    let number: Int32

    var description: String { "cannot write to stdout: \(String(cString: strerror(number)))" }
  }

  static func write(_ text: String) throws(WriteError) { try write(Array(text.utf8), to: STDOUT_FILENO) }

  static func write(_ bytes: [UInt8]) throws(WriteError) { try write(bytes, to: STDOUT_FILENO) }

  /// Writes to stderr, each line with the program's name.
  static func report(_ text: String) {
    let lines = text.split(separator: "\n").map { "vod-upload: \($0)\n" }.joined()
    // There is nobody left to notify that stderr is closed.
    try? write(Array(lines.utf8), to: STDERR_FILENO)
  }

  private static func write(_ bytes: [UInt8], to descriptor: Int32) throws(WriteError) {
    try bytes.span.withUnsafeBytes { (buffer) throws(WriteError) in
      var done = 0
      while done < buffer.count {
        let count = Glibc.write(descriptor, buffer.baseAddress! + done, buffer.count - done)
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { throw WriteError(number: errno) }
        done += count
      }
    }
  }
}

/// What is known of the terminal behind stdout.
struct Terminal {
  let size: TerminalProgress.Size
  let wantsColours: Bool
  /// Whether it takes the escapes that move the cursor.
  let isDumb: Bool

  /// nil when stdout isn't a terminal.
  static var current: Terminal? {
    guard isatty(STDOUT_FILENO) == 1 else { return nil }
    // NO_COLOR counts when it isn't empty (no-color.org); a terminal that is dumb, or of unknown type, shows escapes as they are.
    let isDumb = ["dumb", nil].contains(Environment.value("TERM"))
    return Terminal(size: currentSize, wantsColours: !isDumb && Environment.value("NO_COLOR") == nil, isDumb: isDumb)
  }

  static var currentSize: TerminalProgress.Size {
    var size = winsize()
    let isKnown = ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 && size.ws_row > 0
    return isKnown ? .init(columns: Int(size.ws_col), rows: Int(size.ws_row)) : .init(columns: 80, rows: 24)
  }
}
