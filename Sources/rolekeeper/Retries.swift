import Core

/// Attempts at something that fails for a while: pauses that double up to a limit, and one report of what lasts.
struct Retries {
  private let first: Duration
  private let longest: Duration
  /// What is over within this time isn't reported.
  private let unreported: Duration
  private var failures = 0
  private var since: Timestamp?
  private var isReported = false

  init(first: Duration, longest: Duration, unreported: Duration = .zero) {
    (self.first, self.longest, self.unreported) = (first, longest, unreported)
  }

  /// Counts a failure, and returns when to try again: after half of the pause up to all of it, so that many processes don't try at
  /// once. `isNews` if it has to be reported now.
  mutating func failed(
    at now: Timestamp, using generator: inout some RandomNumberGenerator
  ) -> (next: Timestamp, isNews: Bool) {
    let since = self.since ?? now
    let isNews = !isReported && now - since >= unreported
    let pause = min(longest, first * (1 << min(failures, 16)))
    failures += 1
    (self.since, isReported) = (since, isReported || isNews)
    return (now + .random(in: pause / 2...pause, using: &generator), isNews)
  }

  mutating func succeeded() { (failures, since, isReported) = (0, nil, false) }
}
