/// The part of an object that a `Range` header asks for (RFC 9110, 14.2).
enum ByteRange: Sendable, Equatable {
  case whole
  case part(Range<Int>)
  /// No byte of the object is in it.
  case beyond

  /// Reads `bytes=FIRST-LAST`, `bytes=FIRST-` and `bytes=-COUNT`; any other text, and several ranges, mean the whole.
  init(_ header: String?, of size: Int) {
    self = .whole
    guard let header, header.hasPrefix("bytes=") else { return }
    let ends = header.dropFirst("bytes=".count).split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count == 2, ends.allSatisfy({ $0.utf8.allSatisfy(RoleReference.isDigit) }) else { return }
    switch (Int(ends[0]), Int(ends[1])) {
    case (nil, nil): return
    case (nil, let count?): self = count == 0 || size == 0 ? .beyond : .part(max(0, size - count)..<size)
    case (let first?, let last):
      if let last, last < first { return }
      self = first >= size ? .beyond : .part(first..<min(size - 1, last ?? size) + 1)
    }
  }
}
