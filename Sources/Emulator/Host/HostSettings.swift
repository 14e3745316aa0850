/// The metadata service of an ECS instance.
package struct MetadataSettings: Sendable {
  /// The instance's RAM role; nil for none.
  package var role: ServedRole?
  /// Whether requests without a token are answered, as HttpTokens=optional lets them, which is an instance's default (ECS,
  /// ModifyInstanceMetadataOptions).
  package var allowsV1 = true

  package init() {}

  /// Reads `[ecs]`.
  init(_ table: TOMLTable) throws(AccountModelError) {
    try table.allow(["role", "lifetime", "renew_before", "imds_v1"])
    // Six hours is what consumers assume. How long before its end the service replaces a credential is (?).
    role = try ServedRole(table, lifetimeSeconds: 21_600, renewBeforeSeconds: 1800)
    allowsV1 = try table.boolean("imds_v1") ?? allowsV1
  }
}

/// A server for ALIBABA_CLOUD_CREDENTIALS_URI.
package struct CredentialsURISettings: Sendable {
  package var role: ServedRole?
  /// The only path that is answered.
  package var path = "/credentials"

  package init() {}

  /// Reads `[credentials_uri]`.
  init(_ table: TOMLTable) throws(AccountModelError) {
    try table.allow(["role", "lifetime", "renew_before", "path"])
    role = try ServedRole(table, lifetimeSeconds: 3600, renewBeforeSeconds: 600)
    path = try table.string("path") ?? path
    guard path.hasPrefix("/") else { throw table.error("'path' begins with '/'") }
  }
}

/// KMS Agent, and the secrets that KMS keeps.
package struct KMSSettings: Sendable {
  /// The RAM user whose AccessKey a secret holds and KMS rotates.
  package struct Secret: Sendable {
    package let account: String
    package let user: String

    package init(account: String, user: String) {
      self.account = account
      self.user = user
    }
  }

  package var secrets: [String: Secret] = [:]
  /// How long an answer may be old. The agent's own default is 300 s ("KMS Agent overview", TTL).
  package var cacheSeconds: Int64 = 0

  package init() {}

  /// Reads `[kms]`.
  init(_ table: TOMLTable) throws(AccountModelError) {
    try table.allow(["secrets", "cache"])
    cacheSeconds = try table.seconds("cache") ?? cacheSeconds
    for (name, secret) in try table.tables("secrets") {
      try secret.allow(["account", "user"])
      guard let account = try secret.string("account"), let user = try secret.string("user") else {
        throw secret.error("a secret has 'account' and 'user'")
      }
      secrets[name] = Secret(account: account, user: user)
    }
  }
}
