/// Looks for the end of a head in bytes that arrive piece by piece, each byte once.
struct HeadScan {
  enum Result: Equatable {
    /// A whole head is there: so many bytes, its empty line included.
    case complete(Int)
    case incomplete
    /// A line that doesn't end in CRLF, or nothing in front of the first line's end.
    case malformed
  }

  /// How many bytes were looked at.
  private var seen = 0
  /// Where the line being read began.
  private var lineStart = 0

  /// `bytes` is all there is of the head so far: what was given before, and more.
  mutating func find(in bytes: Span<UInt8>) -> Result {
    while let end = bytes.place(of: UInt8(ascii: "\n"), from: seen) {
      seen = end
      guard end > lineStart, bytes[end - 1] == UInt8(ascii: "\r") else { return .malformed }
      if end == lineStart + 1 { return lineStart == 0 ? .malformed : .complete(end + 1) }
      seen += 1
      lineStart = seen
    }
    seen = bytes.count
    return .incomplete
  }
}
