/// Hexadecimal, base64 and percent encodings of bytes.
enum TextCoding {
  static func hex(_ bytes: [UInt8]) -> String { hex(bytes, lowerHexDigits) }

  static func upperHex(_ bytes: [UInt8]) -> String { hex(bytes, upperHexDigits) }

  private static func hex(_ bytes: [UInt8], _ digits: [UInt8]) -> String {
    String(unsafeUninitializedCapacity: 2 * bytes.count) { text in
      for (index, byte) in bytes.enumerated() {
        text[2 * index] = digits[Int(byte >> 4)]
        text[2 * index + 1] = digits[Int(byte & 15)]
      }
      return 2 * bytes.count
    }
  }

  /// Standard base64 with padding (RFC 4648, 4).
  static func base64(_ bytes: [UInt8]) -> String {
    String(unsafeUninitializedCapacity: (bytes.count + 2) / 3 * 4) { text in
      var end = 0
      for start in stride(from: 0, to: bytes.count, by: 3) {
        let count = min(3, bytes.count - start)
        var bits: UInt32 = 0
        for place in 0..<3 { bits = bits << 8 | (place < count ? UInt32(bytes[start + place]) : 0) }
        for place in 0..<4 {
          text[end + place] = place <= count ? base64Alphabet[Int(bits >> (18 - 6 * UInt32(place)) & 63)] : pad
        }
        end += 4
      }
      return end
    }
  }

  /// The inverse of `base64`; nil for any text that `base64` wouldn't produce, including nonzero unused bits.
  static func bytes(base64 text: String) -> [UInt8]? {
    let symbols = Array(text.utf8)
    guard symbols.count % 4 == 0 else { return nil }
    guard !symbols.isEmpty else { return [] }
    let padding = symbols.last != pad ? 0 : symbols[symbols.count - 2] != pad ? 1 : 2
    var bytes: [UInt8] = []
    bytes.reserveCapacity(symbols.count / 4 * 3)
    var bits: UInt32 = 0
    for (index, symbol) in symbols.enumerated() {
      let isPadding = index >= symbols.count - padding
      guard let value = isPadding ? 0 : base64Value(symbol) else { return nil }
      bits = bits << 6 | value
      if index % 4 == 3 {
        bytes.append(UInt8(bits >> 16 & 255))
        bytes.append(UInt8(bits >> 8 & 255))
        bytes.append(UInt8(bits & 255))
        bits = 0
      }
    }
    for unused in bytes.suffix(padding) where unused != 0 { return nil }
    bytes.removeLast(padding)
    return bytes
  }

  /// Base64 for URLs, without padding (RFC 4648, 5; RFC 7515, 2).
  static func base64URL(_ bytes: [UInt8]) -> String {
    String(decoding: base64(bytes).utf8.compactMap { exchanged($0, "+/=", "-_") }, as: UTF8.self)
  }

  /// The inverse of `base64URL`; nil for any other text.
  static func bytes(base64URL text: String) -> [UInt8]? {
    guard !text.utf8.contains(where: { "+/=".utf8.contains($0) }) else { return nil }
    let symbols = text.utf8.compactMap { exchanged($0, "-_", "+/") }
    let padding = String(repeating: "=", count: (4 - symbols.count % 4) % 4)
    return padding.utf8.count == 3 ? nil : bytes(base64: String(decoding: symbols, as: UTF8.self) + padding)
  }

  /// The symbol at the same place of `new` as `symbol` has in `old`, nil if there is none; itself if it isn't in `old`.
  private static func exchanged(_ symbol: UInt8, _ old: String, _ new: String) -> UInt8? {
    guard let place = Array(old.utf8).firstIndex(of: symbol) else { return symbol }
    let replacements = Array(new.utf8)
    return place < replacements.count ? replacements[place] : nil
  }

  /// Percent-encodes as both signatures require: letters, digits and `-_.~` stay, every other byte is `%XX`. With `keepingSlashes`
  /// slashes stay, too, as in the path that OSS signs.
  static func percentEncoded(_ text: String, keepingSlashes: Bool = false) -> String {
    var encoded: [UInt8] = []
    encoded.reserveCapacity(text.utf8.count * 3 / 2)
    for byte in text.utf8 {
      if isUnreserved(byte) || keepingSlashes && byte == UInt8(ascii: "/") {
        encoded.append(byte)
      } else {
        encoded.append(UInt8(ascii: "%"))
        encoded.append(upperHexDigits[Int(byte >> 4)])
        encoded.append(upperHexDigits[Int(byte & 15)])
      }
    }
    return String(decoding: encoded, as: UTF8.self)
  }

  /// Decodes one key or value of a query or form, in which `+` is a blank; nil for a broken `%` escape or text that isn't UTF-8.
  static func formDecoded(_ text: some Sequence<UInt8>) -> String? { decoded(text, plusIsBlank: true) }

  /// Decodes a path, in which `+` is literal; nil for a broken `%` escape or text that isn't UTF-8.
  static func percentDecoded(_ text: some Sequence<UInt8>) -> String? { decoded(text, plusIsBlank: false) }

  private static func decoded(_ text: some Sequence<UInt8>, plusIsBlank: Bool) -> String? {
    var bytes: [UInt8] = []
    var rest = text.makeIterator()
    while let byte = rest.next() {
      switch byte {
      case UInt8(ascii: "+") where plusIsBlank: bytes.append(UInt8(ascii: " "))
      case UInt8(ascii: "%"):
        guard let high = rest.next().flatMap(hexValue), let low = rest.next().flatMap(hexValue) else { return nil }
        bytes.append(high << 4 | low)
      default: bytes.append(byte)
      }
    }
    return String(validating: bytes, as: UTF8.self)
  }

  private static let lowerHexDigits = Array("0123456789abcdef".utf8)
  private static let upperHexDigits = Array("0123456789ABCDEF".utf8)
  private static let base64Alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  private static let pad = UInt8(ascii: "=")

  private static func base64Value(_ symbol: UInt8) -> UInt32? {
    switch symbol {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(symbol - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(symbol - UInt8(ascii: "a")) + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(symbol - UInt8(ascii: "0")) + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }

  private static func hexValue(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
  }

  private static func isUnreserved(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
      UInt8(ascii: "~"):
      true
    default: false
    }
  }
}
