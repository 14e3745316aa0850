import CommandInterface
import Upload

extension Console {
  /// Writes to stderr, each line with the program's name. It blocks while nobody reads, so it is for messages before the loop runs.
  static func report(_ text: String) { writeError(lines(text, of: "vod-upload")) }

  /// `text` as it appears on stderr.
  static func lines(_ text: String) -> [UInt8] { Array(lines(text, of: "vod-upload").utf8) }
}

/// The properties of the terminal behind stdout.
struct Terminal {
  let size: TerminalProgress.Size
  let wantsColours: Bool
  /// Whether it doesn't support the escapes that move the cursor.
  let isDumb: Bool

  /// Nil if stdout isn't a terminal.
  static var current: Terminal? {
    guard Screen.isThere else { return nil }
    return Terminal(size: currentSize, wantsColours: Screen.takesColours, isDumb: Screen.isDumb)
  }

  static var currentSize: TerminalProgress.Size {
    let (columns, rows) = Screen.size
    return .init(columns: columns, rows: rows)
  }
}
