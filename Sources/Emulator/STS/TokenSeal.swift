/// Makes tokens of bytes that nobody else can change: base64 of a mark, the bytes and a keyed hash over both.
struct TokenSeal: Sendable {
  /// The maximum length of a token that is parsed, in characters.
  static let mostLength = 16_384
  static let checksumLength = 32

  /// The first bytes of each token; they distinguish tokens of different kinds, in base64 as well.
  let mark: [UInt8]
  let key: [UInt8]

  func token(_ content: [UInt8]) -> String {
    let bytes = mark + content
    return TextCoding.base64(bytes + Digests.hmacSHA256(key: key, bytes))
  }

  /// The content of a token made with this key; nil for any other text.
  func content(of token: String) -> TokenContent? {
    guard token.utf8.count <= Self.mostLength, let bytes = TextCoding.bytes(base64: token),
      bytes.count > mark.count + Self.checksumLength
    else { return nil }
    let sealed = Array(bytes.dropLast(Self.checksumLength))
    guard Digests.areEqual(Digests.hmacSHA256(key: key, sealed), bytes.suffix(Self.checksumLength)) else { return nil }
    return TokenContent(rest: sealed.dropFirst(mark.count))
  }
}

/// Reads the fields of a token's content in their order. Only content with a valid keyed hash is read, so the lengths are our own.
struct TokenContent {
  fileprivate var rest: ArraySlice<UInt8>

  mutating func takeTime() -> WallTime {
    defer { rest = rest.dropFirst(8) }
    return WallTime(microseconds: Int64(bitPattern: rest.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }))
  }

  mutating func takeText() -> String {
    let count = rest.prefix(2).reduce(0) { $0 << 8 | Int($1) }
    rest = rest.dropFirst(2)
    defer { rest = rest.dropFirst(count) }
    return String(decoding: rest.prefix(count), as: UTF8.self)
  }

  mutating func takeOptionalText() -> String? {
    let isPresent = rest.popFirst() == 1
    let text = takeText()
    return isPresent ? text : nil
  }
}

extension [UInt8] {
  mutating func append(tokenField time: WallTime) {
    Swift.withUnsafeBytes(of: time.microseconds.bigEndian) { append(contentsOf: $0) }
  }

  mutating func append(tokenField text: String) {
    Swift.withUnsafeBytes(of: UInt16(clamping: text.utf8.count).bigEndian) { append(contentsOf: $0) }
    append(contentsOf: text.utf8)
  }

  mutating func append(tokenField text: String?) {
    append(text == nil ? 0 : 1)
    append(tokenField: text ?? "")
  }
}
