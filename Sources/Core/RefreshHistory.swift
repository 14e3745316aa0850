/// The outcomes of a role's attempts for the pool; those for reservations don't count.
enum RefreshHistory: Sendable {
  /// No attempt has had an outcome.
  case untried
  case working(lastSuccess: Timestamp)
  /// Indirect, so on the heap: most roles have no failures.
  indirect case failing(FailureStreak, lastSuccess: Timestamp?)

  var lastSuccess: Timestamp? {
    switch self {
    case .untried: nil
    case .working(let instant): instant
    case .failing(_, let instant): instant
    }
  }

  var isUntried: Bool { if case .untried = self { true } else { false } }

  var isFailing: Bool { if case .failing = self { true } else { false } }

  /// The failures since the last success; nil if the latest attempt succeeded or none has had an outcome.
  var streak: FailureStreak? { if case .failing(let streak, _) = self { streak } else { nil } }

  /// Adds a failure and returns how long to wait before the next attempt.
  mutating func note(
    _ failure: Failure, headroom: Duration, at now: Timestamp, using generator: inout some RandomNumberGenerator
  ) -> Duration {
    var streak = streak ?? FailureStreak(failure, at: now)
    let wait = streak.add(failure, headroom: headroom, at: now, using: &generator)
    self = .failing(streak, lastSuccess: lastSuccess)
    return wait
  }

  /// Adds a success and returns the report of the recovery, if there were failures before it.
  mutating func noteSuccess(at now: Timestamp) -> RefreshReport? {
    let ended = streak
    let isFirst = lastSuccess == nil
    self = .working(lastSuccess: now)
    return ended.map { .recovered(failures: $0.failures, since: $0.since, isFirst: isFirst) }
  }

  /// The report to log after a failure; nil while it would only repeat the last one.
  mutating func dueReport(next: Timestamp, at now: Timestamp) -> RefreshReport? {
    guard case .failing(var streak, let lastSuccess) = self else { return nil }
    let report = streak.dueReport(next: next, at: now)
    self = .failing(streak, lastSuccess: lastSuccess)
    return report
  }

  /// Notes that the cause may be fixed: until the next failure, a permanent one doesn't lower the urgency of attempts.
  mutating func suspectFix() {
    guard case .failing(var streak, let lastSuccess) = self else { return }
    streak.mayBeFixed = true
    self = .failing(streak, lastSuccess: lastSuccess)
  }
}

/// A role's consecutive failures.
struct FailureStreak: Sendable {
  private(set) var latest: Failure
  private(set) var latestAt: Timestamp
  let since: Timestamp
  /// Whether something has changed since the latest failure that may make the next attempt succeed.
  fileprivate(set) var mayBeFixed = false
  private var backoff = Backoff()
  private var reported: (code: String, at: Timestamp)?

  private static let summaryInterval = Duration.minutes(10)

  fileprivate init(_ failure: Failure, at now: Timestamp) {
    latest = failure
    latestAt = now
    since = now
  }

  var failures: Int { backoff.failures }

  fileprivate mutating func add(
    _ failure: Failure, headroom: Duration, at now: Timestamp, using generator: inout some RandomNumberGenerator
  ) -> Duration {
    latest = failure
    latestAt = now
    mayBeFixed = false
    return backoff.wait(after: failure, headroom: headroom, using: &generator)
  }

  fileprivate mutating func dueReport(next: Timestamp, at now: Timestamp) -> RefreshReport? {
    if let reported, reported.code == latest.code {
      guard now - reported.at >= Self.summaryInterval else { return nil }
      self.reported = (latest.code, now)
      return .stillFailing(latest, failures: failures, since: since, next: next)
    }
    reported = (latest.code, now)
    return .failing(latest, next: next)
  }
}
