import Glibc

/// What is known of the terminal behind stdout.
package enum Screen {
  package static var isThere: Bool { isatty(STDOUT_FILENO) == 1 }

  /// Whether it doesn't take the escapes that move the cursor: a dumb terminal, or one of unknown type, shows them as they are.
  package static var isDumb: Bool { ["dumb", nil].contains(Environment.value("TERM")) }

  /// NO_COLOR counts when it isn't empty (no-color.org).
  package static var takesColours: Bool { !isDumb && Environment.value("NO_COLOR") == nil }

  /// 80 columns of 24 rows where it doesn't say.
  package static var size: (columns: Int, rows: Int) {
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return (80, 24) }
    return (Int(size.ws_col), size.ws_row > 0 ? Int(size.ws_row) : 24)
  }
}
