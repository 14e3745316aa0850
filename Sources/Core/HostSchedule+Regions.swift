/// The regions that the host asks; without effect if there is only one.
extension HostSchedule {
  /// Changes the regions to those of these names, in the host's order.
  package mutating func setRegions(_ names: [String], at now: Timestamp) { queue.bucket.setRegions(names, at: now) }

  /// The region that a call's next request goes to, which takes a token of it. Nil if there is only one, or none besides those
  /// that the call has `asked`.
  package mutating func nextRegion(besides asked: [String], at now: Timestamp) -> String? {
    queue.bucket.next(besides: asked, at: now)
  }

  /// The same for a request of another API, of which STS keeps a separate count.
  package mutating func nextRegionForCheck(besides asked: [String], at now: Timestamp) -> String? {
    queue.bucket.nextWithoutToken(besides: asked, at: now)
  }

  /// The region gave an answer that shows it at work; `isGranted` if that is a session.
  package mutating func regionAnswered(_ name: String, isGranted: Bool, at now: Timestamp) {
    queue.bucket.answered(name, isGranted: isGranted, at: now)
  }

  /// The region gave no answer, or one that says that it fails; `wait` is what it requested.
  package mutating func regionFailed(
    _ name: String, wait: Duration?, at now: Timestamp, using generator: inout some RandomNumberGenerator
  ) { queue.bucket.failed(name, wait: wait, at: now, using: &generator) }

  /// The account's quota in the region is used up; `wait` is what it requested.
  package mutating func regionThrottled(
    _ name: String, wait: Duration?, at now: Timestamp, using generator: inout some RandomNumberGenerator
  ) { queue.bucket.throttled(name, wait: wait, at: now, using: &generator) }

  /// Takes up the share of a host among `size` that start together (`TokenBucket`).
  package mutating func joinFleet(of size: Int, at now: Timestamp, using generator: inout some RandomNumberGenerator) {
    queue.bucket.joinFleet(of: size, at: now, using: &generator)
  }

  /// Changes the fleet's size after a reload.
  package mutating func setFleet(_ size: Int) { queue.bucket.setFleet(size) }

  /// In the host's order; empty if there is only one.
  package mutating func regionStates(at now: Timestamp) -> [RegionalRate.State] { queue.bucket.states(at: now) }
}
