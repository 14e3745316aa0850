import Core

/// How long an operation waits after a transient failure: a random time up to a limit that doubles with each failure
/// (full jitter).
enum RetryDelay {
  private static let first = Duration.milliseconds(500)
  static let longest = Duration.seconds(30)
  /// The wait if the service requests no particular time.
  private static let firstThrottle = Duration.seconds(2)
  private static let mostThrottle = Duration.seconds(60)
  /// The maximum of a requested wait that is obeyed.
  private static let mostAsked = Duration.minutes(5)

  /// After `failures` in a row, at least one.
  static func afterFailure(_ failures: Int, using generator: inout some RandomNumberGenerator) -> Duration {
    .random(in: .zero...min(longest, first * (1 << min(failures - 1, 10))), using: &generator)
  }

  /// After being throttled `count` times in a row, at least once.
  static func afterThrottle(
    _ count: Int, asked: Duration?, using generator: inout some RandomNumberGenerator
  ) -> Duration {
    if let asked {
      let wait = min(max(asked, .zero), mostAsked)
      return wait + .random(in: .zero...max(wait / 4, .milliseconds(500)), using: &generator)
    }
    let limit = min(mostThrottle, firstThrottle * (1 << min(count - 1, 10)))
    return .random(in: limit / 2...limit, using: &generator)
  }
}

extension FileUpload {
  /// Counts `failure` and returns when to try again; nil after too many tries. Throttled operations are always tried
  /// again, and don't count.
  mutating func retry(
    _ tries: inout Tries, after failure: CallFailure, at now: Timestamp,
    using generator: inout some RandomNumberGenerator
  ) -> Timestamp? {
    if case .throttled(let asked) = failure.kind {
      tries.throttles += 1
      let wait = RetryDelay.afterThrottle(tries.throttles, asked: asked, using: &generator)
      emit(.report(.throttled(failure, for: wait)))
      tries.due = now + wait
      return tries.due
    }
    tries.failures += 1
    guard tries.failures < options.tries else { return nil }
    // The first time, a new date or nonce is enough.
    let isFirstStale = failure.kind == .stale && tries.failures == 1
    let wait = isFirstStale ? .zero : RetryDelay.afterFailure(tries.failures, using: &generator)
    emit(.report(.retrying(failure, in: wait)))
    tries.due = now + wait
    return tries.due
  }
}
