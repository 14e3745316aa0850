internal import Core

// Parts that the signatures of the vendor's gateway and of OSS have in common.

extension [UInt8] {
  /// Appends the text's UTF-8 percent-encoded: all bytes but `A-Z a-z 0-9 - _ . ~` as `%XX`, in upper case; slashes are kept on
  /// request.
  mutating func append(percentEncoded text: String, keepingSlashes: Bool = false) {
    for byte in text.utf8 {
      if byte.isUnreserved || keepingSlashes && byte == UInt8(ascii: "/") {
        append(byte)
      } else {
        append(UInt8(ascii: "%"))
        append(Self.hexDigit(byte >> 4))
        append(Self.hexDigit(byte & 0xF))
      }
    }
  }

  static func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
  }
}

extension String {
  /// All bytes but `A-Z a-z 0-9 - _ . ~` as `%XX`, in upper case.
  package init(percentEncoded text: String, keepingSlashes: Bool = false) {
    var bytes: [UInt8] = []
    bytes.append(percentEncoded: text, keepingSlashes: keepingSlashes)
    self.init(decoding: bytes, as: UTF8.self)
  }

  /// Most header names are already in lower case.
  var inLowerCase: String {
    utf8.allSatisfy { $0 < 0x80 && ($0.isLowercaseLetter || !$0.isLetter) } ? self : lowercased()
  }

  /// Without blanks at either end. By bytes, since handling a value by characters costs more than the rest of a signature.
  var trimmed: String {
    let bytes = utf8
    guard bytes.first?.isSpaceOrTab == true || bytes.last?.isSpaceOrTab == true else { return self }
    guard let first = bytes.firstIndex(where: { !$0.isSpaceOrTab }),
      let last = bytes.lastIndex(where: { !$0.isSpaceOrTab })
    else { return "" }
    return String(decoding: bytes[first...last], as: UTF8.self)
  }
}

extension UInt8 {
  /// RFC 3986, section 2.3.
  var isUnreserved: Bool {
    switch self {
    case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "~"): true
    default: isLetterOrDigit
    }
  }
}
