/// Creates SecurityTokens and parses them.
///
/// A token contains its whole session and a keyed hash over it, so that nothing is stored per token and none can be changed. The
/// corresponding AccessKeySecret is derived from the AccessKeyId. Both keys belong to this object: a token of another run of the
/// emulator is malformed in this one.
struct TokenMint: Sendable {
  // The first bytes of a token; in base64 this is CAIS, as in the vendor's tokens.
  private static let mark: [UInt8] = [0x08, 0x02, 0x12]
  private static let checksumLength = 32
  private static let secretMark = "EmulatedSecret"

  private let tokenKey: [UInt8]
  private let secretKey: [UInt8]

  init(seed: [UInt8] = Digests.random(32)) {
    tokenKey = Digests.hmacSHA256(key: seed, Array("token".utf8))
    secretKey = Digests.hmacSHA256(key: seed, Array("secret".utf8))
  }

  /// The maximum length of a token that is parsed, in characters.
  static let mostLength = 16_384

  /// `length` is its minimum length in characters; it is padded to that, since the vendor's tokens are longer than ours need to be.
  func token(for session: RoleSession, length: Int = 0) -> String {
    var bytes = Self.mark
    bytes += withUnsafeBytes(of: session.expires.microseconds.bigEndian) { Array($0) }
    for text in [session.keyID, session.account, session.role, session.name] { Self.append(text, to: &bytes) }
    for text in [session.policy, session.sourceIdentity] {
      bytes.append(text == nil ? 0 : 1)
      Self.append(text ?? "", to: &bytes)
    }
    // Four characters stand for three bytes. The padding after the texts isn't parsed.
    let missing = (min(length, Self.mostLength) / 4 * 3) - bytes.count - Self.checksumLength
    if missing > 0 { bytes += Array(repeating: 0, count: missing) }
    return TextCoding.base64(bytes + Digests.hmacSHA256(key: tokenKey, bytes))
  }

  /// The session of a token created by this object; nil for any other text.
  func session(of token: String) -> RoleSession? {
    guard token.utf8.count <= Self.mostLength, let bytes = TextCoding.bytes(base64: token),
      bytes.count > Self.mark.count + 8 + Self.checksumLength
    else { return nil }
    let content = Array(bytes.dropLast(Self.checksumLength))
    guard Digests.areEqual(Digests.hmacSHA256(key: tokenKey, content), bytes.suffix(Self.checksumLength)) else {
      return nil
    }
    var rest = content.dropFirst(Self.mark.count)
    let expires = rest.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    rest = rest.dropFirst(8)
    let texts = (0..<4).map { _ in Self.takeText(from: &rest) }
    let optionals = (0..<2).map { _ in
      let isPresent = rest.popFirst() == 1
      let text = Self.takeText(from: &rest)
      return isPresent ? text : nil
    }
    return RoleSession(
      keyID: texts[0], account: texts[1], role: texts[2], name: texts[3],
      expires: WallTime(microseconds: Int64(bitPattern: expires)), policy: optionals[0], sourceIdentity: optionals[1])
  }

  /// 44 letters and digits, like the vendor's. All have the same beginning, so that a leaked one can be found without knowing it.
  func secret(forKeyID keyID: String) -> String {
    Self.secretMark
      + Self.word(Digests.hmacSHA256(key: secretKey, Array(keyID.utf8)).prefix(44 - Self.secretMark.utf8.count))
  }

  /// `STS.` and 24 letters and digits.
  func newKeyID() -> String { "STS." + Self.word(Digests.random(24)) }

  private static func word(_ bytes: some Sequence<UInt8>) -> String {
    let alphabet = Array("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz123456789".utf8)
    return String(decoding: bytes.map { alphabet[Int($0) % alphabet.count] }, as: UTF8.self)
  }

  private static func append(_ text: String, to bytes: inout [UInt8]) {
    bytes += withUnsafeBytes(of: UInt16(text.utf8.count).bigEndian) { Array($0) } + Array(text.utf8)
  }

  // Only content with a valid keyed hash is parsed, so the lengths are our own.
  private static func takeText(from rest: inout ArraySlice<UInt8>) -> String {
    let count = rest.prefix(2).reduce(0) { $0 << 8 | Int($1) }
    rest = rest.dropFirst(2)
    defer { rest = rest.dropFirst(count) }
    return String(decoding: rest.prefix(count), as: UTF8.self)
  }
}
