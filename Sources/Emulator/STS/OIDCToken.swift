/// An OIDC token: a JSON Web Token in compact form, signed with RS256 (RFC 7515 and 7519).
struct OIDCToken: Sendable {
  static let algorithm = "RS256"
  /// In characters (AssumeRoleWithOIDC, OIDCToken).
  private static let mostLength = 20_000

  let issuer: String
  let subject: String
  private let audiences: [String]
  private let expires: WallTime
  private let issued: WallTime?
  private let notBefore: WallTime?
  private let keyID: String?
  private let signed: [UInt8]
  private let signature: [UInt8]

  init(_ text: String) throws(Refusal) {
    guard !text.isEmpty else { throw .emptyOIDCToken }
    let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count == 3 else { throw .oidcTokenParts }
    let decoded = parts.compactMap { TextCoding.bytes(base64URL: String(Substring($0))) }
    guard decoded.count == 3, text.utf8.count <= Self.mostLength else { throw .oidcTokenCoding }
    guard let header = PolicyValue(json: String(decoding: decoded[0], as: UTF8.self)),
      let claims = PolicyValue(json: String(decoding: decoded[1], as: UTF8.self))
    else { throw .oidcTokenContent }
    let algorithm = header["alg"]?.text ?? ""
    guard algorithm == Self.algorithm else {
      throw .oidcToken("The algorithm \(algorithm) that be specified in Jwt header is unknown.")
    }
    guard let issuer = claims["iss"]?.text, let subject = claims["sub"]?.text, let audiences = claims["aud"]?.strings,
      let expires = try Self.time("exp", of: claims)
    else { throw .oidcTokenContent }
    self.issuer = issuer
    self.subject = subject
    self.audiences = audiences
    self.expires = expires
    issued = try Self.time("iat", of: claims)
    notBefore = try Self.time("nbf", of: claims)
    keyID = header["kid"]?.text
    signed = Array(text.utf8.prefix(parts[0].count + 1 + parts[1].count))
    signature = decoded[2]
  }

  /// Checks issuer, signature and times; in which order the service does is (?), and how it refuses a wrong issuer or a token from
  /// the future.
  func verify(for provider: OIDCProvider, by emulator: OIDCIssuer, at now: WallTime) throws(Refusal) {
    guard issuer.utf8.elementsEqual(provider.issuer.utf8) else { throw .oidcTokenContent }
    let keys = provider.keys.isEmpty ? emulator.publicKeys : provider.keys
    let fitting = keys.filter { $0.id == nil || keyID == nil || $0.id == keyID }
    guard fitting.contains(where: { $0.key.verifies(signature, of: signed) }) else { throw .oidcSignature }
    guard now < expires else { throw .oidcTokenExpired }
    guard (notBefore ?? now) <= now, (issued ?? now).seconds <= now.seconds + Gateway.skewSeconds else {
      throw .oidcTokenContent
    }
  }

  /// The first audience that the provider knows.
  func audience(for provider: OIDCProvider) throws(Refusal) -> String {
    guard
      let known = audiences.first(where: { audience in
        provider.clientIDs.contains { $0.utf8.elementsEqual(audience.utf8) }
      })
    else { throw .audience }
    return known
  }

  /// `OIDCTokenInfo` of the answer.
  var information: Fields {
    [
      "Subject": .text(subject), "Issuer": .text(issuer), "ClientIds": .text(audiences.joined(separator: ",")),
      "ExpirationTime": .text(expires.isoText), "IssuanceTime": .text(issued?.isoText ?? ""),
      "VerificationInfo": .text("Success"),
    ]
  }

  /// Nil without that claim, which may have a fraction (RFC 7519, NumericDate).
  private static func time(_ name: String, of claims: PolicyValue) throws(Refusal) -> WallTime? {
    guard let claim = claims[name] else { return nil }
    guard case .number(let text) = claim, let seconds = Double(text), abs(seconds) < 1e11 else {
      throw .oidcTokenContent
    }
    return WallTime(seconds: Int64(seconds))
  }
}
