import Core
import Glibc

/// The process's own streams.
package enum Console {
  /// What was to be written to stdout couldn't be: the disk is full, or its reader is gone.
  package struct WriteError: Error, CustomStringConvertible {
    package let number: CInt

    package init(number: CInt) { self.number = number }

    package var description: String { "cannot write to stdout: \(String(cString: strerror(number)))" }
  }

  /// Waits for whoever reads.
  package static func write(_ text: String) throws(WriteError) { try write(Array(text.utf8).span) }

  package static func write(_ bytes: Span<UInt8>) throws(WriteError) {
    let number = put(bytes, to: STDOUT_FILENO)
    guard number == 0 else { throw WriteError(number: number) }
  }

  /// Writes to stderr as it stands, and waits for whoever reads.
  package static func writeError(_ text: String) {
    // There is nobody left to notify that stderr is closed.
    _ = put(Array(text.utf8).span, to: STDERR_FILENO)
  }

  /// `text` as a program says it on stderr: each line with its name, and what would disturb a terminal escaped.
  package static func lines(_ text: String, of program: String) -> String {
    text.split(separator: "\n").map { "\(program): \(VisibleText.escaped(String($0)))\n" }.joined()
  }

  /// Writes all of `bytes`, waiting as long as that takes; returns 0, or an errno.
  package static func put(_ bytes: Span<UInt8>, to descriptor: CInt) -> CInt {
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
