import Core
package import Logs
package import Refresh
import SessionStore
package import Systemd
package import Wire

/// Readers' reports that a session is dead: STS is asked, and a session that it doesn't know any more is never handed out again.
///
/// A session is checked at most once in 30 s; whoever reports it meanwhile waits for the check under way or gets the last result. One
/// that isn't held, since it was condemned say, is neither checked nor known.
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

  package init(scheduler: any Scheduler, refresher: Refresher, log: Log) throws {
    self.refresher = refresher
    self.log = log
    self.scheduler = scheduler
    timer = try scheduler.timer(accuracy: 100_000) { [unowned self] in endOverdueChecks() }
  }

  /// Has a session of the role checked and calls `answer` once, at once or within 10 s; false, without a call, for one that isn't held.
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

  /// Calls `act` before anybody is answered: whoever is reads next, and gets the standby.
  private func finish(_ outcome: CheckOutcome, _ key: Key, acting act: () -> Void = {}) {
    guard case .underWay(let check, _, let answers) = states[key] else { return }
    let now = scheduler.time
    let result = SessionCheckResult(outcome, key.role, key.accessKeyID, at: refresher.clock.now(at: now))
    // What STS wasn't asked isn't known.
    states[key] = check.began.map { .known(result, since: $0) }
    report(result)
    act()
    let shown = check.began.map { result.repeatable(in: $0 + Self.interval - now) } ?? result
    for answer in answers { answer(shown) }
  }

  private func report(_ result: SessionCheckResult) {
    let fields: [LogField] = [
      .role(result.role), .accessKeyID(result.accessKeyID), .code(result.code ?? "none"),
    ]
    switch result.result {
    case .condemned: break  // The machine reports what becomes of it.
    case .inUse: log.write(.reportedSessionAccepted, fields)
    case .unchecked: log.write(.reportedSessionUnchecked, fields)
    }
  }

  /// Ends what has taken too long; a step of the loop's timer.
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

  /// With the time until the next check for what wasn't found out, rounded up.
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
