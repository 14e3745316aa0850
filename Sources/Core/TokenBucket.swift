/// The daemon's own limit on calls per second, lowered when the server throttles.
///
/// A throttled call halves the rate, down to `leastRate`, and at most once a second, since calls already under way are throttled
/// with it; the rate recovers by a tenth of its setting per minute. The burst is for quiet times: a failed call discards it, since
/// otherwise a fleet's hosts, with bursts saved up while calls hung, would spend them all in the first second after an outage.
///
/// A host of a fleet knows its share of the account's quota (`joinFleet`). It begins with what that brings in a second or, if that isn't a
/// token, with one that comes at random within 10 s. A throttled call lowers the rate to that share at once, since all hosts probably
/// start together, then further by halves; and the next token comes at random within the time between two calls, or hosts that were
/// throttled together would return together. Each call that succeeds raises the rate by half. By itself it recovers up to the share
/// only; beyond that when no call was throttled for the time of four calls.
package struct TokenBucket: Sendable {
  /// The setting, in calls per second: 0.1 to 10 000.
  package private(set) var fullRate: Double
  /// How many calls may be made at once after a quiet time.
  package private(set) var burst: Double
  /// The lowest rate that throttling leads to, unless the setting is lower.
  var leastRate: Double
  private var rate: Double
  private var tokens: Double
  private var updated: Timestamp
  private var lastHalved: Timestamp?
  /// This host's share of the account's quota, in calls per second; nil if it is alone, or if the share is more than the setting.
  private var share: Double?

  package static let leastRate = 0.1

  package init(rate: Double, burst: Int, leastRate: Double = Self.leastRate, at instant: Timestamp) {
    fullRate = rate
    self.burst = Double(max(1, burst))
    self.leastRate = leastRate
    self.rate = rate
    tokens = self.burst
    updated = instant
  }

  /// Changes the settings: spent tokens stay spent, and a rate lowered by throttling recovers from where it is.
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

  /// Returns a token that was taken for a call that wasn't made.
  package mutating func giveBack(at instant: Timestamp) {
    update(to: instant)
    tokens = min(burst, tokens + 1)
  }

  /// When the next token will be there; `instant` itself if there is one.
  package mutating func nextToken(at instant: Timestamp) -> Timestamp { nextToken(beyond: 0, at: instant) }

  /// When there will be a token besides the `kept` ones for others; if the burst is too small for that, when it is full.
  package mutating func nextToken(beyond kept: Int, at instant: Timestamp) -> Timestamp {
    update(to: instant)
    let needed = min(burst.rounded(.down), Double(1 + kept))
    guard tokens < needed else { return instant }
    return instant + .seconds(fraction: (needed - tokens) / rate) + .microseconds(1)
  }

  /// The earliest time by which `count` tokens can have come in; later if a call is throttled. It assumes the most that the rate
  /// can recover in a minute, the longest that readers wait: a tenth of its setting.
  package mutating func earliest(_ count: Int, at instant: Timestamp) -> Timestamp {
    update(to: instant)
    let missing = Double(count) - tokens
    guard missing > 0 else { return instant }
    return instant + .seconds(fraction: missing / min(fullRate, rate + fullRate / 10))
  }

  /// Discards the saved burst, except for one token.
  package mutating func failed(at instant: Timestamp) {
    update(to: instant)
    tokens = min(tokens, 1)
  }

  /// `phase` is random, from 0 up to 1: when the next token of a host in a fleet comes.
  package mutating func throttled(at instant: Timestamp, phase: Double = 0) {
    update(to: instant)
    if let lastHalved, instant - lastHalved < .seconds(1) { return }
    lastHalved = instant
    guard let share else {
      // Never raised, even if the setting is below the least rate.
      rate = min(rate, max(leastRate, rate / 2))
      tokens = min(tokens, 1)
      return
    }
    // At first anywhere within the time between two calls, later around its end: it spent its token, as all others did.
    tokens = rate > share ? phase : phase - 0.5
    rate = rate > share ? share : min(rate, max(share / 4, rate / 2))
  }

  /// A call succeeded.
  package mutating func succeeded(at instant: Timestamp) {
    guard share != nil, rate < fullRate else { return }
    update(to: instant)
    rate = min(fullRate, rate * 1.5)
  }

  /// Takes up a share of the account's quota, in calls per second, for a daemon that starts. `phase` is random, from 0 up to 1: when
  /// the first token comes.
  package mutating func joinFleet(share: Double, phase: Double, at instant: Timestamp) {
    update(to: instant)
    setShare(share)
    // What a second brings, since the others begin in the same one.
    tokens = min(tokens, max(1, share))
    guard self.share != nil else { return }
    tokens -= phase * min(Self.longestStart.inSeconds, 1 / share) * rate
  }

  /// Changes the share after a reload.
  package mutating func setShare(_ share: Double?) { self.share = share.flatMap { $0 < fullRate ? $0 : nil } }

  /// How long after its start a host of a fleet makes its first call at the latest.
  private static let longestStart = Duration.seconds(10)

  /// The rate in force at `instant`, in calls per second.
  package mutating func currentRate(at instant: Timestamp) -> Double {
    update(to: instant)
    return rate
  }

  private mutating func update(to instant: Timestamp) {
    let elapsed = max(0, (instant - updated).inSeconds)
    guard elapsed > 0 else { return }
    tokens = min(burst, tokens + elapsed * rate)
    recover(elapsed, to: instant)
    updated = instant
  }

  private mutating func recover(_ elapsed: Double, to instant: Timestamp) {
    let usual = fullRate / 10 / 60
    guard let share, let lastHalved, (instant - lastHalved).inSeconds < max(60, 4 / share) else {
      rate = min(fullRate, rate + usual * elapsed)
      return
    }
    // Back at the share within about the time between two calls.
    if rate < share { rate = min(share, rate + min(usual, share * share) * elapsed) }
  }
}
