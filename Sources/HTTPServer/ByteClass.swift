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

  var isText: Bool { bit == Self.fieldText.bit }

  func has(_ byte: UInt8) -> Bool { Self.classes.utf8Start[Int(byte)] & bit != 0 }
}

extension Span<UInt8> {
  /// The position of the first byte outside the class, at `start` or later; `end` if there is none.
  func end(of class: ByteClass, from start: Int, to end: Int) -> Int {
    extracting(start..<Swift.max(start, end)).withUnsafeBufferPointer { bytes in
      var place = `class`.isText ? Self.plainPrefix(bytes) : 0
      while place < bytes.count, `class`.has(bytes[place]) { place += 1 }
      return start + place
    }
  }

  /// How many bytes can be taken for field text at once: a multiple of eight without a control character, for values of a kilobyte, such as
  /// a certificate.
  private static func plainPrefix(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
    guard let base = UnsafeRawPointer(bytes.baseAddress) else { return 0 }
    let (ones, tops): (UInt64, UInt64) = (0x0101_0101_0101_0101, 0x8080_8080_8080_8080)
    var place = 0
    while place + 8 <= bytes.count {
      let word = base.loadUnaligned(fromByteOffset: place, as: UInt64.self)
      // A byte's top bit is set by the first if it is less than 0x20, by the second if it is 0x7F; a borrow may set that of the next byte, too,
      // which the search byte by byte then passes.
      let controls = (word &- 0x20 * ones) & ~word
      let deletes = ((word ^ 0x7F * ones) &- ones) & ~(word ^ 0x7F * ones)
      if (controls | deletes) & tops != 0 { break }
      place += 8
    }
    return place
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
