/// Classes of ASCII characters, for checking names, numbers and texts. Inlinable, since a call per byte would be measurable.
extension UInt8 {
  @inlinable package var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }

  @inlinable package var isLowercaseLetter: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self) }

  /// Upper or lower case.
  @inlinable package var isLetter: Bool { (self | 0x20).isLowercaseLetter }

  @inlinable package var isLetterOrDigit: Bool { isDigit || isLetter }

  @inlinable package var isHexDigit: Bool {
    isDigit || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(self | 0x20)
  }

  @inlinable package var isSpaceOrTab: Bool { self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") }

  /// Any printable character except the space.
  @inlinable package var isVisible: Bool { (0x21...0x7E).contains(self) }

  /// Any printable character, including the space.
  @inlinable package var isPrintable: Bool { (0x20...0x7E).contains(self) }

  @inlinable package var isControl: Bool { self < 0x20 || self == 0x7F }
}

extension Character {
  /// Whether it is a letter or digit of ASCII; those of other scripts aren't.
  @inlinable package var isASCIILetterOrDigit: Bool { asciiValue?.isLetterOrDigit ?? false }
}
