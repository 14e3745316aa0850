import Glibc

/// Looks for the end of a head in bytes that arrive piece by piece, scanning each byte once.
struct HeadScan {
  enum Result: Equatable {
    /// The length of a whole head, including its empty line and an empty line in front, if there is one.
    case complete(Int)
    case incomplete
    /// A line doesn't end in CRLF, or a second empty line precedes the request line.
    case refused(HeadRefusal)
  }

  /// How many bytes have been scanned.
  private(set) var seen = 0
  /// Where the current line begins.
  private var lineStart = 0

  /// `bytes` is all of the head so far: the bytes of the call before, and more.
  mutating func find(in bytes: Span<UInt8>) -> Result {
    bytes.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return .incomplete }
      while let found = memchr(base + seen, CInt(UInt8(ascii: "\n")), bytes.count - seen) {
        let end = base.distance(to: UnsafeRawPointer(found))
        seen = end
        guard end > lineStart, bytes[end - 1] == UInt8(ascii: "\r") else { return .refused(.lineEnd) }
        // The second line begins at 2 only if the first was empty.
        if end == lineStart + 1, lineStart > 0 { return lineStart == 2 ? .refused(.emptyLines) : .complete(end + 1) }
        seen += 1
        lineStart = seen
      }
      seen = bytes.count
      return .incomplete
    }
  }
}
