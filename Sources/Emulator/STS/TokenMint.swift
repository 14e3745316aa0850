/// Creates SecurityTokens and parses them.
///
/// A token contains its whole session and a keyed hash over it, so that nothing is stored per token and none can be changed. The
/// corresponding AccessKeySecret is derived from the AccessKeyId. Both keys belong to this object: a token of another run of the
/// emulator is malformed in this one.
struct TokenMint: Sendable {
  private static let secretMark = "EmulatedSecret"

  // In base64 the mark is CAIS, as in the vendor's tokens.
  private let seal: TokenSeal
  private let secretKey: [UInt8]

  init(seed: [UInt8] = Digests.random(32)) {
    seal = TokenSeal(mark: [0x08, 0x02, 0x12], key: Digests.hmacSHA256(key: seed, Array("token".utf8)))
    secretKey = Digests.hmacSHA256(key: seed, Array("secret".utf8))
  }

  /// `length` is its minimum length in characters; it is padded to that, since the vendor's tokens are longer than ours need to be.
  func token(for session: RoleSession, length: Int = 0) -> String {
    var content: [UInt8] = []
    content.append(tokenField: session.expires)
    for text in [session.keyID, session.account, session.role, session.name] { content.append(tokenField: text) }
    for text in [session.policy, session.sourceIdentity] { content.append(tokenField: text) }
    // Four characters stand for three bytes. The padding after the texts isn't parsed.
    let missing =
      (min(length, TokenSeal.mostLength) / 4 * 3) - seal.mark.count - content.count - TokenSeal.checksumLength
    if missing > 0 { content += Array(repeating: 0, count: missing) }
    return seal.token(content)
  }

  /// The session of a token created by this object; nil for any other text.
  func session(of token: String) -> RoleSession? {
    guard var content = seal.content(of: token) else { return nil }
    let expires = content.takeTime()
    let texts = (0..<4).map { _ in content.takeText() }
    let optionals = (0..<2).map { _ in content.takeOptionalText() }
    return RoleSession(
      keyID: texts[0], account: texts[1], role: texts[2], name: texts[3], expires: expires, policy: optionals[0],
      sourceIdentity: optionals[1])
  }

  /// 44 letters and digits, like the vendor's. All have the same beginning, so that a leaked one can be found without knowing it.
  func secret(forKeyID keyID: String) -> String {
    Self.secretMark
      + Self.word(Digests.hmacSHA256(key: secretKey, Array(keyID.utf8)).prefix(44 - Self.secretMark.utf8.count))
  }

  /// `STS.` and 24 letters and digits.
  func newKeyID() -> String { "STS." + Self.word(Digests.random(24)) }

  /// `LTAI` and 20 letters and digits, as AccessKeys of users are.
  static func newAccessKeyID() -> String { "LTAI" + word(Digests.random(20)) }

  /// 30 letters and digits.
  static func newAccessKeySecret() -> String {
    secretMark + word(Digests.random(30 - secretMark.utf8.count))
  }

  private static func word(_ bytes: some Sequence<UInt8>) -> String {
    let alphabet = Array("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz123456789".utf8)
    return String(decoding: bytes.map { alphabet[Int($0) % alphabet.count] }, as: UTF8.self)
  }
}
