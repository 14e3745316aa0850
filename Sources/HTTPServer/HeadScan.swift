import Glibc

/// Looks for the end of a head in bytes that arrive piece by piece, each byte once.
struct HeadScan {
  enum Result: Equatable {
    /// A whole head is there: so many bytes, its empty line included, and one in front of it if there was one.
    case complete(Int)
    case incomplete
    /// A line that doesn't end in CRLF, or a second empty line in front of the first that isn't.
    case refused(HeadRefusal)
  }

  /// How many bytes were looked at.
  private(set) var seen = 0
  /// Where the line being read began.
  private var lineStart = 0

  /// `bytes` is all there is of the head so far: what was given before, and more.
  mutating func find(in bytes: Span<UInt8>) -> Result {
    bytes.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return .incomplete }
      while let found = memchr(base + seen, CInt(UInt8(ascii: "\n")), bytes.count - seen) {
        let end = base.distance(to: UnsafeRawPointer(found))
        seen = end
        guard end > lineStart, bytes[end - 1] == UInt8(ascii: "\r") else { return .refused(.lineEnd) }
        // The second line begins at 2 only when the first was empty.
        if end == lineStart + 1, lineStart > 0 { return lineStart == 2 ? .refused(.emptyLines) : .complete(end + 1) }
        seen += 1
        lineStart = seen
      }
      seen = bytes.count
      return .incomplete
    }
  }
}
