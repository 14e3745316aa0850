package import Core
package import Secrets

extension SessionCredential {
  /// The credential in a format, for a file or stdout.
  package func rendered(as format: CredentialFormat) -> Secret {
    switch format {
    case .json: document().bytes
    case .env: environment()
    }
  }
}
