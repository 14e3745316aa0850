import Glibc

/// The properties of the terminal behind stdout.
package enum Screen {
  package static var isThere: Bool { isatty(STDOUT_FILENO) == 1 }

  /// Whether it doesn't support escapes: a dumb terminal, or one of unknown type, shows them as text.
  package static var isDumb: Bool { ["dumb", nil].contains(Environment.value("TERM")) }

  /// Whether it may show colours. NO_COLOR counts if it isn't empty (no-color.org).
  package static var takesColours: Bool { !isDumb && Environment.value("NO_COLOR") == nil }

  /// 80 columns and 24 rows if the terminal doesn't report its size.
  package static var size: (columns: Int, rows: Int) {
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return (80, 24) }
    return (Int(size.ws_col), size.ws_row > 0 ? Int(size.ws_row) : 24)
  }
}
