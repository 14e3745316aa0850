/// An OIDC identity provider of an account (RAM, CreateOIDCProvider).
package struct OIDCProvider: Sendable {
  struct Key: Sendable {
    /// `kid` of tokens; nil for any.
    let id: String?
    let key: RSAPublicKey
  }

  let name: String
  /// What a token's `iss` has to be.
  let issuer: String
  /// What a token's `aud` may be.
  let clientIDs: [String]
  /// Empty for a provider whose tokens the emulator makes itself.
  let keys: [Key]

  /// A provider of the emulator's own tokens.
  package init(name: String, issuer: String, clientIDs: [String]) {
    self.name = name
    self.issuer = issuer
    self.clientIDs = clientIDs
    keys = []
  }

  /// Reads `issuer`, `client_ids`, and either `jwks` or `public_keys`.
  init(_ name: String, of account: String, _ table: TOMLTable) throws(AccountModelError) {
    try table.allow(["issuer", "client_ids", "jwks", "public_keys"])
    guard let issuer = try table.string("issuer"), !issuer.isEmpty else {
      throw table.error("an OIDC provider has an 'issuer'")
    }
    let clientIDs = try table.strings("client_ids")
    guard !clientIDs.isEmpty else { throw table.error("an OIDC provider has 'client_ids'") }
    var keys: [Key] = []
    if let text = try table.string("jwks") {
      guard let read = Self.keys(jwks: text) else { throw table.error("'jwks' is no set of RSA keys (RFC 7517)") }
      keys = read
    }
    for pem in try table.strings("public_keys") {
      guard let key = RSAPublicKey(pem: pem) else { throw table.error("'public_keys' are RSA public keys in PEM") }
      keys.append(Key(id: nil, key: key))
    }
    self.name = name
    self.issuer = issuer
    self.clientIDs = clientIDs
    self.keys = keys
  }

  /// Nil unless it is a set with at least one RSA key; other keys are skipped.
  private static func keys(jwks text: String) -> [Key]? {
    guard case .list(let entries)? = PolicyValue(json: text)?["keys"] else { return nil }
    let keys = entries.compactMap { entry -> Key? in
      guard entry["kty"]?.text == "RSA", let modulus = entry["n"]?.text.flatMap(TextCoding.bytes(base64URL:)),
        let exponent = entry["e"]?.text.flatMap(TextCoding.bytes(base64URL:))
      else { return nil }
      return Key(id: entry["kid"]?.text, key: RSAPublicKey(modulus: modulus, exponent: exponent))
    }
    return keys.isEmpty ? nil : keys
  }
}

extension PolicyValue {
  /// Nil for anything but a string.
  var text: String? {
    if case .string(let text) = self { text } else { nil }
  }

  /// A member of an object; nil for anything else.
  subscript(name: String) -> PolicyValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name.utf8.elementsEqual(name.utf8) }?.value
  }
}
