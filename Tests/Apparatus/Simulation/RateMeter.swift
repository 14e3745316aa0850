import Core

/// Watches from outside that no more calls are made than a rate and a burst allow, in any stretch of time: those of the settings. That a
/// throttled call halves the rate for a while is for the bucket's own tests.
struct RateMeter {
  private let rate: Double
  private let burst: Double
  private var used = 0.0
  private var updated = Timestamp(microseconds: 0)

  init(rate: Double, burst: Int) {
    self.rate = rate
    self.burst = Double(max(1, burst))
  }

  /// Counts a call; false when it was one too many.
  mutating func allows(at now: Timestamp) -> Bool {
    used = max(0, used - Double(now.microseconds - updated.microseconds) / 1_000_000 * rate) + 1
    updated = now
    return used <= burst + 0.001
  }
}
