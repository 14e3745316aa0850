/// Creates upload grants and parses their tokens.
///
/// A token contains the grant and a keyed hash over it, like a role session's (`TokenMint`), so that nothing is stored per grant
/// and none can be changed. The secret is derived from the AccessKeyId.
struct GrantMint: Sendable {
  private let mint = TokenMint()
  // In base64 the mark is CAES, which distinguishes them from role sessions' tokens.
  private let seal = TokenSeal(mark: [0x08, 0x01, 0x12], key: Digests.random(32))
  let region: String

  init(region: String) { self.region = region }

  func grant(for object: ObjectName, expires: WallTime) -> UploadGrant {
    let keyID = mint.newKeyID()
    var content: [UInt8] = []
    content.append(tokenField: expires)
    for text in [keyID, object.bucket, object.key] { content.append(tokenField: text) }
    return UploadGrant(
      keyID: keyID, secret: mint.secret(forKeyID: keyID), token: seal.token(content), object: object, expires: expires,
      region: region)
  }

  /// The grant of this token; nil for any other text.
  func grant(of token: String) -> UploadGrant? {
    guard var content = seal.content(of: token) else { return nil }
    let expires = content.takeTime()
    let texts = (0..<3).map { _ in content.takeText() }
    return UploadGrant(
      keyID: texts[0], secret: mint.secret(forKeyID: texts[0]), token: token,
      object: ObjectName(bucket: texts[1], key: texts[2]), expires: expires, region: region)
  }
}
