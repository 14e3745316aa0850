import CommandInterface
import Secrets

extension Console {
  static func write(_ secret: Secret) throws(WriteError) {
    try secret.withBytes { (bytes) throws(WriteError) in try write(bytes) }
  }

  /// Writes to stderr, each line with the program's name.
  static func report(_ text: String) { writeError(lines(text, of: "rolekeeper")) }
}

/// The properties of the terminal behind stdout.
struct Terminal {
  /// Its columns; nil if stdout isn't a terminal, where lines may have any length.
  let width: Int?
  let wantsColours: Bool

  static var current: Terminal {
    guard Screen.isThere else { return Terminal(width: nil, wantsColours: false) }
    return Terminal(width: Screen.size.columns, wantsColours: Screen.takesColours)
  }
}
