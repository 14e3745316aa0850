/// A JSON value of a policy document or a token. Policies write numbers and booleans as strings.
indirect enum PolicyValue: Sendable {
  case string(String)
  /// As it is written.
  case number(String)
  case list([PolicyValue])
  case object([(name: String, value: PolicyValue)])
  case other

  /// Parses one strict JSON document (RFC 8259): nesting up to 16, no duplicate key, nothing after it; nil otherwise.
  init?(json text: String) {
    var reader = PolicyReader(Array(text.utf8))
    guard let value = reader.document() else { return nil }
    self = value
  }
}

private struct PolicyReader {
  private let text: [UInt8]
  private var at = 0

  init(_ text: [UInt8]) { self.text = text }

  mutating func document() -> PolicyValue? {
    guard let value = value(depth: 0) else { return nil }
    skipBlanks()
    return at == text.count ? value : nil
  }

  private var next: UInt8? { at < text.count ? text[at] : nil }

  private mutating func value(depth: Int) -> PolicyValue? {
    skipBlanks()
    switch next {
    case UInt8(ascii: "{") where depth < 16: return object(depth: depth + 1)
    case UInt8(ascii: "[") where depth < 16: return list(depth: depth + 1)
    case UInt8(ascii: "\""): return string().map { .string($0) }
    case UInt8(ascii: "t"): return literal("true")
    case UInt8(ascii: "f"): return literal("false")
    case UInt8(ascii: "n"): return literal("null")
    default: return number()
    }
  }

  private mutating func object(depth: Int) -> PolicyValue? {
    var members: [(name: String, value: PolicyValue)] = []
    at += 1
    skipBlanks()
    if take(UInt8(ascii: "}")) { return .object([]) }
    repeat {
      skipBlanks()
      guard next == UInt8(ascii: "\""), let name = string(),
        // By bytes: as Strings, é as one scalar and é as two are equal.
        !members.contains(where: { $0.name.utf8.elementsEqual(name.utf8) })
      else { return nil }
      skipBlanks()
      guard take(UInt8(ascii: ":")), let value = value(depth: depth) else { return nil }
      members.append((name: name, value: value))
      skipBlanks()
    } while take(UInt8(ascii: ","))
    return take(UInt8(ascii: "}")) ? .object(members) : nil
  }

  private mutating func list(depth: Int) -> PolicyValue? {
    var values: [PolicyValue] = []
    at += 1
    skipBlanks()
    if take(UInt8(ascii: "]")) { return .list([]) }
    repeat {
      guard let value = value(depth: depth) else { return nil }
      values.append(value)
      skipBlanks()
    } while take(UInt8(ascii: ","))
    return take(UInt8(ascii: "]")) ? .list(values) : nil
  }

  private mutating func string() -> String? {
    var bytes: [UInt8] = []
    at += 1
    while let byte = next {
      at += 1
      switch byte {
      case UInt8(ascii: "\""): return String(validating: bytes, as: UTF8.self)
      case UInt8(ascii: "\\"):
        guard let scalar = escape() else { return nil }
        bytes += Array(String(scalar).utf8)
      case 0..<0x20: return nil
      default: bytes.append(byte)
      }
    }
    return nil
  }

  private mutating func escape() -> Unicode.Scalar? {
    guard let symbol = next else { return nil }
    at += 1
    switch symbol {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(symbol)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{c}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): return unicodeEscape()
    default: return nil
    }
  }

  private mutating func unicodeEscape() -> Unicode.Scalar? {
    guard let first = fourHexDigits() else { return nil }
    guard (0xD800...0xDBFF).contains(first) else { return Unicode.Scalar(first) }
    guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")), let second = fourHexDigits(),
      (0xDC00...0xDFFF).contains(second)
    else { return nil }
    return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
  }

  private mutating func fourHexDigits() -> UInt32? {
    guard at + 4 <= text.count, text[at..<at + 4].allSatisfy({ Unicode.Scalar($0).properties.isASCIIHexDigit }) else {
      return nil
    }
    defer { at += 4 }
    return UInt32(String(decoding: text[at..<at + 4], as: UTF8.self), radix: 16)
  }

  /// An optional `-`, integer, fraction and exponent as in RFC 8259, 6.
  private mutating func number() -> PolicyValue? {
    let start = at
    _ = take(UInt8(ascii: "-"))
    guard take(UInt8(ascii: "0")) || digits() else { return nil }
    if take(UInt8(ascii: ".")), !digits() { return nil }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      guard digits() else { return nil }
    }
    return .number(String(decoding: text[start..<at], as: UTF8.self))
  }

  private mutating func digits() -> Bool {
    let start = at
    while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { at += 1 }
    return at > start
  }

  private mutating func literal(_ word: String) -> PolicyValue? {
    guard text[at...].starts(with: word.utf8) else { return nil }
    at += word.utf8.count
    return .other
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard next == byte else { return false }
    at += 1
    return true
  }

  private mutating func skipBlanks() {
    while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { at += 1 }
  }
}
