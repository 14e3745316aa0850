import Glibc

/// A tool's words to whoever runs it, at once and unbuffered.
package enum Console {
  /// A line on standard output.
  package static func print(_ line: String) { write(line, to: 1) }

  /// A line on standard error.
  package static func report(_ line: String) { write(line, to: 2) }

  private static func write(_ line: String, to descriptor: CInt) {
    var rest = Array((line + "\n").utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      // Nobody reads any more, so the failure can't be reported, either.
      guard count > 0 || errno == EINTR else { return }
      rest = rest.dropFirst(max(0, count))
    }
  }
}
