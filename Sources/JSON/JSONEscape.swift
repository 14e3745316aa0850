/// Characters with a special meaning in RFC 8259: blanks (section 2) and escapes (section 7), in both directions.
enum JSONEscape {
  static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

  /// The byte that `\letter` stands for; nil for `u` and for letters without a meaning.
  static func byte(named letter: UInt8) -> UInt8? {
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): letter
    case UInt8(ascii: "b"): 0x08
    case UInt8(ascii: "f"): 0x0C
    case UInt8(ascii: "n"): 0x0A
    case UInt8(ascii: "r"): 0x0D
    case UInt8(ascii: "t"): 0x09
    default: nil
    }
  }

  /// The letter to write after a backslash for `byte`: `u` for control characters without a letter, nil if the byte needs no
  /// escape.
  static func letter(for byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): byte
    case 0x08: UInt8(ascii: "b")
    case 0x0C: UInt8(ascii: "f")
    case 0x0A: UInt8(ascii: "n")
    case 0x0D: UInt8(ascii: "r")
    case 0x09: UInt8(ascii: "t")
    case 0..<0x20: UInt8(ascii: "u")
    default: nil
    }
  }

  /// The number in `\uXXXX` at `escape`, whose six bytes lie inside `text`; nil if they aren't hex digits.
  static func codeUnit(at escape: Int, in text: Span<UInt8>) -> UInt32? {
    var unit: UInt32 = 0
    for index in escape + 2..<escape + 6 {
      guard let digit = hexValue(text[index]) else { return nil }
      unit = unit << 4 | digit
    }
    return unit
  }

  static func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }

  private static func hexValue(_ digit: UInt8) -> UInt32? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(digit - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(digit - UInt8(ascii: "A") + 10)
    default: nil
    }
  }
}
