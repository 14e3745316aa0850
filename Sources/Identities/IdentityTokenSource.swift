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
/// Whoever issues the token replaces the file. It is read for each request, on another thread (`TokenFile`), and never kept. It may be absent or
/// half-written for a moment, so its faults pass, and its directory is watched.
package final class IdentityTokenSource: CredentialSource {
  package var name: String { settings.name }
  package let settings: SourceSettings
  private let token: IdentityTokenSettings
  private let log: Log
  private let scheduler: any Scheduler
  private let file: TokenFile
  private var problem: (failure: Failure, since: Timestamp)?
  private var accepted: (first: Timestamp, last: Timestamp)?
  private var watch: DirectoryWatch?
  private var version: FileVersion?
  /// The look at the file's version that is under way, and whether another one has to follow.
  private var look: AnyObject?
  private var looksAgain = false
  /// Called when the file has changed: what failed may work now.
  package var changed: () -> Void = {}
  /// Called when the status may have changed.
  package var stateChanged: () -> Void = {}

  package init(
    _ settings: SourceSettings, _ token: IdentityTokenSettings, log: Log, scheduler: any Scheduler
  ) throws {
    self.settings = settings
    self.token = token
    self.log = log
    self.scheduler = scheduler
    file = try TokenFile(
      token.tokenFile, lengths: IdentityToken.lengths, mayOthersWrite: false, scheduler: scheduler)
  }

  /// Calls `changed` from now on. A directory that can't be watched is no fault of its own: the file is looked at every minute then.
  package func watch(on loop: EventLoop) throws {
    version = FileVersion(token.tokenFile)
    watch = try DirectoryWatch(ofParentOf: token.tokenFile, loop: loop, faulted: { _ in }) { [unowned self] in
      lookAtFile()
    }
  }

  /// On another thread, since its file system may not answer.
  private func lookAtFile() {
    guard look == nil else {
      looksAgain = true
      return
    }
    let path = token.tokenFile
    // Without a thread it is noticed by the next look, within a minute.
    look = try? scheduler.call({ FileVersion(path) }) { [unowned self] new in
      look = nil
      if new != version {
        version = new
        if new != nil { changed() }
      }
      guard looksAgain else { return }
      looksAgain = false
      lookAtFile()
    }
  }

  package func withSigner(_ body: @escaping (SourceSigner) -> Void) -> AnyObject? {
    file.read { [unowned self] outcome in body(signer(of: outcome)) }
  }

  private func signer(of outcome: TokenFile.Outcome) -> SourceSigner {
    switch outcome.mapError({ Self.unreadable(token, $0.why, $0.fix) }).flatMap({ Self.token($0, token) }) {
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

  /// There is none between requests.
  package var signer: SourceSigner {
    .none(
      problem?.failure
        ?? Failure(.transient, code: Self.fileCode, advice: "source '\(name)': its token is read for each request"))
  }

  package var isReady: Bool { problem?.failure.code != Self.fileCode }

  package struct Unreadable: Error {
    /// `token file 'PATH': WHY`.
    package let problem: String
    package let fix: String
  }

  /// Reads the token file, which may block.
  package static func read(_ token: IdentityTokenSettings) -> Result<IdentityToken, Unreadable> {
    do throws(SecretLine.Unusable) {
      let text = try SecretLine.read(token.tokenFile, lengths: IdentityToken.lengths, mayOthersWrite: false)
      return Self.token(text, token)
    } catch { return .failure(unreadable(token, error.why, error.fix)) }
  }

  private static func token(_ text: Secret, _ token: IdentityTokenSettings) -> Result<IdentityToken, Unreadable> {
    guard let read = IdentityToken(providerARN: token.providerARN, token: text) else {
      return .failure(
        unreadable(
          token, "not a JSON Web Token in compact form",
          "it has to hold the token of the identity provider and nothing else"))
    }
    return .success(read)
  }

  private static func unreadable(_ token: IdentityTokenSettings, _ why: String, _ fix: String) -> Unreadable {
    Unreadable(problem: "token file '\(token.tokenFile)': \(why)", fix: fix)
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
    problem = (failure, problem?.since ?? scheduler.time)
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
