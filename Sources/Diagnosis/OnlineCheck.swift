import CloudAPI
import Core
import Glibc
import STS
package import Settings
import Systemd

/// Has STS issue a session to each role, and throws the sessions away.
///
/// Calls of AssumeRole come one after the other, never faster than `requests_per_second`: a running daemon keeps its own calls. Once no
/// endpoint answers any more, nothing further is asked.
package struct OnlineCheck {
  /// What was found, by which the command's exit status is chosen.
  package enum Outcome {
    case allGood
    /// STS refuses a key or a role, until a person changes something.
    case refused
    /// Nothing was refused for good, but not everything could be tried.
    case incomplete
  }

  let settings: DaemonSettings
  let probe: STSProbe
  private var bucket: TokenBucket
  /// Of the roles that others have as their source.
  private(set) var sessions: [RoleName: SigningIdentity] = [:]
  /// The subjects of the roles for which STS issued one.
  private(set) var issued: Set<String> = []
  private(set) var isUnreachable = false
  /// Whether this host's clock was compared with another one.
  private var hasClock = false
  private var isRefused = false
  var isIncomplete = false
  /// The longest wait that a throttling answer is followed for.
  private static let longestWait = Duration.seconds(10)

  package init(_ settings: DaemonSettings, hostName: String) throws {
    self.settings = settings
    probe = try STSProbe(settings.sts, hostName: hostName)
    bucket = TokenBucket(rate: settings.sts.requestsPerSecond, burst: 1, at: Self.now)
  }

  /// Whether an endpoint answered the last time that one was asked.
  package var reachesSTS: Bool { !isUnreachable }

  package var outcome: Outcome { isRefused ? .refused : isIncomplete ? .incomplete : .allGood }

  // MARK: - Endpoints

  /// Whether each endpoint answers, and how this host's clock compares with theirs.
  package mutating func tryEndpoints(_ report: inout FindingReport) {
    let tries = settings.sts.endpoints.map { ($0, probe.reach($0)) }
    let areSilent = tries.allSatisfy { if case .failure = $0.1 { true } else { false } }
    for (endpoint, result) in tries {
      let subject = "endpoint \(endpoint)"
      switch result {
      case .success(let reached): report.add(Finding(.ok, subject, "answers, in \(Self.milliseconds(reached.took))"))
      case .failure(let trouble):
        report.add(Finding(areSilent ? .failed : .warning, subject, trouble.problem, next: trouble.remedy))
      }
    }
    isUnreachable = areSilent
    // A role of a tier may do without for a while, but not everything is well.
    if areSilent { isIncomplete = true }
    compareClock(with: "STS", &report)
  }

  /// Once: all servers have the same time.
  mutating func compareClock(with server: String, _ report: inout FindingReport) {
    guard !hasClock, let lead = probe.lead else { return }
    hasClock = true
    report.add(.clock(lead: lead, of: server))
  }

  private static func milliseconds(_ span: Duration) -> String { "\(max(1, span.microseconds / 1000)) ms" }

  // MARK: - Sources and roles

  /// Looks for what a source signs with, and asks whose it is; then tries `roles`, which it signs for. Roles of a tier are tried as their
  /// `fallback`.
  package mutating func trySource(
    _ subject: String, _ key: SourceKey, roles: [RoleSettings], _ report: inout FindingReport
  ) {
    switch key {
    case .missing(let verdict, let text, let next):
      if verdict == .failed { isRefused = true } else { isIncomplete = true }
      report.add(Finding(verdict, subject, text, next: next))
      skip(roles, "\(subject) has nothing to sign with", &report)
    case .key(let key, let place):
      trySigner(SigningIdentity(key), "the AccessKey is that of", subject, roles, &report) { trouble, owner in
        trouble.naming(keyPlace: place, signer: owner)
      }
    case .served(let source): tryService(source, subject, roles, &report)
    case .tier(let source, let fallback): tryTier(source, fallback, subject, roles, &report)
    case .session(let role): trySession(of: role, subject, roles, &report)
    case .token(let token, let name): tryToken(token, of: name, subject, roles, &report)
    }
  }

  mutating func tryRole(
    _ role: RoleSettings, _ asker: STSProbe.Asker, _ report: inout FindingReport,
    _ explained: (STSProbe.Trouble) -> STSProbe.Trouble
  ) {
    guard !isUnreachable else { return skip([role], "STS doesn't answer any more", &report) }
    let subject = Self.subject(role)
    let usual = role.timing.duration
    let longest = role.timing.maxDuration
    var shorter: Finding?
    for duration in longest > usual ? [usual, longest] : [usual] {
      switch session(of: role, lasting: duration, asker) {
      case .success(let session):
        if duration == usual, isSource(role) { sessions[role.name] = session.signer }
        if duration == usual { issued.insert(subject) }
        // A `Date` is truncated to whole seconds.
        guard session.lifetime < duration - .seconds(2) else { continue }
        shorter =
          shorter
          ?? Finding(
            .warning, subject, "STS grants \(session.lifetime.text) instead of \(duration.text)",
            next: "compare the role's maximum session duration in the RAM console with \(Self.key(duration, of: role))")
      case .failure(let trouble):
        note(trouble)
        let named = explained(trouble)
        let isLonger = duration != usual
        return report.add(
          Finding(
            .failed, subject, isLonger ? "max_duration = \(duration.text): \(named.problem)" : named.problem,
            next: isLonger ? named.remedy.replacing("'duration'", with: "'max_duration'") : named.remedy))
      }
    }
    let policy = role.policy == nil ? "" : ", with the session policy"
    let more = longest > usual ? " and, on request, \(longest.text)" : ""
    report.add(shorter ?? Finding(.ok, subject, "STS issues sessions of \(usual.text)\(more)\(policy)"))
  }

  private func isSource(_ role: RoleSettings) -> Bool { settings.sources.contains { $0.role == role.name } }

  private static func key(_ duration: Duration, of role: RoleSettings) -> String {
    duration == role.timing.duration ? "duration" : "max_duration"
  }

  /// Waits for its turn; a throttled call is made once more, when STS allows it again.
  private mutating func session(
    of role: RoleSettings, lasting duration: Duration, _ asker: STSProbe.Asker
  ) -> Result<STSProbe.TrialSession, STSProbe.Trouble> {
    awaitTurn()
    let first = probe.session(of: role, lasting: duration, to: asker)
    guard case .failure(let trouble) = first, case .throttled = trouble.failure.kind else { return first }
    bucket.throttled(at: Self.now)
    Self.sleep(min(trouble.failure.requestedWait ?? .seconds(1), Self.longestWait))
    awaitTurn()
    return probe.session(of: role, lasting: duration, to: asker)
  }

  private mutating func awaitTurn() {
    while !bucket.take(at: Self.now) { Self.sleep(bucket.nextToken(at: Self.now) - Self.now) }
  }

  mutating func note(_ trouble: STSProbe.Trouble) {
    if case .permanent = trouble.failure.kind { isRefused = true } else { isIncomplete = true }
    if !trouble.isAnswer { isUnreachable = true }
  }

  /// Something has to be changed before it can work.
  mutating func refuse() { isRefused = true }

  /// They couldn't be tried, so that not everything was.
  package mutating func skip(_ roles: [RoleSettings], _ why: String, _ report: inout FindingReport) {
    if !roles.isEmpty { isIncomplete = true }
    for role in roles { report.add(Finding(.skipped, Self.subject(role), why)) }
  }

  static func subject(_ role: RoleSettings) -> String { "role \(role.name)\(role.isFallback ? " (fallback)" : "")" }

  private static var now: Timestamp { Timestamp(microseconds: EventLoop.bootTime()) }

  private static func sleep(_ span: Duration) {
    var time = timespec(tv_sec: Int(span.microseconds / 1_000_000), tv_nsec: Int(span.microseconds % 1_000_000) * 1000)
    var left = timespec()
    while nanosleep(&time, &left) != 0, errno == EINTR { time = left }
  }
}
