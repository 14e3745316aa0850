package import CloudAPI
package import Core
import Secrets
package import Wire

/// Lends the sessions of the roles that the daemon keeps.
package protocol SessionLender: AnyObject {
  /// The session that the role's readers get, with its end; nil if it has none that is valid.
  func session(of role: RoleName) -> LentSession?

  /// Whether the role's first attempt is still to have an outcome.
  func isAwaited(_ role: RoleName) -> Bool

  /// The failure of the role's latest attempt; nil if it succeeded, or none was made.
  func lastFailure(of role: RoleName) -> LastError?

  /// STS didn't accept this session of the role. Has STS asked about it, and another one fetched if STS doesn't know it any more.
  ///
  /// Nil if the role doesn't hold it, or not any more. Otherwise calls `settled` once, in a later turn, when the role has another session,
  /// or can't get one, or the session proved to be good; if the returned object is kept.
  func doubt(_ accessKeyID: String, of role: RoleName, settled: @escaping () -> Void) -> AnyObject?

  /// The roles from `role` to the source at the end of its chain, by their names.
  func chain(of role: RoleName) -> [String]
}

/// A role's session, lent to sign for other roles.
package struct LentSession {
  package let signer: SigningIdentity
  package let since: UTCTime
  package let expiration: UTCTime

  package init(signer: SigningIdentity, since: UTCTime, expiration: UTCTime) {
    self.signer = signer
    self.since = since
    self.expiration = expiration
  }
}

/// The session of a role that the daemon keeps, which signs for other roles.
///
/// The role is refreshed as every other one; its floor says how much of a session is left at least. So the sources of a chain are
/// renewed before what depends on them, and a rotation needs no hand-over: the session before is valid until its end.
package final class ChainedSource: CredentialSource {
  package let name: String
  package let role: RoleName
  private unowned let lender: any SessionLender
  /// Called when another session signs from now on, or the first attempt for one had its outcome.
  package var changed: () -> Void = {}
  private var lastAccepted: (key: String, at: Timestamp)?
  private let now: () -> Timestamp

  package init(name: String, role: RoleName, lender: any SessionLender, now: @escaping () -> Timestamp) {
    self.name = name
    self.role = role
    self.lender = lender
    self.now = now
  }

  package var signer: SourceSigner {
    if let session = lender.session(of: role) { return .identity(session.signer) }
    let why = lender.lastFailure(of: role).map { "\($0.code): \($0.advice)" } ?? "its first one is being fetched"
    // Not permanent: it goes on as soon as the role has a session.
    return .none(
      Failure(
        .transient, code: Failure.sourceNotReadyCode,
        advice: "waits for source '\(name)': role '\(role)' has no session (\(why))"))
  }

  package var isAwaited: Bool { lender.isAwaited(role) }

  package var owner: CallerIdentity? { nil }

  package func explained(_ failure: Failure, of signer: SigningIdentity) -> Failure {
    if failure.blamesSigner {
      return failure.withAdvice(
        "STS doesn't accept the session of role '\(role)', by which source '\(name)' signs; look at: rolekeeper status \(role)"
      )
    }
    guard failure.concernsSigner else { return failure }
    return failure.withAdvice("\(failure.adviceForSession(of: role)) (source '\(name)')")
  }

  package func accepted(_ signer: SigningIdentity) { lastAccepted = (signer.key.id, now()) }

  package func denied(_ signer: SigningIdentity) {}

  package func refused(_ signer: SigningIdentity, _ failure: Failure, settled: @escaping () -> Void) -> AnyObject? {
    // It may have been rotated meanwhile.
    guard lender.session(of: role)?.signer.isSame(as: signer) == true else { return nil }
    return lender.doubt(signer.key.id, of: role, settled: settled)
  }

  package func renew() {}
  package func retry() {}
  package func takeOver(asking identities: any IdentityService) {}

  private var state: SourceState {
    if lender.session(of: role) != nil { return .working }
    return isAwaited ? .fetching : .noCredential
  }

  package func status(clock: ServerClock) -> SourceStatus {
    let session = lender.session(of: role)
    var status = SourceStatus(
      name: name, type: "role", state: state, accessKeyID: session?.signer.key.id, inUseSince: session?.since,
      provenAt: session?.since,
      lastAcceptedAt: lastAccepted.flatMap { $0.key == session?.signer.key.id ? clock.calendar(at: $0.at) : nil },
      error: error)
    status.expiresAt = session?.expiration
    status.role = role.description
    return status
  }

  package func forReaders(clock: ServerClock) -> RoleSource {
    var source = RoleSource(name: name, state: state, error: error)
    source.chain = lender.chain(of: role)
    return source
  }

  /// The role's own trouble is reported with the role.
  private var error: LastError? { state == .noCredential ? lender.lastFailure(of: role) : nil }

  package var trouble: String? {
    guard state == .noCredential else { return nil }
    let code = lender.lastFailure(of: role).map { " (\($0.code))" } ?? ""
    return "source '\(name)': role '\(role)' has no session\(code)"
  }
}
