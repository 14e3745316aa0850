package import CloudAPI
package import Core
import Secrets
package import Wire

/// What signs AssumeRole for roles: one `[source.NAME]` of the settings.
///
/// None of its calls blocks. A source whose credential is temporary renews it by itself, ahead of its end, and keeps the last good one
/// until that lapses.
package protocol CredentialSource: AnyObject {
  var name: String { get }

  /// Who signs now, or why nobody can, without a look at a file.
  var signer: SourceSigner { get }

  /// Who signs the next request, or why nobody can. Calls `body` at once and returns nil; or, if a file has to be read first, once in a later
  /// turn, if the returned object is kept.
  func withSigner(_ body: @escaping (SourceSigner) -> Void) -> AnyObject?

  /// Whether there is something to sign with, as far as it is known.
  var isReady: Bool { get }

  /// Whether its first credential is still being fetched: roles wait for that without an attempt of their own.
  var isAwaited: Bool { get }

  /// The owner of the credential that signs now, by GetCallerIdentity; nil if it isn't known.
  var owner: CallerIdentity? { get }

  /// The failure of a request that `signer` signed, with what this source knows about it.
  func explained(_ failure: Failure, of signer: SigningIdentity) -> Failure

  /// AssumeRole issued a session to `signer`.
  func accepted(_ signer: SigningIdentity)

  /// AssumeRole knows `signer`, and denies it the role.
  func denied(_ signer: SigningIdentity)

  /// STS doesn't accept `signer` itself: the source looks for another credential.
  ///
  /// Nil if that is over when this returns, so that `signer` may be another now. Otherwise calls `settled` once, in a later turn, if the
  /// returned object is kept.
  func refused(_ signer: SigningIdentity, _ failure: Failure, settled: @escaping () -> Void) -> AnyObject?

  /// Looks for another credential, since the one that signed has lapsed.
  func renew()

  /// A person may have changed something, here or in the console.
  func retry()

  /// From now on this source is in force, in place of those of the settings before.
  func takeOver(asking identities: any IdentityService)

  /// The server's time is another than before.
  func clockCorrected()

  /// `clock` turns instants into the server's time.
  func status(clock: ServerClock) -> SourceStatus

  /// The part for readers of the roles that it signs for.
  func forReaders(clock: ServerClock) -> RoleSource

  /// A clause on the problem, for the service as a whole; nil if there is none.
  var trouble: String? { get }
}

extension CredentialSource {
  package func withSigner(_ body: @escaping (SourceSigner) -> Void) -> AnyObject? {
    body(signer)
    return nil
  }

  package var isReady: Bool { signer.isThere }

  /// Only a source that judges an end by the server's time needs this.
  package func clockCorrected() {}
}

/// Who signs a request.
package enum SourceSigner {
  case identity(SigningIdentity)
  /// Nobody: the request carries this token instead of a signature.
  case token(IdentityToken)
  /// Nobody, for this reason.
  case none(Failure)
}

extension SourceSigner {
  package var isThere: Bool { if case .none = self { false } else { true } }

  package var identity: SigningIdentity? { if case .identity(let identity) = self { identity } else { nil } }
}

extension SigningIdentity {
  /// Whether both are the same credential.
  package func isSame(as other: SigningIdentity) -> Bool {
    guard key.isSame(as: other.key) else { return false }
    guard let token = securityToken, let its = other.securityToken else {
      return securityToken == nil && other.securityToken == nil
    }
    return token.hasSameBytes(as: its)
  }
}

extension Failure {
  /// Whether STS doesn't accept the credential that signed, so that another one may do better.
  package var blamesSigner: Bool { blamesAccessKey || code.hasPrefix("InvalidSecurityToken") }

  func withAdvice(_ advice: String) -> Failure {
    Failure(kind, code: code, httpStatus: httpStatus, requestID: requestID, notBefore: notBefore, advice: advice)
  }
}
