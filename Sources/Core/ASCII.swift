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

  /// The value of a hexadecimal digit in either case; nil for any other character.
  @inlinable package var hexValue: UInt8? {
    switch self {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
    default: nil
    }
  }

  /// The hexadecimal digit, in lower case, of `value`, which is below 16.
  @inlinable package init(hexDigitOf value: UInt8) {
    self = value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
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
