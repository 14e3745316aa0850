import TestSupport
import Testing

@testable import Core

/// A host that knows how many share the account's quota with it.
@Suite struct FleetTests {
  private static let start = Timestamp(microseconds: 1_000_000)
  private static func at(_ seconds: Double) -> Timestamp { start + .seconds(fraction: seconds) }

  private static func bucket(share: Double, phase: Double = 0, rate: Double = 2, burst: Int = 20) -> TokenBucket {
    var bucket = TokenBucket(rate: rate, burst: burst, at: start)
    bucket.joinFleet(share: share, phase: phase, at: start)
    return bucket
  }

  private static func drain(_ bucket: inout TokenBucket, at instant: Timestamp) -> Int {
    var count = 0
    while bucket.take(at: instant) { count += 1 }
    return count
  }

  @Test func `a host of a large fleet begins with one call, within ten seconds`() {
    for phase in [0, 0.25, 0.999] {
      var bucket = Self.bucket(share: 0.001, phase: phase)
      let first = bucket.nextToken(at: Self.start)
      #expect(abs((first - Self.start).inSeconds - phase * 10) < 0.01)
      #expect(Self.drain(&bucket, at: first) == 1)
      #expect(Self.drain(&bucket, at: first + .seconds(fraction: 0.51)) == 1, "then at the full rate")
    }
  }

  @Test func `a host of a small fleet begins with what its share brings in a second`() {
    var bucket = Self.bucket(share: 9, phase: 0.5)
    #expect(Self.drain(&bucket, at: Self.start) == 9)
    var few = Self.bucket(share: 45, phase: 0.5)
    #expect(Self.drain(&few, at: Self.start) == 20)
  }

  @Test func `a throttled host takes its share at once, and returns at random within the time between two calls`() {
    var returns: Set<Int64> = []
    for phase in [0.1, 0.5, 0.9] {
      var bucket = Self.bucket(share: 0.01)
      _ = bucket.take(at: Self.start)
      bucket.throttled(at: Self.start, phase: phase)
      #expect(bucket.currentRate(at: Self.start) == 0.01)
      let wait = (bucket.nextToken(at: Self.start) - Self.start).inSeconds
      #expect(wait > 0 && wait <= 100.1)
      returns.insert(Int64(wait))
    }
    #expect(returns.count == 3)
  }

  @Test func `throttled further it takes down to a quarter of its share, and recovers up to it`() {
    var bucket = Self.bucket(share: 0.1)
    for second in 0..<5 { bucket.throttled(at: Self.at(Double(second) * 2), phase: 0.5) }
    #expect(bucket.currentRate(at: Self.at(8)) == 0.025)
    #expect(bucket.currentRate(at: Self.at(8 + 59)) == 0.1)
    // Nothing was throttled for a minute.
    #expect(bucket.currentRate(at: Self.at(200)) > 0.1)
    #expect(bucket.currentRate(at: Self.at(1000)) == 2)
  }

  @Test func `each session raises the rate by half, up to the setting`() {
    var bucket = Self.bucket(share: 0.1)
    bucket.throttled(at: Self.start, phase: 0.5)
    bucket.succeeded(at: Self.start)
    #expect((bucket.currentRate(at: Self.start) * 100).rounded() == 15)
    for _ in 0..<20 { bucket.succeeded(at: Self.start) }
    #expect(bucket.currentRate(at: Self.start) == 2)
  }

  @Test func `a host that is alone keeps its burst and the usual rate`() {
    var chance = SeededGenerator(seed: 1)
    var (alone, other) = (
      RegionalRate(rate: 2, burst: 20, at: Self.start), RegionalRate(rate: 2, burst: 20, at: Self.start)
    )
    alone.joinFleet(of: 1, at: Self.start, using: &chance)
    for step in 0..<300 {
      let instant = Self.at(Double(step) / 10)
      if step == 100 { for _ in 0..<2 { alone.throttled(at: instant) } }
      if step == 100 { for _ in 0..<2 { other.throttled(at: instant) } }
      let (mine, others) = (alone.take(at: instant), other.take(at: instant))
      #expect(mine == others && alone.currentRate(at: instant) == other.currentRate(at: instant))
    }
  }

  @Test func `with regions the host has a share of each`() {
    var chance = SeededGenerator(seed: 1)
    var rate = RegionalRate(rate: 2, burst: 20, regions: ["a", "b"], at: Self.start)
    rate.joinFleet(of: 900, at: Self.start, using: &chance)
    for name in ["a", "b"] { rate.throttled(name, at: Self.start, using: &chance) }
    #expect(rate.states(at: Self.start).map(\.rate) == [0.1, 0.1])
    rate.answered("a", isGranted: true, at: Self.start)
    #expect(rate.states(at: Self.start).map { ($0.rate * 100).rounded() } == [15, 10])
    rate.setFleet(1)
    #expect(rate.currentRate(at: Self.at(1200)) == 2)
  }

  // MARK: - Who goes first

  @Test func `roles that readers wait for go first, then those without a session, the pool's further sessions last`() {
    var queue = FetchQueue(rate: 1, burst: 10, at: Self.start)
    let due = FetchQueue.Urgency.due(floorReached: Self.start)
    for (role, urgency) in [due, .first, .late, .first, .late].enumerated() {
      queue.enqueue(role: role, attempt: AttemptID(number: 1), urgency: urgency)
    }
    queue.setAwaited(role: 3, true)
    queue.setAwaited(role: 4, true)
    var order: [Int] = []
    while let ticket = queue.next(at: Self.start) { order.append(ticket.role) }
    #expect(order == [3, 1, 0, 4, 2])
  }

  @Test func `a role is waited for until it has a session`() {
    var schedule = HostSchedule(
      queue: FetchQueue(rate: 1, burst: 10, at: Self.start), clock: ServerClock(wallMicroseconds: 0, at: Self.start))
    func next(_ schedule: inout HostSchedule) -> Int? {
      for slot in 0..<2 {
        let attempt = Attempt(
          id: AttemptID(number: 1), purpose: .pool, duration: .hours(1), urgency: .first)
        _ = schedule.perform(.fetch(attempt), of: slot)
      }
      return schedule.nextCall(at: Self.start)?.role
    }
    schedule.readersWait(for: 1)
    #expect(next(&schedule) == 1)
    #expect(next(&schedule) == 1, "throttled, it is still waited for")
    schedule.learnSuccess(of: 1, sent: Self.start)
    #expect(next(&schedule) == 0)
  }

  /// The pool's second sessions of other roles went before it.
  @Test func `a role without a session that was throttled goes before all that have one`() throws {
    var chance = SeededGenerator(seed: 1)
    var machine = RefreshMachine(timing: RoleTiming(), attemptLimit: .seconds(15), generation: 0, at: Self.start)
    func attempt(_ effects: [RefreshEffect]) -> Attempt? {
      effects.lazy.compactMap { if case .fetch(let attempt) = $0 { attempt } else { nil } }.first
    }
    let first = try #require(attempt(machine.handle(.started, at: Self.start, using: &chance)))
    _ = machine.handle(.attemptStarted(first.id), at: Self.start, using: &chance)
    let throttling = Failure(.throttled(wait: nil), code: "Throttling.User", advice: "")
    _ = machine.handle(.failed(first.id, throttling), at: Self.start, using: &chance)
    let again = try #require(attempt(machine.handle(.timerFired, at: Self.at(20), using: &chance)))
    #expect(again.urgency == .first)
  }
}
