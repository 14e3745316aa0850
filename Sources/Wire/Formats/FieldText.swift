package import Core
package import Secrets

extension SessionCredential {
  /// One field in a line of its own.
  package func line(of field: CredentialField) -> Secret {
    var line = SecretBuffer(capacity: 1024)
    line.append(value(of: field))
    line.append("\n")
    return line.finish()
  }
}
