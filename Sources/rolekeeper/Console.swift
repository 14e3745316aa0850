import Glibc
import Secrets

/// The process's own streams.
enum Console {
  /// What was to be written to stdout couldn't be: the disk is full, say.
  struct WriteError: Error, CustomStringConvertible {
    let number: Int32

    var description: String { "cannot write to stdout: \(String(cString: strerror(number)))" }
  }

  static func write(_ text: String) throws(WriteError) { try write(Array(text.utf8).span, to: STDOUT_FILENO) }

  static func write(_ secret: Secret) throws(WriteError) {
    try secret.withBytes { (bytes) throws(WriteError) in try write(bytes, to: STDOUT_FILENO) }
  }

  /// Writes to stderr, each line with the program's name.
  static func report(_ text: String) {
    writeError(text.split(separator: "\n").map { "rolekeeper: \($0)\n" }.joined())
  }

  /// Writes to stderr as it stands.
  static func writeError(_ text: String) {
    // There is nobody left to notify that stderr is closed.
    try? write(Array(text.utf8).span, to: STDERR_FILENO)
  }

  private static func write(_ bytes: Span<UInt8>, to descriptor: Int32) throws(WriteError) {
    try bytes.withUnsafeBytes { (buffer) throws(WriteError) in
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
  /// Columns; nil when stdout isn't a terminal: lines are as long as what they say.
  let width: Int?
  let wantsColours: Bool

  static var current: Terminal {
    guard isatty(STDOUT_FILENO) == 1 else { return Terminal(width: nil, wantsColours: false) }
    var size = winsize()
    let isKnown = ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
    // NO_COLOR counts when it isn't empty (no-color.org); a terminal that is dumb, or of unknown type, shows escapes as they are.
    let isDumb = ["dumb", nil].contains(Environment.value("TERM"))
    return Terminal(
      width: isKnown ? Int(size.ws_col) : 80, wantsColours: !isDumb && Environment.value("NO_COLOR") == nil)
  }
}
