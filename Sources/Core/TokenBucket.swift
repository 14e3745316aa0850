/// The daemon's own limit on calls per second, which gives way when the server throttles.
///
/// A throttle halves the rate, not below the least and at most once a second, since calls already under way are refused
/// in a row; the rate regains a tenth of its setting per minute. A burst is for quiet times: calls that fail take it away, since
/// a fleet's hosts, each with its burst saved up while calls hung, would spend them all in the first second after an outage.
package struct TokenBucket: Sendable {
  /// The setting, in calls per second: 0.1 to 10 000.
  package private(set) var fullRate: Double
  /// How many calls may be made at once after a quiet time.
  package private(set) var burst: Double
  /// What throttles leave at least, unless the setting is less.
  private let leastRate: Double
  private var rate: Double
  private var tokens: Double
  private var updated: Timestamp
  private var lastHalved: Timestamp?

  package static let leastRate = 0.1

  package init(rate: Double, burst: Int, leastRate: Double = Self.leastRate, at instant: Timestamp) {
    fullRate = rate
    self.burst = Double(max(1, burst))
    self.leastRate = leastRate
    self.rate = rate
    tokens = self.burst
    updated = instant
  }

  /// Goes on with other settings: what was spent stays spent, and a rate that throttles have lowered regains from there.
  package mutating func set(rate newRate: Double, burst newBurst: Int, at instant: Timestamp) {
    update(to: instant)
    rate = rate < fullRate ? min(rate, newRate) : newRate
    fullRate = newRate
    burst = Double(max(1, newBurst))
    tokens = min(tokens, burst)
  }

  /// Takes a token if there is one.
  package mutating func take(at instant: Timestamp) -> Bool {
    update(to: instant)
    guard tokens >= 1 else { return false }
    tokens -= 1
    return true
  }

  /// When the next token will be there; `instant` itself when there is one.
  package mutating func nextToken(at instant: Timestamp) -> Timestamp { nextToken(beyond: 0, at: instant) }

  /// When there will be a token beside those that are `kept` for others, as far as the burst has room for them.
  package mutating func nextToken(beyond kept: Int, at instant: Timestamp) -> Timestamp {
    update(to: instant)
    let needed = min(burst.rounded(.down), Double(1 + kept))
    guard tokens < needed else { return instant }
    return instant + .seconds(fraction: (needed - tokens) / rate) + .microseconds(1)
  }

  /// When so many tokens will have been there at the earliest: unless a throttle comes. The rate may regain meanwhile; readers who
  /// ask wait for a minute at most, in which that is a tenth of its setting.
  package mutating func earliest(_ count: Int, at instant: Timestamp) -> Timestamp {
    update(to: instant)
    let missing = Double(count) - tokens
    guard missing > 0 else { return instant }
    return instant + .seconds(fraction: missing / min(fullRate, rate + fullRate / 10))
  }

  /// Takes the burst away, but for one call.
  package mutating func failed(at instant: Timestamp) {
    update(to: instant)
    tokens = min(tokens, 1)
  }

  package mutating func throttled(at instant: Timestamp) {
    update(to: instant)
    if let lastHalved, instant - lastHalved < .seconds(1) { return }
    lastHalved = instant
    // Never more than it was, also where the setting is below the least.
    rate = min(rate, max(leastRate, rate / 2))
    tokens = min(tokens, 1)
  }

  /// The rate in force at `instant`, in calls per second.
  package mutating func currentRate(at instant: Timestamp) -> Double {
    update(to: instant)
    return rate
  }

  private mutating func update(to instant: Timestamp) {
    let elapsed = max(0, (instant - updated).inSeconds)
    guard elapsed > 0 else { return }
    tokens = min(burst, tokens + elapsed * rate)
    rate = min(fullRate, rate + fullRate / 10 * elapsed / 60)
    updated = instant
  }
}
