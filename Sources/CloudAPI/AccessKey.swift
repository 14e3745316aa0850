package import Secrets

/// A long-lived key of a RAM user. The id names it and may be shown, the secret never.
package struct AccessKey {
  package let id: String
  package let secret: Secret

  package init(id: String, secret: Secret) {
    self.id = id
    self.secret = secret
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

  package init(key: AccessKey, securityToken: Secret?, provider: String) {
    self.key = key
    self.securityToken = securityToken
    self.provider = provider
  }
}
