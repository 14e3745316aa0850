internal import Core
internal import Secrets

/// The text of a field of a credential, as formats write it.
enum CredentialValue {
  case plain(String)
  case secret(Secret)
}

extension SessionCredential {
  func value(of field: CredentialField) -> CredentialValue {
    switch field {
    case .accessKeyID: .plain(accessKeyID)
    case .accessKeySecret: .secret(accessKeySecret)
    case .securityToken: .secret(securityToken)
    case .expiration: .plain(expiration.description)
    case .lastUpdated: .plain(issued.description)
    }
  }
}

extension SecretBuffer {
  mutating func append(_ value: CredentialValue) {
    switch value {
    case .plain(let plain): append(plain)
    case .secret(let secret): append(secret)
    }
  }
}
