import TestSupport
import Testing

@testable import Core

@Suite struct RegionalRateTests {
  private static let start = Timestamp(microseconds: 1_000_000)
  private static func at(_ seconds: Double) -> Timestamp { start + .seconds(fraction: seconds) }

  private var chance = SeededGenerator(seed: 7)

  private static func rate(_ rate: Double = 2, burst: Int = 4, _ regions: [String] = ["a", "b", "c"]) -> RegionalRate {
    RegionalRate(rate: rate, burst: burst, regions: regions, at: start)
  }

  /// The regions of as many calls as may be made now.
  private static func drain(_ rate: inout RegionalRate, at instant: Timestamp) -> [String] {
    var asked: [String] = []
    while rate.nextToken(at: instant) <= instant, rate.take(at: instant) {
      asked.append(rate.next(besides: [], at: instant) ?? "none")
    }
    return asked
  }

  private static func conditions(_ rate: inout RegionalRate, at instant: Timestamp) -> [RegionalRate.Condition] {
    rate.states(at: instant).map(\.condition)
  }

  @Test func `while all is well every call goes to the home region`() {
    var rate = Self.rate()
    #expect(Self.drain(&rate, at: Self.start) == ["a", "a", "a", "a"])
    #expect(Self.drain(&rate, at: Self.at(0.4)) == [])
    #expect(Self.drain(&rate, at: Self.at(1.01)) == ["a", "a"])
    #expect(Self.conditions(&rate, at: Self.at(1.01)) == [.working, .working, .working])
  }

  @Test func `several regions get no more calls together than one`() {
    var (one, three) = (Self.rate(2, burst: 4, []), Self.rate())
    for step in 0..<200 {
      let instant = Self.at(Double(step) / 10)
      #expect(Self.drain(&one, at: instant).count == Self.drain(&three, at: instant).count, "\(step)")
      #expect(one.currentRate(at: instant) == three.currentRate(at: instant))
    }
  }

  @Test mutating func `what a throttled region can't take goes to the next one, until it has recovered`() {
    var rate = Self.rate(4, burst: 1)
    rate.throttled("a", at: Self.start, using: &chance)
    #expect(rate.states(at: Self.start).map(\.rate) == [2, 4, 4])
    #expect(Self.conditions(&rate, at: Self.start) == [.throttled, .working, .working])
    #expect(rate.currentRate(at: Self.start) == 4, "the others have not throttled")
    var asked: [String: Int] = [:]
    for step in 0..<40 {
      for region in Self.drain(&rate, at: Self.at(Double(step) * 0.26)) { asked[region, default: 0] += 1 }
    }
    #expect(asked["a", default: 0] >= 18 && asked["b", default: 0] >= 15 && asked["c"] == nil, "\(asked)")
    // A tenth of the rate a minute.
    #expect(Set(Self.drain(&rate, at: Self.at(301))) == ["a"])
    #expect(Self.conditions(&rate, at: Self.at(301))[0] == .working)
  }

  @Test mutating func `a throttled call finds another region with a token, and none that it has asked`() {
    var rate = Self.rate()
    #expect(rate.next(besides: ["a"], at: Self.start) == "b")
    #expect(rate.next(besides: ["a", "b"], at: Self.start) == "c")
    #expect(rate.next(besides: ["a", "b", "c"], at: Self.start) == nil)
    for _ in 0..<4 { _ = rate.next(besides: ["a", "c"], at: Self.start) }
    #expect(rate.next(besides: ["a", "c"], at: Self.start) == nil, "b has no token left")
  }

  @Test mutating func `where all regions throttle, the rate falls to that of one region, and no lower`() {
    var rate = Self.rate(4, burst: 1)
    for second in 0..<20 {
      for name in ["a", "b", "c"] { rate.throttled(name, at: Self.at(Double(second)), using: &chance) }
    }
    let sum = rate.states(at: Self.at(19)).map(\.rate).reduce(0, +)
    #expect(rate.currentRate(at: Self.at(19)) == sum && sum > 0.09 && sum < 0.15, "\(sum)")
    rate.throttled(at: Self.at(19))
    #expect(rate.currentRate(at: Self.at(19)) == sum, "the end of a call lowers nothing a second time")
  }

  @Test mutating func `a failing region is passed over, tried by one call at a time, and used again once it answers`() {
    var rate = Self.rate(100, burst: 100)
    rate.failed("a", at: Self.start, using: &chance)
    #expect(Self.conditions(&rate, at: Self.start) == [.failing, .working, .working])
    #expect(rate.next(besides: [], at: Self.at(0.4)) == "b")
    // Half a second to a second after the first failure.
    #expect(rate.next(besides: [], at: Self.at(1)) == "a")
    #expect(rate.next(besides: [], at: Self.at(1)) == "b", "one is trying it")
    rate.failed("a", at: Self.at(4), using: &chance)
    #expect(rate.next(besides: [], at: Self.at(4.9)) == "b")
    #expect(rate.next(besides: [], at: Self.at(6)) == "a")
    rate.answered("a")
    #expect(rate.next(besides: [], at: Self.at(6)) == "a")
    #expect(Self.conditions(&rate, at: Self.at(6)) == [.working, .working, .working])
  }

  @Test mutating func `a region that fails for long is tried about once a minute`() {
    var rate = Self.rate(100, burst: 100)
    var tries: [Double] = []
    for step in 0..<6000 {
      let instant = Self.at(Double(step) / 10)
      guard rate.next(besides: [], at: instant) == "a" else { continue }
      tries.append(Double(step) / 10)
      rate.failed("a", at: instant, using: &chance)
    }
    let late = tries.filter { $0 > 150 }
    let gaps = zip(late, late.dropFirst()).map { $1 - $0 }
    #expect(gaps.count >= 7 && gaps.allSatisfy { (30...60.2).contains($0) }, "\(tries)")
    #expect(Set(gaps.map { Int($0 * 10) }).count > 1, "hosts don't return in step")
  }

  @Test mutating func `while all regions fail, a call still has one to ask, and waits for no region`() {
    var rate = Self.rate(100, burst: 100)
    for name in ["b", "a", "c"] { for _ in 0..<6 { rate.failed(name, at: Self.start, using: &chance) } }
    #expect(!rate.hasUsableRegion(at: Self.start))
    #expect(rate.nextToken(at: Self.start) == Self.start)
    let first = rate.next(besides: [], at: Self.start)
    #expect(first != nil)
    #expect(rate.next(besides: [first ?? ""], at: Self.start) == nil)
    #expect(rate.next(besides: [], at: Self.start) != nil)
    #expect(rate.currentRate(at: Self.start) == 100)
  }

  @Test mutating func `a wait that a region requests holds that region, for a minute at most, with jitter`() {
    var rate = Self.rate(100, burst: 100)
    rate.throttled("a", wait: .seconds(10), at: Self.start, using: &chance)
    rate.throttled("b", wait: .hours(1), at: Self.start, using: &chance)
    #expect(rate.next(besides: [], at: Self.at(9.9)) == "c")
    #expect(rate.next(besides: [], at: Self.at(11.01)) == "a")
    #expect(rate.next(besides: ["a", "c"], at: Self.at(59)) == nil)
    #expect(rate.next(besides: ["a", "c"], at: Self.at(66.1)) == "b")
    // Another host draws another wait.
    var ends: Set<Int64> = []
    for _ in 0..<8 {
      var other = Self.rate()
      for name in ["a", "b", "c"] { other.throttled(name, wait: .seconds(10), at: Self.start, using: &chance) }
      let probe = (0..<20).first { other.hasUsableRegion(at: Self.at(10 + Double($0) / 20)) }
      ends.insert(Int64(probe ?? -1))
    }
    #expect(ends.count > 2)
  }

  @Test mutating func `regions that stay keep their state through a reload`() {
    var rate = Self.rate()
    rate.throttled("b", at: Self.start, using: &chance)
    rate.failed("c", at: Self.start, using: &chance)
    rate.setRegions(["c", "b", "d"], at: Self.start)
    #expect(rate.states(at: Self.start).map(\.name) == ["c", "b", "d"])
    #expect(Self.conditions(&rate, at: Self.start) == [.failing, .throttled, .working])
    rate.set(rate: 1, burst: 1, at: Self.start)
    #expect(rate.states(at: Self.start).map(\.rate) == [1, 1, 1])
    rate.forgetFailures()
    #expect(Self.conditions(&rate, at: Self.start)[0] == .working)
    rate.setRegions(["c"], at: Self.start)
    #expect(rate.states(at: Self.start).isEmpty && rate.next(besides: [], at: Self.start) == nil)
  }

  @Test mutating func `the queue waits for a region's token, and says when that comes`() {
    var queue = FetchQueue(rate: 2, burst: 1, regions: ["a", "b"], at: Self.start)
    for second in 0..<12 {
      for name in ["a", "b"] { queue.bucket.throttled(name, at: Self.at(Double(second)), using: &chance) }
    }
    queue.enqueue(role: 0, attempt: AttemptID(number: 1), urgency: .first)
    queue.enqueue(role: 1, attempt: AttemptID(number: 1), urgency: .first)
    let now = Self.at(12)
    let first = queue.next(at: now)
    #expect(first?.role == 0, "each has a token saved")
    _ = (queue.bucket.next(besides: [], at: now), queue.bucket.next(besides: [], at: now))
    let chance = queue.nextChance(at: now)
    // A twentieth of a call per second each.
    #expect(chance.map { (15...20).contains(($0 - now).inSeconds) } == true, "\(String(describing: chance))")
    let (early, late) = (queue.next(at: now + .seconds(1)), queue.next(at: chance ?? now))
    #expect(early == nil && late?.role == 1)
  }

  @Test func `a wait that one of several regions requests doesn't hold the roles`() {
    var chance = SeededGenerator(seed: 3)
    let throttling = Failure(
      .throttled(wait: .seconds(30)), code: "Throttling.User", notBefore: .seconds(30), advice: "")
    func schedule() -> HostSchedule {
      HostSchedule(
        queue: FetchQueue(rate: 10, burst: 10, regions: ["a", "b"], at: Self.start),
        clock: ServerClock(wallMicroseconds: 0, at: Self.start))
    }
    func retry(_ schedule: inout HostSchedule) -> Bool {
      schedule.learn(from: throttling, of: 0, date: nil, sent: Self.start, at: Self.start)
      let attempt = Attempt(
        id: AttemptID(number: 1), purpose: .pool, duration: .hours(1),
        urgency: .retry(floorReached: Self.start + .hours(1)))
      _ = schedule.perform(.fetch(attempt), of: 1)
      return schedule.nextCall(at: Self.at(1)) != nil
    }
    var one = schedule()
    one.regionThrottled("a", wait: .seconds(30), at: Self.start, using: &chance)
    #expect(retry(&one))
    var all = schedule()
    for name in ["a", "b"] { all.regionThrottled(name, wait: .seconds(30), at: Self.start, using: &chance) }
    #expect(!retry(&all))
  }
}
