import Glibc

/// Standard error, written to without ever waiting for whoever is at the other end of a pipe or terminal.
struct ErrorStream {
  /// What the kernel takes at once of a pipe that it says is writable (pipe(7)).
  private static let piece = 4096
  /// Whether the last line got out in part only.
  private var isMidLine = false

  /// False when the line, or the rest of it, wasn't taken.
  mutating func write(_ line: String) -> Bool {
    var rest = Array(line.utf8)[...]
    // What comes next must not be taken for the end of a line that was cut.
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

  /// Of files and devices always true; nobody waits for those.
  private static var isWritable: Bool {
    var stream = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
    return poll(&stream, 1, 0) == 1 && stream.revents & Int16(POLLOUT) != 0
  }
}
