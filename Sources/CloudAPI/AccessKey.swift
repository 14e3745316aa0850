package import Secrets

/// A long-lived key of a RAM user. The id names it, the secret is never shown.
///
/// The id may be shown in full only after STS has accepted the key. Before that it is just text from a file: somebody may have put
/// the secret, or something else that nobody should see, in place of the id. So everything that prints an id uses `maskedID`.
package struct AccessKey {
  package let id: String
  package let secret: Secret

  package init(id: String, secret: Secret) {
    self.id = id
    self.secret = secret
  }

  /// The beginning of RAM users' ids; ids of temporary credentials begin with `STS.` (STS API reference, AssumeRole).
  package static let idPrefix = "LTAI"

  /// The part of the id that may be shown before STS has accepted the key: `LTAI…` and its last four characters.
  ///
  /// Nil for a text that doesn't begin like an id. For one too short to hide anything, only the beginning is shown.
  package var maskedID: String? {
    guard id.hasPrefix(Self.idPrefix) else { return nil }
    return id.utf8.count < 12 ? "\(Self.idPrefix)…" : "\(Self.idPrefix)…\(id.suffix(4))"
  }

  /// Why the key looks truncated, as in "whose secret is shorter than 30 characters"; nil if it doesn't.
  ///
  /// No more than a suspicion: the vendor documents no lengths. In the example of CreateAccessKey (RAM API reference, 2015-05-01) the id
  /// has 16 characters and the secret 30; ids that begin with LTAI5t are seen with 24. Shorter ones may be valid, now or later.
  package var signOfCut: String? {
    if secret.withBytes({ $0.count }) < 30 { return "whose secret is shorter than 30 characters" }
    let usual = id.hasPrefix("LTAI5t") ? 24 : 16
    return id.utf8.count < usual ? "whose id is shorter than \(usual) characters" : nil
  }

  package func isSame(as other: AccessKey) -> Bool {
    id == other.id && secret.hasSameBytes(as: other.secret)
  }
}

/// The signer of a request: a key, and its token if it is a temporary one.
package struct SigningIdentity {
  package let key: AccessKey
  package let securityToken: Secret?
  /// The value of `x-acs-credentials-provider`, from which the vendor counts sources of credentials.
  package let provider: String

  /// A RAM user's own key.
  package init(_ key: AccessKey) {
    self.init(key: key, securityToken: nil, provider: "static_ak")
  }

  /// A session of a role.
  package init(sessionKey key: AccessKey, token: Secret) {
    self.init(key: key, securityToken: token, provider: "static_sts")
  }

  package init(key: AccessKey, securityToken: Secret?, provider: String) {
    self.key = key
    self.securityToken = securityToken
    self.provider = provider
  }
}
