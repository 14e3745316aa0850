import Core

extension CredentialField {
  /// Its text, as `--help` lists it.
  var meaning: String {
    switch self {
    case .accessKeyID: "the AccessKeyId, which begins with STS."
    case .accessKeySecret: "the AccessKeySecret"
    case .securityToken: "the security token"
    case .expiration: "when the credential expires, as 2026-01-31T12:00:00Z"
    case .lastUpdated: "when it was issued, in the same form"
    }
  }
}
