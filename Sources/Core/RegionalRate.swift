/// The daemon's rate of calls to STS: in all, and with several regions that of each.
///
/// STS counts the calls of an account for each region and API separately (STS quotas). So each region has a bucket with the full rate,
/// throttling slows down only the region that it came from, and what that one can't take goes to the next one. All of them together
/// get no more than one bucket with the full rate lets through, since the home region has to carry that by itself.
///
/// | region | when it is asked |
/// |---|---|
/// | working | if it is the first in the host's order that has a token |
/// | throttled | likewise, at the rate that is left; not before a requested wait is over, of which a minute counts |
/// | failing | by one call after 0.5–1 s, doubling to 30–60 s; by others only if all regions fail |
///
/// With one region, or the endpoints of `endpoint` and `fallback_endpoints`, this is one bucket.
package struct RegionalRate: Sendable {
  package enum Condition: String, CaseIterable, Sendable {
    case working
    /// Its rate is lowered, or a requested wait isn't over.
    case throttled
    case failing
  }

  /// A region as operators see it.
  package struct State: Hashable, Sendable {
    package let name: String
    package let condition: Condition
    /// Calls per second allowed now.
    package let rate: Double
  }

  private struct Region {
    let name: String
    var bucket: TokenBucket
    /// Failures since the last answer.
    var failures = 0
    /// It isn't asked before, unless all regions fail.
    var failingUntil = Timestamp.distantPast
    /// The end of the wait that it requested.
    var heldUntil = Timestamp.distantPast

    func isUsable(at instant: Timestamp) -> Bool { usableFrom <= instant }

    var usableFrom: Timestamp { max(failingUntil, heldUntil) }
  }

  /// How long a call to a failing region may take before another one tries it.
  private static let trial = Duration.seconds(20)
  private static let longestWait = Duration.minutes(1)

  /// AssumeRole calls per second that STS allows an account in a region (STS quotas).
  package static let quota = 100.0
  /// The part of it that a fleet's hosts share: the rest is for what comes by chance in the same second, and for other callers.
  private static let shared = 0.9

  private var total: TokenBucket
  /// How many hosts share the account's quota, this one included.
  private var fleetSize = 1
  /// In the host's order; empty if there is only one.
  private var regions: [Region] = []

  /// `rate` in calls per second, `burst` in calls; `regions` as in `setRegions`.
  package init(rate: Double, burst: Int, regions: [String] = [], at instant: Timestamp) {
    total = TokenBucket(rate: rate, burst: burst, at: instant)
    setRegions(regions, at: instant)
  }

  /// Changes the regions to those of these names, in the host's order. Those that stay keep their state.
  package mutating func setRegions(_ names: [String], at instant: Timestamp) {
    let old = regions
    guard names.count > 1 else {
      regions = []
      return setFleet(fleetSize)
    }
    regions = names.map { name in
      var region = old.first { $0.name == name } ?? Region(name: name, bucket: bucket(of: names.count, at: instant))
      region.bucket.leastRate = TokenBucket.leastRate / Double(names.count)
      return region
    }
    setFleet(fleetSize)
  }

  /// Takes up the share of a host among `size` that start together.
  package mutating func joinFleet(
    of size: Int, at instant: Timestamp, using generator: inout some RandomNumberGenerator
  ) {
    setFleet(size)
    guard let share else { return }
    // With several regions it has a share of each: whoever is throttled in one asks the others, too.
    let whole = share * Double(max(1, regions.count))
    total.joinFleet(share: whole, phase: generator.fraction(), at: instant)
    if !regions.isEmpty { total.setShare(nil) }
    for index in regions.indices { regions[index].bucket.joinFleet(share: share, phase: 0, at: instant) }
  }

  /// Changes the fleet's size after a reload.
  package mutating func setFleet(_ size: Int) {
    fleetSize = size
    total.setShare(regions.isEmpty ? share : nil)
    for index in regions.indices { regions[index].bucket.setShare(share) }
  }

  /// Whether other hosts share the account's quota.
  package var isInFleet: Bool { fleetSize > 1 }

  /// Of one region's quota, in calls per second; nil for a host that is alone.
  private var share: Double? { isInFleet ? Self.quota * Self.shared / Double(fleetSize) : nil }

  /// A region's share of the lowest rate, so that a fleet that all regions throttle calls no more often than with one.
  private func bucket(of count: Int, at instant: Timestamp) -> TokenBucket {
    TokenBucket(
      rate: total.fullRate, burst: Int(total.burst), leastRate: TokenBucket.leastRate / Double(count), at: instant)
  }

  // MARK: - The rate in all

  package mutating func set(rate: Double, burst: Int, at instant: Timestamp) {
    total.set(rate: rate, burst: burst, at: instant)
    for index in regions.indices { regions[index].bucket.set(rate: rate, burst: burst, at: instant) }
  }

  /// Takes a token if there is one; with several regions, `next` takes the region's.
  package mutating func take(at instant: Timestamp) -> Bool { total.take(at: instant) }

  /// Returns a token that was taken for a call that wasn't made.
  package mutating func giveBack(at instant: Timestamp) { total.giveBack(at: instant) }

  package mutating func nextToken(at instant: Timestamp) -> Timestamp { nextToken(beyond: 0, at: instant) }

  /// When there will be a token besides the `kept` ones for others, and a region that may be asked.
  package mutating func nextToken(beyond kept: Int, at instant: Timestamp) -> Timestamp {
    let chance = total.nextToken(beyond: kept, at: instant)
    return regions.isEmpty ? chance : max(chance, nextRegion(at: instant))
  }

  /// The same without a region, for calls that STS counts elsewhere.
  package mutating func nextTokenOfAny(beyond kept: Int, at instant: Timestamp) -> Timestamp {
    total.nextToken(beyond: kept, at: instant)
  }

  /// The earliest time by which `count` tokens can have come in; later if a call is throttled.
  package mutating func earliest(_ count: Int, at instant: Timestamp) -> Timestamp {
    let chance = total.earliest(count, at: instant)
    return regions.isEmpty ? chance : max(chance, nextRegion(at: instant))
  }

  /// Discards the saved burst after a call that failed in the end.
  package mutating func failed(at instant: Timestamp) { total.failed(at: instant) }

  /// Slows down after a call that was throttled in the end. With several regions, theirs are slowed down already.
  package mutating func throttled(at instant: Timestamp, using generator: inout some RandomNumberGenerator) {
    if regions.isEmpty {
      total.throttled(at: instant, phase: generator.fraction())
    } else {
      total.failed(at: instant)
    }
  }

  /// A call got a session; with several regions, `answered` notes of which.
  package mutating func succeeded(at instant: Timestamp) { if regions.isEmpty { total.succeeded(at: instant) } }

  /// The rate in force at `instant`, in calls per second.
  package mutating func currentRate(at instant: Timestamp) -> Double {
    let rate = total.currentRate(at: instant)
    if regions.isEmpty { return rate }
    let areUsable = hasUsableRegion(at: instant)
    var sum = 0.0
    for index in regions.indices where !areUsable || regions[index].isUsable(at: instant) {
      sum += regions[index].bucket.currentRate(at: instant)
    }
    return min(rate, sum)
  }

  // MARK: - Regions

  /// Whether there are several regions, and one of them may be asked.
  package func hasUsableRegion(at instant: Timestamp) -> Bool { regions.contains { $0.isUsable(at: instant) } }

  /// Takes a token of the region to ask, by its name. The first request of a call always gets one, after others none if there is
  /// none with a token. `asked` are those that the call has asked.
  package mutating func next(besides asked: [String], at instant: Timestamp) -> String? {
    let candidates = regions.indices.filter { !asked.contains(regions[$0].name) }
    let found = candidates.first { regions[$0].isUsable(at: instant) && hasToken($0, at: instant) }
    guard let index = found ?? (asked.isEmpty ? soonest(at: instant) : nil) else { return nil }
    _ = regions[index].bucket.take(at: instant)
    begin(index, at: instant)
    return regions[index].name
  }

  /// The region to ask something that STS counts elsewhere; nil if there is none to ask besides.
  package mutating func nextWithoutToken(besides asked: [String], at instant: Timestamp) -> String? {
    let candidates = regions.indices.filter { !asked.contains(regions[$0].name) }
    guard
      let index = candidates.first(where: { regions[$0].isUsable(at: instant) })
        ?? (asked.isEmpty ? soonest(at: instant) : nil)
    else { return nil }
    begin(index, at: instant)
    return regions[index].name
  }

  /// Has others pass over a failing region as long as this call is under way.
  private mutating func begin(_ index: Int, at instant: Timestamp) {
    guard regions[index].failures > 0 else { return }
    regions[index].failingUntil = max(regions[index].failingUntil, instant + Self.trial)
  }

  /// The region gave an answer that shows it at work; `isGranted` if that is a session.
  package mutating func answered(_ name: String, isGranted: Bool = false, at instant: Timestamp) {
    guard let index = index(of: name) else { return }
    regions[index].failures = 0
    regions[index].failingUntil = .distantPast
    if isGranted { regions[index].bucket.succeeded(at: instant) }
  }

  /// The region gave no answer, or one that says that it fails; `wait` is what it requested.
  package mutating func failed(
    _ name: String, wait: Duration? = nil, at instant: Timestamp, using generator: inout some RandomNumberGenerator
  ) {
    guard let index = index(of: name) else { return }
    let top = min(Self.longestWait, .seconds(1 << min(regions[index].failures, 6)))
    regions[index].failures += 1
    regions[index].failingUntil = instant + .random(in: top / 2...top, using: &generator)
    regions[index].bucket.failed(at: instant)
    hold(index, for: wait, at: instant, using: &generator)
  }

  /// The account's quota in the region is used up; `wait` is what it requested.
  package mutating func throttled(
    _ name: String, wait: Duration? = nil, at instant: Timestamp, using generator: inout some RandomNumberGenerator
  ) {
    guard let index = index(of: name) else { return }
    answered(name, at: instant)
    regions[index].bucket.throttled(at: instant, phase: generator.fraction())
    hold(index, for: wait, at: instant, using: &generator)
  }

  /// With jitter, or all hosts that were given the same time would return at once.
  private mutating func hold(
    _ index: Int, for wait: Duration?, at instant: Timestamp, using generator: inout some RandomNumberGenerator
  ) {
    guard let wait, wait > .zero else { return }
    let asked = min(wait, Self.longestWait)
    let end = instant + asked + .random(in: .zero...max(asked / 10, .milliseconds(100)), using: &generator)
    regions[index].heldUntil = max(regions[index].heldUntil, end)
  }

  /// Forgets failures and requested waits: the way to all regions has changed.
  package mutating func forgetFailures() {
    for index in regions.indices {
      regions[index].failures = 0
      (regions[index].failingUntil, regions[index].heldUntil) = (.distantPast, .distantPast)
    }
  }

  /// In the host's order; empty if there is only one.
  package mutating func states(at instant: Timestamp) -> [State] {
    regions.indices.map { index in
      let rate = regions[index].bucket.currentRate(at: instant)
      let region = regions[index]
      let condition: Condition =
        region.failures > 0
        ? .failing : rate < region.bucket.fullRate || region.heldUntil > instant ? .throttled : .working
      return State(name: region.name, condition: condition, rate: rate)
    }
  }

  private func index(of name: String) -> Int? { regions.firstIndex { $0.name == name } }

  private mutating func hasToken(_ index: Int, at instant: Timestamp) -> Bool {
    regions[index].bucket.nextToken(at: instant) <= instant
  }

  /// When a region may be asked that has a token. While all fail, any of them may.
  private mutating func nextRegion(at instant: Timestamp) -> Timestamp {
    let areUsable = hasUsableRegion(at: instant)
    var soonest: Timestamp?
    for index in regions.indices {
      let token = regions[index].bucket.nextToken(at: instant)
      let chance = areUsable ? max(token, regions[index].usableFrom) : token
      if chance <= instant { return instant }
      soonest = soonest.map { min($0, chance) } ?? chance
    }
    return soonest ?? instant
  }

  /// The region that is usable the soonest; the first of several.
  private mutating func soonest(at instant: Timestamp) -> Int? {
    regions.indices.min { max(regions[$0].usableFrom, instant) < max(regions[$1].usableFrom, instant) }
  }
}
