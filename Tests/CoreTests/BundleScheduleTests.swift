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
    let goesOn = schedule.pollBroughtNothing(after: .seconds(60), begun: Self.start, at: Self.at(60))
    let second = schedule.nextPoll(at: Self.at(60))
    #expect(first == .seconds(60) && goesOn && second == .seconds(51))
    let third = schedule.nextPoll(at: Self.at(110))
    #expect(third == nil, "a second isn't worth a request")
    #expect(schedule.nextRequest == Self.at(111))
  }

  @Test mutating func `a machine that answers at once what it was to hold back isn't polled again`() {
    schedule.answered(refreshAfter: .minutes(10), at: Self.start)
    let goesOn = schedule.pollBroughtNothing(after: .seconds(60), begun: Self.start, at: Self.at(29))
    #expect(!goesOn)
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

  @Test mutating func `a poll that fails brings the request forward once, to within half a minute`() {
    schedule.answered(refreshAfter: .minutes(10), at: Self.start)
    schedule.pollFailed(at: Self.start, using: &chance)
    #expect((Self.at(1)...Self.at(30)).contains(schedule.nextRequest))
    schedule.answered(refreshAfter: .minutes(10), at: Self.start)
    schedule.pollFailed(at: Self.start, using: &chance)
    #expect(schedule.nextRequest == Self.at(600), "the second in a row")
    _ = schedule.pollBroughtNothing(after: .seconds(60), begun: Self.start, at: Self.at(60))
    schedule.pollFailed(at: Self.at(60), using: &chance)
    #expect(schedule.nextRequest <= Self.at(90))
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
