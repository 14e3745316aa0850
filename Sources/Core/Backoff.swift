/// How long a role waits after failures in a row, by their class.
///
/// | class | wait |
/// |---|---|
/// | transient | 0.1–1 s, then 1–2 s, doubling to 30–60 s; with headroom, the second wait is already the maximum wait |
/// | throttled | the wait that the server requested and up to a tenth more, later up to a minute more; else 5–10 s, doubling to 2.5–5 min |
/// | permanent | 30–60 s, doubling to 5–10 min: a person may fix it in the console |
/// | skew, nonce used, identity lapsed | the first time none; then as transient (identity: as permanent) |
///
/// Whatever the class, no wait is shorter than `Failure.notBefore`, of which 5 minutes count.
///
/// After an outage all hosts of a fleet try again within the longest wait, a minute; the jitter decides how evenly. Full jitter
/// (from zero to the longest wait) makes the first second twice as busy as the mean; from half of the longest wait up, it is only a
/// third busier. Back-off by 1, 2, 4, 8 s… would multiply a fleet's calls by eight in the first minute, although all sessions are
/// still valid. So a role with headroom tries again once soon, in case only a single call failed, and then waits up to its maximum
/// wait: a tenth of its headroom, at most 60 s.
package struct Backoff: Sendable {
  /// Failures since the last success.
  package private(set) var failures = 0
  private var level = 0
  private var levelKind: Course?
  private var immediateRetriesUsed: Set<Failure.Kind> = []

  package init() {}

  package mutating func reset() { self = Backoff() }

  /// Counts `failure` and returns the wait after it; `headroom` is how long readers still get the floor without a success.
  package mutating func wait(
    after failure: Failure, headroom: Duration = .zero, using generator: inout some RandomNumberGenerator
  ) -> Duration {
    let own = ownWait(after: failure, headroom: headroom, using: &generator)
    guard let notBefore = failure.notBefore else { return own }
    let floor = min(max(notBefore, .zero), Course.throttled.limit)
    // With jitter, or all clients that were given the same time would return at once.
    return max(own, floor + .random(in: .zero...max(floor / 10, .milliseconds(100)), using: &generator))
  }

  /// The wait that the server or a proxy requested, and up to a tenth more; zero if none was requested.
  static func requestedWait(of failure: Failure, using generator: inout some RandomNumberGenerator) -> Duration {
    guard let asked = failure.requestedWait, asked > .zero else { return .zero }
    return asked + .random(in: .zero...max(asked / 10, .milliseconds(100)), using: &generator)
  }

  private mutating func ownWait(
    after failure: Failure, headroom: Duration, using generator: inout some RandomNumberGenerator
  ) -> Duration {
    failures += 1
    let maximumWait = min(headroom / 10, Self.maximumWaitLimit)
    switch failure.kind {
    case .transient: return raise(.transient, maximumWait, using: &generator)
    case .permanent: return raise(.permanent, maximumWait, using: &generator)
    case .throttled(.some(let wait)): return keep(to: wait, maximumWait, using: &generator)
    case .throttled(nil): return raise(.throttled, maximumWait, using: &generator)
    case .skew, .nonceUsed, .identityLapsed:
      if immediateRetriesUsed.insert(failure.kind).inserted { return .zero }
      return raise(failure.kind == .identityLapsed ? .permanent : .transient, maximumWait, using: &generator)
    }
  }

  private static let maximumWaitLimit = Duration.seconds(60)

  private mutating func raise(
    _ course: Course, _ maximumWait: Duration, using generator: inout some RandomNumberGenerator
  ) -> Duration {
    step(on: course)
    if course == .transient && level == 0 { return .random(in: .milliseconds(100)...course.first, using: &generator) }
    let top = min(course.limit, max(level == 0 ? .zero : maximumWait, course.first * (1 << min(level, 16))))
    return .random(in: top / 2...top, using: &generator)
  }

  /// At least the wait that the server requested. If it keeps requesting the same one, a fleet's roles would return in step, so the
  /// jitter grows: with headroom up to the maximum wait, without by doubling, up to a minute.
  private mutating func keep(
    to wait: Duration, _ maximumWait: Duration, using generator: inout some RandomNumberGenerator
  ) -> Duration {
    step(on: .throttled)
    let asked = min(max(wait, .zero), Course.throttled.limit)
    let tenth = max(asked / 10, .milliseconds(100))
    if level == 0 { return asked + .random(in: .zero...tenth, using: &generator) }
    let more = maximumWait > .zero ? maximumWait : min(Self.maximumWaitLimit, tenth * (1 << min(level, 16)))
    let top = max(tenth, more)
    return asked + .random(in: top / 2...top, using: &generator)
  }

  private mutating func step(on course: Course) {
    level =
      switch (levelKind, course) {
      case (course, _): level + 1
      // After an outage all hosts return together, and the throttling takes a while to pass.
      case (.transient, .throttled): min(level, 2)
      // An overloaded server answers with both by turns.
      case (.throttled, .transient): min(level + 1, 2)
      default: 0
      }
    levelKind = course
  }

  private enum Course {
    case transient
    case throttled
    case permanent

    /// The upper bound of the first wait.
    var first: Duration {
      switch self {
      case .transient: .seconds(1)
      case .throttled: .seconds(10)
      case .permanent: .seconds(60)
      }
    }

    /// The upper bound of all waits of this class.
    var limit: Duration {
      switch self {
      case .transient: .seconds(60)
      case .throttled: .minutes(5)
      case .permanent: .minutes(10)
      }
    }
  }
}
