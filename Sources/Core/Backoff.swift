/// How long a role waits after failures in a row, by their class.
///
/// | class | wait |
/// |---|---|
/// | transient | 0.1–1 s, then up to 2 s, doubling to 30–60 s; a role in no hurry goes there in one step |
/// | throttled | what the server asked for and up to a tenth more, else 5–10 s; then longer, doubling to 2.5–5 min |
/// | permanent | 30–60 s, doubling to 5–10 min: a person may fix it in the console |
/// | skew, nonce used, identity lapsed | none, once; then as transient (identity: as permanent) |
///
/// Whatever the class, none is shorter than what the peer asked for by `Failure.notBefore`.
///
/// A fleet that is cut off comes back within the longest wait, and how it is spread over that minute is decided here. Waits
/// chosen between nothing up to the longest (full jitter) make the first second after an outage twice as busy as the minute's mean;
/// waits from half of the longest on make it a third busier. And roles that try after 1, 2, 4, 8 s… while all their
/// sessions are still good make a fleet's calls eightfold within a minute of trouble, for nothing: so a role with headroom tries
/// once soon, in case it was a single call that went wrong, and then waits up to a tenth of its headroom at once.
package struct Backoff: Sendable {
  /// Failures since the last success.
  package private(set) var failures = 0
  private var level = 0
  private var levelKind: Course?
  private var immediateRetriesUsed: Set<Failure.Kind> = []

  package init() {}

  package mutating func reset() { self = Backoff() }

  /// The wait after `failure`, which counts as one more in the row; `headroom` is how long readers can do without its end.
  package mutating func wait(
    after failure: Failure, headroom: Duration = .zero, using generator: inout some RandomNumberGenerator
  ) -> Duration {
    let own = ownWait(after: failure, headroom: headroom, using: &generator)
    guard let notBefore = failure.notBefore else { return own }
    let floor = min(max(notBefore, .zero), Course.throttled.limit)
    // Spread, or all who were asked to come back at one time would.
    return max(own, floor + .random(in: .zero...max(floor / 10, .milliseconds(100)), using: &generator))
  }

  /// The wait that the peer asked for and up to a tenth more; zero where it asked for none.
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

  /// At least what the server asked for. Asked for the same again and again, the roles of a fleet would come in step with it, so
  /// they spread over more: those that can wait over as far as their maximum wait, those that can't over more and more.
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
      // Throttled by all the others that an outage kept waiting: they need more than a moment.
      case (.transient, .throttled): min(level, 2)
      // An overloaded server says now this, now that.
      case (.throttled, .transient): min(level + 1, 2)
      default: 0
      }
    levelKind = course
  }

  private enum Course {
    case transient
    case throttled
    case permanent

    /// The longest first wait.
    var first: Duration {
      switch self {
      case .transient: .seconds(1)
      case .throttled: .seconds(10)
      case .permanent: .seconds(60)
      }
    }

    /// The longest wait of all.
    var limit: Duration {
      switch self {
      case .transient: .seconds(60)
      case .throttled: .minutes(5)
      case .permanent: .minutes(10)
      }
    }
  }
}
