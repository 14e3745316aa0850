/// Classes of ASCII characters, by which names, numbers and texts are judged. Inlinable, since a call for each byte of a text would
/// show.
extension UInt8 {
  @inlinable package var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }

  @inlinable package var isLowercaseLetter: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self) }

  /// Of either case.
  @inlinable package var isLetter: Bool { (self | 0x20).isLowercaseLetter }

  @inlinable package var isLetterOrDigit: Bool { isDigit || isLetter }

  @inlinable package var isHexDigit: Bool {
    isDigit || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(self | 0x20)
  }

  @inlinable package var isSpaceOrTab: Bool { self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") }

  /// Any printable character but the space.
  @inlinable package var isVisible: Bool { (0x21...0x7E).contains(self) }

  /// Printable, the space too.
  @inlinable package var isPrintable: Bool { (0x20...0x7E).contains(self) }

  @inlinable package var isControl: Bool { self < 0x20 || self == 0x7F }
}

extension Character {
  /// Of the characters that ASCII has; no letter or digit of another script.
  @inlinable package var isASCIILetterOrDigit: Bool { asciiValue?.isLetterOrDigit ?? false }
}
