package import Core
package import Logs
package import Refresh
import SessionStore
package import Systemd
package import Wire

/// Readers' reports of dead sessions: STS is asked, and a session that it no longer accepts is never handed out again.
///
/// A session is checked at most once in 30 s; a report in between waits for the check under way or gets the last result. A session
/// that isn't held, for example a condemned one, isn't checked, and has no result.
package final class SessionReports {
  private static let interval = Duration.seconds(30)
  /// A report is answered within 10 s, whatever STS does.
  private static let longestCheck = Duration.seconds(9)

  private struct Key: Hashable {
    let role: RoleName
    let accessKeyID: String
  }

  private enum State {
    case underWay(Refresher.Check, since: Timestamp, answers: [(SessionCheckResult) -> Void])
    /// `since` is when STS was asked.
    case known(SessionCheckResult, since: Timestamp)
  }

  private let refresher: Refresher
  private let log: Log
  private let scheduler: any Scheduler
  private var states: [Key: State] = [:]
  private var timer: (any Alarm)!
  /// Called with the session and its role when STS, asked from here, has said nothing of it: somebody else may ask.
  package var unchecked: (_ accessKeyID: String, _ role: RoleName) -> Void = { _, _ in }

  package init(scheduler: any Scheduler, refresher: Refresher, log: Log) throws {
    self.refresher = refresher
    self.log = log
    self.scheduler = scheduler
    timer = try scheduler.timer(accuracy: 100_000) { [unowned self] in endOverdueChecks() }
  }

  /// Checks a session of the role and calls `answer` once, at once or within 10 s; returns false, without a call, for a session
  /// that isn't held.
  package func report(
    _ accessKeyID: String, of role: ManagedRole, answer: @escaping (SessionCheckResult) -> Void
  ) -> Bool {
    let now = scheduler.time
    forget(before: now - Self.interval)
    guard let session = refresher.session(accessKeyID, of: role) else { return false }
    let key = Key(role: role.name, accessKeyID: accessKeyID)
    switch states[key] {
    case .known(let result, let since): answer(result.repeatable(in: since + Self.interval - now))
    case .underWay(let check, let since, let answers):
      states[key] = .underWay(check, since: since, answers: answers + [answer])
    case nil: begin(session, of: role, key, at: now, answer)
    }
    return true
  }

  private func begin(
    _ session: StoredSession, of role: ManagedRole, _ key: Key, at now: Timestamp,
    _ answer: @escaping (SessionCheckResult) -> Void
  ) {
    let check = refresher.check(session) { [unowned self] outcome in
      finish(outcome, key) {
        if case .condemned = outcome { refresher.send(.condemned(session.id), to: role) }
      }
    }
    // The outcome comes in a later turn.
    states[key] = .underWay(check, since: now, answers: [answer])
    arm(at: now + Self.longestCheck)
  }

  /// Calls `act` before any report is answered: a client that reads next gets the standby.
  private func finish(_ outcome: CheckOutcome, _ key: Key, acting act: () -> Void = {}) {
    guard case .underWay(let check, _, let answers) = states[key] else { return }
    let now = scheduler.time
    let result = SessionCheckResult(outcome, key.role, key.accessKeyID, at: refresher.clock.now(at: now))
    // If STS wasn't asked, there is no result to remember.
    states[key] = check.began.map { .known(result, since: $0) }
    report(result)
    if result.result == .unchecked { unchecked(key.accessKeyID, key.role) }
    act()
    let shown = check.began.map { result.repeatable(in: $0 + Self.interval - now) } ?? result
    for answer in answers { answer(shown) }
  }

  private func report(_ result: SessionCheckResult) {
    let fields: [LogField] = [
      .role(result.role), .accessKeyID(result.accessKeyID), .code(result.code ?? "none"),
    ]
    switch result.result {
    case .condemned: break  // The machine reports the consequences.
    case .inUse: log.write(.reportedSessionAccepted, fields)
    case .unchecked: log.write(.reportedSessionUnchecked, fields)
    }
  }

  /// Ends checks that have taken too long; called by the loop's timer.
  package func endOverdueChecks() {
    let now = scheduler.time
    for (key, state) in states {
      guard case .underWay(let check, let since, _) = state else { continue }
      guard since + Self.longestCheck <= now else {
        arm(at: since + Self.longestCheck)
        continue
      }
      refresher.cancel(check)
      finish(.unchecked(check.began == nil ? .noTurnForCheck : .checkTimedOut), key)
    }
  }

  private func forget(before limit: Timestamp) {
    states = states.filter { _, state in
      if case .known(_, let since) = state { since > limit } else { true }
    }
  }

  private func arm(at instant: Timestamp) {
    if let armed = timer.deadline, armed <= instant.microseconds { return }
    timer.arm(at: instant.microseconds)
  }
}

extension SessionCheckResult {
  init(_ outcome: CheckOutcome, _ role: RoleName, _ accessKeyID: String, at now: UTCTime) {
    let (result, failure): (Result, Failure?) =
      switch outcome {
      case .condemned(let failure): (.condemned, failure)
      case .inUse: (.inUse, nil)
      case .unchecked(let failure): (.unchecked, failure)
      }
    self.init(
      role: role.description, accessKeyID: accessKeyID, result: result,
      checkedAt: result == .unchecked && failure?.httpStatus == nil ? nil : now, code: failure?.code,
      requestID: failure?.requestID, advice: result == .unchecked ? failure?.advice : nil)
  }

  /// The result with the time until the next check, rounded up, if nothing was found out.
  fileprivate func repeatable(in wait: Duration) -> SessionCheckResult {
    guard result == .unchecked, wait > .zero else { return self }
    var result = self
    result.retryAfter = .seconds((wait + .milliseconds(999)).wholeSeconds)
    return result
  }
}

extension Failure {
  fileprivate static let checkTimedOut = Failure(
    .transient, code: "CheckTimeout", advice: "STS gave no answer in time")
  fileprivate static let noTurnForCheck = Failure(
    .transient, code: "CheckWaiting", advice: "it had no turn beside the other calls to STS; see 'requests_per_second'")
}
