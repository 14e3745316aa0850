import Glibc

/// Which characters may stand where.
enum ByteClass {
  /// tchar (RFC 9110, 5.6.2).
  static func isToken(_ byte: UInt8) -> Bool { has(byte, tokens) }

  /// pchar without the escape (RFC 3986, 3.3): unreserved, sub-delims, `:` and `@`.
  static func isPathCharacter(_ byte: UInt8) -> Bool { has(byte, pathCharacters) }

  static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

  /// What a field value is made of (RFC 9110, 5.5): visible characters, blanks, and bytes beyond ASCII.
  static func isFieldText(_ byte: UInt8) -> Bool { byte >= 0x20 && byte != 0x7F || byte == UInt8(ascii: "\t") }

  static func hexadecimal(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    default: nil
    }
  }

  /// A set of ASCII characters, a bit each: those below 64, and those from 64 on.
  private typealias Bits = (low: UInt64, high: UInt64)

  // Written as numbers, so that they are constants of the program and need no check whether they are made yet.
  /// Letters, digits and ``!#$%&'*+-.^_`|~``.
  private static let tokens: Bits = (0x03FF_6CFA_0000_0000, 0x57FF_FFFF_C7FF_FFFE)
  /// Letters, digits and `!$&'()*+,-.:;=@_~`.
  private static let pathCharacters: Bits = (0x2FFF_7FD2_0000_0000, 0x47FF_FFFE_87FF_FFFF)

  private static func has(_ byte: UInt8, _ set: Bits) -> Bool {
    byte < 128 && (byte < 64 ? set.low : set.high) &>> UInt64(byte) & 1 == 1
  }
}

extension Span<UInt8> {
  /// Where the first such byte is at `start` or behind it.
  func place(of byte: UInt8, from start: Int) -> Int? {
    extracting(droppingFirst: start).withUnsafeBytes { rest in
      guard let base = rest.baseAddress, let found = memchr(base, CInt(byte), rest.count) else { return nil }
      return start + base.distance(to: UnsafeRawPointer(found))
    }
  }

  /// Where the first byte is that stands for itself in no path, at `start` or behind it; `end` when there is none.
  func endOfPathCharacters(from start: Int, to end: Int) -> Int {
    extracting(start..<Swift.max(start, end)).withUnsafeBufferPointer { bytes in
      var place = 0
      while place < bytes.count, ByteClass.isPathCharacter(bytes[place]) { place += 1 }
      return start + place
    }
  }

  /// Whether the bytes at `range` are `text`.
  func holds(_ text: StaticString, _ range: Range<Int>) -> Bool {
    guard range.count == text.utf8CodeUnitCount else { return false }
    if range.isEmpty { return true }
    return extracting(range).withUnsafeBytes { memcmp($0.baseAddress!, text.utf8Start, $0.count) == 0 }
  }

  /// Whether the bytes at `range` are `text`, which is in lower case, but for the case of ASCII letters.
  func holds(_ text: StaticString, ignoringCaseIn range: Range<Int>) -> Bool {
    guard range.count == text.utf8CodeUnitCount else { return false }
    return text.withUTF8Buffer { text in
      for offset in 0..<text.count {
        let byte = self[range.lowerBound + offset]
        let isUpper = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
        if (isUpper ? byte | 0x20 : byte) != text[offset] { return false }
      }
      return true
    }
  }

  /// Whether the same bytes stand at both places.
  func isSame(_ first: Range<Int>, _ second: Range<Int>) -> Bool {
    guard first.count == second.count else { return false }
    for offset in 0..<first.count where self[first.lowerBound + offset] != self[second.lowerBound + offset] {
      return false
    }
    return true
  }
}
