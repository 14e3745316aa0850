import Core
import TestSupport
import Testing

/// When a host asks its tier.
@Suite struct BundleScheduleTests {
  private static let start = Timestamp(microseconds: 1_000_000_000)
  private static let refused = Failure(.permanent, code: "TierForbidden", httpStatus: 403, advice: "")
  private static let away = Failure(.transient, code: "ConnectRefused", advice: "")

  private var chance = SeededGenerator(seed: 1)
  private var schedule = BundleSchedule(at: Self.start)

  private static func at(_ seconds: Int64) -> Timestamp { start + .seconds(seconds) }

  @Test mutating func `polls of a minute fill the time until the bundle is due`() {
    schedule.answered(refreshAfter: .seconds(111), at: Self.start)
    #expect(schedule.nextRequest == Self.at(111))
    let first = schedule.nextPoll(at: Self.start)
    let goesOn = schedule.pollBroughtNothing(after: .seconds(60), begun: Self.start, at: Self.at(60), using: &chance)
    let second = schedule.nextPoll(at: Self.at(60))
    #expect(first == .seconds(60) && goesOn && second == .seconds(51))
    let third = schedule.nextPoll(at: Self.at(110))
    #expect(third == nil, "a second isn't worth a request")
    #expect(schedule.nextRequest == Self.at(111))
  }

  /// A reload of the tier ends all waits with a bare 304. Hosts took it for a server that doesn't hold answers back, and had no poll for up to
  /// eleven minutes, in which a dead session wasn't replaced.
  @Test(arguments: [0, 29, 45]) func `a poll that ends early is followed by another one within half a minute`(
    _ second: Int64
  ) {
    var (schedule, chance) = (self.schedule, self.chance)
    schedule.answered(refreshAfter: .minutes(10), at: Self.start)
    _ = schedule.nextPoll(at: Self.start)
    let goesOn = schedule.pollBroughtNothing(
      after: .seconds(60), begun: Self.start, at: Self.at(second), using: &chance)
    #expect(!goesOn && (Self.at(second + 1)...Self.at(second + 30)).contains(schedule.due))
    #expect(schedule.nextRequest == Self.at(600))
    let due = schedule.due
    let early = schedule.nextPoll(at: due - .milliseconds(1))
    let inTime = schedule.nextPoll(at: due)
    #expect(early == nil && inTime == .seconds(60))
    #expect(schedule.due == Self.at(600), "while it is under way")
  }

  @Test mutating func `a machine that never holds an answer back is polled by growing waits`() {
    var waits: [Duration] = []
    var now = Self.start
    schedule.answered(refreshAfter: .hours(24), at: now)
    while waits.count < 12 {
      if schedule.nextPoll(at: now) != nil {
        _ = schedule.pollBroughtNothing(after: .seconds(60), begun: now, at: now + .milliseconds(5), using: &chance)
        waits.append(schedule.due - now)
      }
      now = schedule.due
    }
    #expect(waits[..<3].allSatisfy { $0 <= .seconds(31) }, "\(waits)")
    #expect(waits[3] >= .seconds(30) && waits[4] >= .seconds(60) && waits[5] >= .seconds(120), "\(waits)")
    #expect(waits[8...].allSatisfy { $0 >= .seconds(240) && $0 <= .seconds(601) }, "\(waits)")
    // One that is held back to its end shows that it does after all.
    let goesOn = schedule.pollBroughtNothing(after: .seconds(60), begun: now, at: now + .seconds(60), using: &chance)
    _ = schedule.pollBroughtNothing(after: .seconds(60), begun: now, at: now, using: &chance)
    #expect(goesOn && schedule.due <= now + .seconds(30))
  }

  @Test mutating func `three bundles at once end the polls until the next is due`() {
    schedule.answered(refreshAfter: .minutes(10), at: Self.start)
    var polls: [Duration?] = []
    for _ in 0..<4 {
      polls.append(schedule.nextPoll(at: Self.start))
      schedule.pollBroughtBundle(begun: Self.start, at: Self.at(1))
    }
    #expect(polls == [.seconds(60), .seconds(60), .seconds(60), nil])
  }

  /// After the second one there was no request until the bundle was due: a tier that was lost then wasn't noticed for up to eleven minutes.
  @Test func `a poll that fails brings the request forward, the first one to within half a minute`() {
    var (schedule, chance) = (self.schedule, self.chance)
    func failing() -> Duration {
      schedule.answered(refreshAfter: .minutes(10), at: Self.start)
      schedule.pollFailed(at: Self.start, using: &chance)
      return schedule.nextRequest - Self.start
    }
    let waits = (0..<7).map { _ in failing() }
    #expect(waits[0] >= .seconds(1) && waits[0] <= .seconds(30), "\(waits)")
    #expect(waits[1] >= .seconds(30) && waits[1] <= .seconds(60), "\(waits)")
    #expect(waits[2] >= .seconds(60) && waits[2] <= .seconds(120), "\(waits)")
    #expect(waits.allSatisfy { $0 <= .minutes(10) } && waits[6] >= .minutes(5), "\(waits)")
    schedule.machineChanged()
    let other = failing()
    #expect(other <= .seconds(30))
    _ = schedule.pollBroughtNothing(after: .seconds(60), begun: Self.start, at: Self.at(60), using: &chance)
    let held = failing()
    #expect(held <= .seconds(30))
  }

  @Test mutating func `while no machine answers it is asked again within a minute, and sooner without sessions`() {
    var waits: [Duration] = []
    for _ in 0..<8 {
      schedule.failed(Self.away, holdsBundle: false, headroom: .zero, at: Self.start, using: &chance)
      waits.append(schedule.nextRequest - Self.start)
    }
    #expect(waits[0] <= .seconds(1) && waits[2] <= .seconds(4) && waits[7] >= .seconds(30))
    #expect(waits.allSatisfy { $0 <= .seconds(60) })
    schedule.forgetFailures()
    schedule.failed(Self.away, holdsBundle: true, headroom: .hours(1), at: Self.start, using: &chance)
    #expect(schedule.nextRequest - Self.start <= .seconds(1))
  }

  /// A tier that has handed out sessions hardly means it when it answers with something permanent, except that this host is forbidden.
  @Test(arguments: [(Self.refused, 30), (Failure(.permanent, code: "NoBundle", httpStatus: 404, advice: ""), 0)])
  func `a permanent failure of a tier that has served is asked about soon, unless it refuses the host`(
    _ failure: Failure, _ least: Int
  ) {
    var (schedule, chance) = (self.schedule, self.chance)
    schedule.failed(failure, holdsBundle: true, headroom: .hours(1), at: Self.start, using: &chance)
    #expect((schedule.nextRequest - Self.start >= .seconds(30)) == (least == 30))
    schedule.failed(failure, holdsBundle: false, headroom: .hours(1), at: Self.start, using: &chance)
    #expect(schedule.nextRequest - Self.start >= .seconds(30))
  }

  @Test func `a host's number spreads names that differ in a digit, over shards and over time`() {
    let numbers = (0..<6400).map { HostNumber.of("web\($0).prod.example") }
    #expect(HostNumber.of("web7.prod.example") == HostNumber.of("web7.prod.example"))
    var shards = Array(repeating: 0, count: 64)
    for number in numbers { shards[HostNumber.shard(of: number, among: 64)] += 1 }
    #expect(shards.allSatisfy { (60...150).contains($0) }, "\(shards)")
    let waits = numbers.map { RoleTiming.refresh(.seconds(600), ofHost: $0).wholeSeconds }
    #expect(waits.allSatisfy { (540...660).contains($0) } && Set(waits).count > 100)
    #expect(RoleTiming.refresh(.seconds(600), ofHost: 0) == .seconds(540))
  }

  @Test(arguments: [(true, 10, true), (true, 100, true), (false, 100, true), (false, 50, false), (false, 10, false)])
  func `a session of another machine is worth a rotation only if it ends later`(
    _ isSame: Bool, _ end: Int, _ expected: Bool
  ) { #expect(RoleTiming.isWorthRotation(to: end, ofSameMachine: isSame, from: 50) == expected) }
}
