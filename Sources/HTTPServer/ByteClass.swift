import Glibc

/// Classes of bytes by where they may occur in a head.
struct ByteClass {
  /// tchar (RFC 9110, 5.6.2).
  static let token = ByteClass(bit: 1)
  /// pchar without the escape (RFC 3986, 3.3): unreserved, sub-delims, `:` and `@`.
  static let path = ByteClass(bit: 2)
  /// The bytes of a field value (RFC 9110, 5.5): visible characters, blanks, and bytes beyond ASCII.
  static let fieldText = ByteClass(bit: 4)

  private let bit: UInt8

  /// Sixteen bytes per line; the bits of a digit are the classes of its byte.
  private static let classes: StaticString = """
    0000000004000000\
    0000000000000000\
    4745757766776774\
    7777777777664644\
    6777777777777777\
    7777777777744457\
    5777777777777777\
    7777777777745470\
    4444444444444444\
    4444444444444444\
    4444444444444444\
    4444444444444444\
    4444444444444444\
    4444444444444444\
    4444444444444444\
    4444444444444444
    """

  func has(_ byte: UInt8) -> Bool { Self.classes.utf8Start[Int(byte)] & bit != 0 }
}

extension Span<UInt8> {
  /// The position of the first byte outside the class, at `start` or later; `end` if there is none.
  func end(of class: ByteClass, from start: Int, to end: Int) -> Int {
    extracting(start..<Swift.max(start, end)).withUnsafeBufferPointer { bytes in
      var place = 0
      while place < bytes.count, `class`.has(bytes[place]) { place += 1 }
      return start + place
    }
  }

  // Inlined, so that comparing with a literal compares machine words.

  /// Whether the bytes at `range` are `text`.
  @inline(__always)
  func holds(_ text: StaticString, _ range: Range<Int>) -> Bool {
    guard range.count == text.utf8CodeUnitCount else { return false }
    if range.isEmpty { return true }
    return extracting(range).withUnsafeBytes { memcmp($0.baseAddress!, text.utf8Start, text.utf8CodeUnitCount) == 0 }
  }

  /// Whether the bytes at `range` are `text`, which is in lower case, ignoring the case of ASCII letters.
  @inline(__always)
  func holds(_ text: StaticString, ignoringCaseIn range: Range<Int>) -> Bool {
    guard range.count == text.utf8CodeUnitCount else { return false }
    return extracting(range).withUnsafeBufferPointer { bytes in
      for offset in 0..<text.utf8CodeUnitCount {
        let isUpper = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(bytes[offset])
        if (isUpper ? bytes[offset] | 0x20 : bytes[offset]) != text.utf8Start[offset] { return false }
      }
      return true
    }
  }

  /// Whether both ranges contain the same bytes.
  func isSame(_ first: Range<Int>, _ second: Range<Int>) -> Bool {
    guard first.count == second.count else { return false }
    for offset in 0..<first.count where self[first.lowerBound + offset] != self[second.lowerBound + offset] {
      return false
    }
    return true
  }
}
