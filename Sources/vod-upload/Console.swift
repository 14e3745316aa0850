import Glibc
import Upload

/// The process's own streams.
enum Console {
  /// What was to be written to stdout couldn't be: the disk is full, or its reader is gone.
  struct WriteError: Error, CustomStringConvertible {
    let number: Int32

    var description: String { "cannot write to stdout: \(String(cString: strerror(number)))" }
  }

  /// Waits for whoever reads: for what ends at once.
  static func write(_ text: String) throws(WriteError) {
    let number = put(Array(text.utf8), to: STDOUT_FILENO)
    guard number == 0 else { throw WriteError(number: number) }
  }

  /// Writes to stderr, each line with the program's name. Waits for whoever reads: for what comes before the loop turns.
  static func report(_ text: String) {
    // There is nobody left to notify that stderr is closed.
    _ = put(lines(text), to: STDERR_FILENO)
  }

  /// `text` as it appears on stderr.
  static func lines(_ text: String) -> [UInt8] {
    Array(text.split(separator: "\n").map { "vod-upload: \($0)\n" }.joined().utf8)
  }

  /// Writes all of `bytes`, waiting as long as that takes; returns 0, or an errno.
  static func put(_ bytes: [UInt8], to descriptor: CInt) -> CInt {
    bytes.withUnsafeBytes { buffer in
      var done = 0
      while done < buffer.count {
        let count = Glibc.write(descriptor, buffer.baseAddress! + done, buffer.count - done)
        if count >= 0 {
          done += count
          continue
        }
        switch errno {
        case EINTR: break
        // Somebody who shares the stream has made it non-blocking.
        case EAGAIN:
          var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
          poll(&entry, 1, -1)
        case let number: return number
        }
      }
      return 0
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
