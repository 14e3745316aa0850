import Glibc

/// Standard error, written without ever waiting for the reader of a pipe or terminal.
struct ErrorStream {
  /// How much the kernel accepts at once for a pipe that it reports as writable (pipe(7)).
  private static let piece = 4096
  /// Whether the last line was written only in part.
  private var isMidLine = false

  /// False if the line, or the rest of it, wasn't accepted.
  mutating func write(_ line: String) -> Bool {
    var rest = Array(line.utf8)[...]
    // Separates the next line from the rest of a truncated one.
    if isMidLine { rest = [UInt8(ascii: "\n")] + rest }
    var isBegun = false
    while !rest.isEmpty {
      let count =
        Self.isWritable
        ? rest.prefix(Self.piece).withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) } : 0
      guard count > 0 else {
        if isBegun { isMidLine = true }
        return false
      }
      isBegun = true
      rest = rest.dropFirst(count)
    }
    isMidLine = false
    return true
  }

  /// Always true for files and devices, which don't block.
  private static var isWritable: Bool {
    var stream = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
    return poll(&stream, 1, 0) == 1 && stream.revents & Int16(POLLOUT) != 0
  }
}
