/// How long a role waits after failures in a row, by their class.
///
/// | class | wait |
/// |---|---|
/// | transient | full jitter: 0.1 s up to 1 s, doubling to 60 s |
/// | throttled | what the server asked for and up to a tenth more, else 5–10 s, doubling to 2.5–5 min |
/// | permanent | 30–60 s, doubling to 5–10 min: a person may mend it in the console |
/// | skew, nonce used, identity lapsed | none, once; then as transient (identity: as permanent) |
package struct Backoff: Sendable {
  /// Failures since the last success.
  package private(set) var failures = 0
  private var rung = 0
  private var rungKind: Ladder?
  private var immediateRetriesUsed: Set<Failure.Kind> = []

  package init() {}

  package mutating func reset() { self = Backoff() }

  /// The wait after `failure`, which counts as one more in the row.
  package mutating func wait(
    after failure: Failure, using generator: inout some RandomNumberGenerator
  ) -> Duration {
    failures += 1
    switch failure.kind {
    case .transient: return climb(.transient, using: &generator)
    case .permanent: return climb(.permanent, using: &generator)
    case .throttled(.some(let wait)):
      let told = min(max(wait, .zero), Ladder.throttled.limit)
      return told + .random(in: .zero...max(told / 10, .milliseconds(100)), using: &generator)
    case .throttled(nil): return climb(.throttled, using: &generator)
    case .skew, .nonceUsed, .identityLapsed:
      if immediateRetriesUsed.insert(failure.kind).inserted { return .zero }
      return climb(failure.kind == .identityLapsed ? .permanent : .transient, using: &generator)
    }
  }

  private mutating func climb(_ ladder: Ladder, using generator: inout some RandomNumberGenerator) -> Duration {
    rung = rungKind == ladder ? rung + 1 : 0
    rungKind = ladder
    let top = min(ladder.limit, ladder.first * (1 << min(rung, 16)))
    return .random(in: (ladder == .transient ? .milliseconds(100) : top / 2)...top, using: &generator)
  }

  private enum Ladder {
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

extension Duration {
  static func random(
    in range: ClosedRange<Duration>, using generator: inout some RandomNumberGenerator
  ) -> Duration {
    .microseconds(Int64.random(in: range.lowerBound.microseconds...range.upperBound.microseconds, using: &generator))
  }
}
