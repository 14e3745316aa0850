internal import Core
internal import Secrets

/// Base64 (RFC 4648, sections 4 and 5) of content that may be secret.
enum Base64 {
  /// With or without padding, in either alphabet, with blanks and line feeds anywhere; nil for anything else.
  static func decode(_ text: Span<UInt8>) -> Secret? {
    var bytes = SecretBuffer(capacity: text.count / 4 * 3 + 3)
    var (bits, digits, padding) = (UInt32(0), 0, 0)
    for place in text.indices {
      let letter = text[place]
      if letter.isBlank || letter == UInt8(ascii: "\n") { continue }
      if letter == UInt8(ascii: "=") {
        padding += 1
        continue
      }
      guard padding == 0, let digit = value(of: letter) else { return nil }
      bits = bits << 6 | digit
      digits += 1
      if digits % 4 == 0 { append(bits, 3, to: &bytes) }
    }
    guard padding <= 2, padding == 0 || (digits + padding) % 4 == 0 else { return nil }
    switch digits % 4 {
    case 0: break
    case 2: append(bits << 12, 1, to: &bytes)
    case 3: append(bits << 6, 2, to: &bytes)
    default: return nil
    }
    return bytes.finish()
  }

  /// The first `count` of the three bytes in the low 24 bits.
  private static func append(_ bits: UInt32, _ count: Int, to bytes: inout SecretBuffer) {
    for place in 0..<count { bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(16 - 8 * place))) }
  }

  private static func value(of letter: UInt8) -> UInt32? {
    switch letter {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(letter - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(letter - UInt8(ascii: "a")) + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(letter - UInt8(ascii: "0")) + 52
    case UInt8(ascii: "+"), UInt8(ascii: "-"): 62
    case UInt8(ascii: "/"), UInt8(ascii: "_"): 63
    default: nil
    }
  }
}
