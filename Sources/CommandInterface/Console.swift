import Core
import Glibc

/// The process's own streams.
package enum Console {
  /// Stdout couldn't be written to: a disk is full, or its reader has closed it.
  package struct WriteError: Error, CustomStringConvertible {
    package let number: CInt

    package init(number: CInt) { self.number = number }

    package var description: String { "cannot write to stdout: \(String(cString: strerror(number)))" }
  }

  /// Writes to stdout, and blocks while its reader doesn't read.
  package static func write(_ text: String) throws(WriteError) { try write(Array(text.utf8).span) }

  package static func write(_ bytes: Span<UInt8>) throws(WriteError) {
    let number = put(bytes, to: STDOUT_FILENO)
    guard number == 0 else { throw WriteError(number: number) }
  }

  /// Writes to stderr without a prefix, and blocks while its reader doesn't read.
  package static func writeError(_ text: String) {
    // If stderr is closed, the error can't be reported.
    _ = put(Array(text.utf8).span, to: STDERR_FILENO)
  }

  /// `text` as a program writes it to stderr: each line with the program's name, and with control characters escaped.
  package static func lines(_ text: String, of program: String) -> String {
    text.split(separator: "\n").map { "\(program): \(VisibleText.escaped(String($0)))\n" }.joined()
  }

  /// Writes all of `bytes`, blocking as long as necessary; returns 0, or an errno.
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
        // Another process that shares the stream has made it non-blocking.
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
