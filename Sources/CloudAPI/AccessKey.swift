package import Secrets

/// A long-lived key of a RAM user. The id names it, the secret is never shown.
///
/// The id may be shown whole once STS has accepted the key. Before that it is only what a file said: a person may have pasted the
/// secret, or something else that nobody should see, where the id belongs. So everything that prints an id goes by `maskedID`.
package struct AccessKey {
  package let id: String
  package let secret: Secret

  package init(id: String, secret: Secret) {
    self.id = id
    self.secret = secret
  }

  /// With what the ids of RAM users begin; those of temporary credentials begin with `STS.` (STS API reference, AssumeRole).
  package static let idPrefix = "LTAI"

  /// What may be shown of the id before STS has accepted the key: `LTAI…` and its last four characters.
  ///
  /// nil for a text that doesn't begin as an id does. Of one too short to hide anything the beginning alone is shown.
  package var maskedID: String? {
    guard id.hasPrefix(Self.idPrefix) else { return nil }
    return id.utf8.count < 12 ? "\(Self.idPrefix)…" : "\(Self.idPrefix)…\(id.suffix(4))"
  }

  /// Why the key looks cut off, as in "whose secret is shorter than 30 characters"; nil when it doesn't.
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

/// Who signs a request: a key, and the token that comes with it when it is a temporary one.
package struct SigningIdentity {
  package let key: AccessKey
  package let securityToken: Secret?
  /// The value of `x-acs-credentials-provider`, by which the vendor counts sources of credentials.
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
