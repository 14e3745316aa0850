import Synchronization

/// Makes tokens as an OIDC provider would, with an RSA key of this run.
final class OIDCIssuer: Sendable {
  /// The content of a token.
  struct Claims: Sendable {
    var issuer: String
    var subject: String
    var audience: String
    var lifetimeSeconds: Int64 = 3600
    /// How long after its issue it becomes valid.
    var notBeforeSeconds: Int64 = 0
  }

  private static let keyID = "emulator"

  /// Made when it is needed first, since that takes a while.
  private let key = Mutex<RSAKeyPair?>(nil)

  /// Empty if there can be no key.
  var publicKeys: [OIDCProvider.Key] {
    (try? keyPair()).map { [OIDCProvider.Key(id: Self.keyID, key: $0.publicKey)] } ?? []
  }

  /// With `isForged` another key signs it.
  func token(_ claims: Claims, isForged: Bool = false, at now: WallTime) throws(CertificateError) -> String {
    let header: Fields = [
      "alg": .text(OIDCToken.algorithm), "typ": .text("JWT"), "kid": .text(Self.keyID),
    ]
    let content: Fields = [
      "iss": .text(claims.issuer), "sub": .text(claims.subject), "aud": .text(claims.audience),
      "iat": .number(now.seconds), "nbf": .number(now.seconds + claims.notBeforeSeconds),
      "exp": .number(now.seconds + claims.lifetimeSeconds),
    ]
    let signed = [header, content].map { TextCoding.base64URL(Array($0.json.utf8)) }.joined(separator: ".")
    let pair = try isForged ? RSAKeyPair() : keyPair()
    return "\(signed).\(TextCoding.base64URL(try pair.signature(of: Array(signed.utf8))))"
  }

  private func keyPair() throws(CertificateError) -> RSAKeyPair {
    try key.withLock { key throws(CertificateError) in
      if let key { return key }
      let made = try RSAKeyPair()
      key = made
      return made
    }
  }
}
