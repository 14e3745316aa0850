package import CloudAPI
package import Core
import Logs

/// An AccessKey as one kind of source.
extension AccessKeySource: CredentialSource {
  package var signer: SourceSigner {
    guard let key else {
      return .none(Failure(.permanent, code: Failure.noAccessKeyCode, advice: missingKeyAdvice))
    }
    return .identity(SigningIdentity(key))
  }

  /// A file is read at once.
  package var isAwaited: Bool { false }

  package var owner: CallerIdentity? { keys.current?.identity }

  package func explained(_ failure: Failure, of signer: SigningIdentity) -> Failure {
    failure.naming(keyPlace: location.keyPlace).naming(identity(of: signer.key))
  }

  package func accepted(_ signer: SigningIdentity) { accepted(signer.key) }
  package func denied(_ signer: SigningIdentity) { denied(signer.key) }

  /// The file is read again at once.
  package func refused(_ signer: SigningIdentity, _ failure: Failure, settled: @escaping () -> Void) -> AnyObject? {
    refused(signer.key, failure)
    return nil
  }

  package func renew() { reread() }

  package func takeOver(asking identities: any IdentityService) {
    self.identities = identities
    takeOver()
  }
}
