/// Creates upload grants and parses their tokens.
///
/// A token contains the grant and a keyed hash over it, like a role session's (`TokenMint`), so that nothing is stored per grant
/// and none can be changed. The secret is derived from the AccessKeyId.
struct GrantMint: Sendable {
  // In base64 this is CAES, which distinguishes them from role sessions' tokens.
  private static let mark: [UInt8] = [0x08, 0x01, 0x12]
  private static let checksumLength = 32

  private let mint = TokenMint()
  private let tokenKey = Digests.random(32)
  let region: String

  init(region: String) { self.region = region }

  func grant(for object: ObjectName, expires: WallTime) -> UploadGrant {
    let keyID = mint.newKeyID()
    var bytes = Self.mark
    bytes += withUnsafeBytes(of: expires.microseconds.bigEndian) { Array($0) }
    for text in [keyID, object.bucket, object.key] {
      bytes += withUnsafeBytes(of: UInt16(clamping: text.utf8.count).bigEndian) { Array($0) } + Array(text.utf8)
    }
    return UploadGrant(
      keyID: keyID, secret: mint.secret(forKeyID: keyID),
      token: TextCoding.base64(bytes + Digests.hmacSHA256(key: tokenKey, bytes)), object: object, expires: expires,
      region: region)
  }

  /// The grant of this token; nil for any other text.
  func grant(of token: String) -> UploadGrant? {
    guard token.utf8.count <= TokenMint.mostLength, let bytes = TextCoding.bytes(base64: token),
      bytes.count > Self.mark.count + 8 + Self.checksumLength
    else { return nil }
    let content = Array(bytes.dropLast(Self.checksumLength))
    guard Digests.areEqual(Digests.hmacSHA256(key: tokenKey, content), bytes.suffix(Self.checksumLength)) else {
      return nil
    }
    // Only content with a valid keyed hash is parsed, so the lengths are our own.
    var rest = content.dropFirst(Self.mark.count)
    let expires = rest.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    rest = rest.dropFirst(8)
    let texts = (0..<3).map { _ in
      let count = rest.prefix(2).reduce(0) { $0 << 8 | Int($1) }
      defer { rest = rest.dropFirst(2 + count) }
      return String(decoding: rest.dropFirst(2).prefix(count), as: UTF8.self)
    }
    return UploadGrant(
      keyID: texts[0], secret: mint.secret(forKeyID: texts[0]), token: token,
      object: ObjectName(bucket: texts[1], key: texts[2]),
      expires: WallTime(microseconds: Int64(bitPattern: expires)), region: region)
  }
}
