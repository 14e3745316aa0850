package import Core
package import Secrets

extension SessionCredential {
  /// The credential in a format, as it goes into a file or to stdout.
  package func rendered(as format: CredentialFormat) -> Secret {
    switch format {
    case .json: document().bytes
    case .env: environment()
    }
  }
}
