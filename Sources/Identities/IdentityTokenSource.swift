package import CloudAPI
package import Core
package import Logs
package import Settings
import HTTPClient
import Secrets
package import Systemd
package import Wire

/// A token of an OIDC identity provider in a file: its roles are assumed with that instead of a signature.
///
/// Whoever issues the token replaces the file. It is read for each request, and never kept. It may be absent or half-written for a
/// moment, so its faults pass, and its directory is watched.
package final class IdentityTokenSource: CredentialSource {
  package var name: String { settings.name }
  package let settings: SourceSettings
  private let token: IdentityTokenSettings
  private let log: Log
  private let now: () -> Timestamp
  private var problem: (failure: Failure, since: Timestamp)?
  private var accepted: (first: Timestamp, last: Timestamp)?
  private var watch: DirectoryWatch?
  private var version: FileVersion?
  /// Called when the file has changed: what failed may work now.
  package var changed: () -> Void = {}
  /// Called when the status may have changed.
  package var stateChanged: () -> Void = {}

  package init(_ settings: SourceSettings, _ token: IdentityTokenSettings, log: Log, now: @escaping () -> Timestamp) {
    self.settings = settings
    self.token = token
    self.log = log
    self.now = now
  }

  /// Calls `changed` from now on. A directory that can't be watched is no fault of its own: the file is looked at every minute then.
  package func watch(on loop: EventLoop) throws {
    version = FileVersion(token.tokenFile)
    watch = try DirectoryWatch(ofParentOf: token.tokenFile, loop: loop, faulted: { _ in }) { [unowned self] in
      let new = FileVersion(token.tokenFile)
      guard new != version else { return }
      version = new
      if new != nil { changed() }
    }
  }

  package var signer: SourceSigner {
    switch Self.read(token) {
    case .success(let read):
      if problem?.failure.code == Self.fileCode { problem = nil }
      return .token(read)
    case .failure(let unreadable):
      let failure = Failure(
        .transient, code: Self.fileCode, advice: "source '\(name)': \(unreadable.problem); \(unreadable.fix)")
      note(failure)
      return .none(failure)
    }
  }

  package struct Unreadable: Error {
    /// `token file 'PATH': WHY`.
    package let problem: String
    package let fix: String
  }

  /// Reads the token file.
  package static func read(_ token: IdentityTokenSettings) -> Result<IdentityToken, Unreadable> {
    func unreadable(_ why: String, _ fix: String) -> Result<IdentityToken, Unreadable> {
      .failure(Unreadable(problem: "token file '\(token.tokenFile)': \(why)", fix: fix))
    }
    do throws(SecretLine.Unusable) {
      let text = try SecretLine.read(token.tokenFile, lengths: IdentityToken.lengths, mayOthersWrite: false)
      guard let read = IdentityToken(providerARN: token.providerARN, token: text) else {
        return unreadable(
          "not a JSON Web Token in compact form", "it has to hold the token of the identity provider and nothing else")
      }
      return .success(read)
    } catch { return unreadable(error.why, error.fix) }
  }

  private static let fileCode = Failure.identityTokenFileCode

  /// A file is read at once.
  package var isAwaited: Bool { false }
  package var owner: CallerIdentity? { nil }

  package func explained(_ failure: Failure) -> Failure {
    Self.explained(failure, name: name, token)
  }

  /// The failure of a request with the token of source `name`, with what is known about it.
  package static func explained(_ failure: Failure, name: String, _ token: IdentityTokenSettings) -> Failure {
    guard failure.code.hasPrefix("AuthenticationFail") else { return failure }
    let advice =
      failure.code == "AuthenticationFail.OIDCToken.Expired"
      ? "the identity token has expired; look why its file isn't renewed" : failure.advice
    return failure.withAdvice("\(advice) (source '\(name)', token file '\(token.tokenFile)')")
  }

  /// AssumeRoleWithOIDC issued a session.
  package func accepted(at instant: Timestamp) {
    accepted = (accepted?.first ?? instant, instant)
    if problem != nil {
      problem = nil
      stateChanged()
    }
  }

  /// STS doesn't accept the token, or the role doesn't trust its provider.
  package func refused(_ failure: Failure) {
    if failure.code.hasPrefix("AuthenticationFail.OIDCToken") { note(failure) }
  }

  private func note(_ failure: Failure) {
    let isNews = problem?.failure.code != failure.code
    problem = (failure, problem?.since ?? now())
    if isNews { stateChanged() }
  }

  // MARK: - What only a signature needs

  package func explained(_ failure: Failure, of signer: SigningIdentity) -> Failure { explained(failure) }
  package func accepted(_ signer: SigningIdentity) {}
  package func denied(_ signer: SigningIdentity) {}
  package func refused(_ signer: SigningIdentity, _ failure: Failure, settled: @escaping () -> Void) -> AnyObject? {
    nil
  }
  package func renew() {}
  package func retry() {}
  package func takeOver(asking identities: any IdentityService) {}

  // MARK: - Reporting

  private var state: SourceState {
    if let problem { return problem.failure.code == Self.fileCode ? .unreadable : .refused }
    return accepted == nil ? .unproven : .working
  }

  package func status(clock: ServerClock) -> SourceStatus {
    SourceStatus(
      name: name, type: settings.kind.type.rawValue, state: state,
      provenAt: accepted.map { clock.calendar(at: $0.first) },
      lastAcceptedAt: accepted.map { clock.calendar(at: $0.last) }, error: error(clock))
  }

  package func forReaders(clock: ServerClock) -> RoleSource {
    RoleSource(name: name, state: state, error: error(clock))
  }

  private func error(_ clock: ServerClock) -> LastError? {
    problem.map { LastError($0.failure, since: clock.calendar(at: $0.since)) }
  }

  package var trouble: String? {
    problem.map { "source '\(name)': the identity token can't be used (\($0.failure.code))" }
  }
}
