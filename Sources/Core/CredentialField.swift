/// A part of a credential, by the name that it has on the command line.
package enum CredentialField: String, Hashable, CaseIterable, Sendable {
  case accessKeyID = "access_key_id"
  case accessKeySecret = "access_key_secret"
  case securityToken = "security_token"
  /// `YYYY-MM-DDThh:mm:ssZ`.
  case expiration
  /// When the session was issued, in the same form.
  case lastUpdated = "last_updated"

  /// The names in their order, as messages list them.
  package static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }

  /// What messages call it.
  package var noun: String {
    switch self {
    case .accessKeyID: "AccessKeyId"
    case .accessKeySecret: "AccessKeySecret"
    case .securityToken: "security token"
    case .expiration: "expiration"
    case .lastUpdated: "time of issue"
    }
  }
}
