import Core
import TestSupport
import Testing

@testable import Simulation

/// The model's own parts, since a property is worth what its measure is.
@Suite struct ModelTests {
  private static func at(_ seconds: Int64) -> Timestamp { Timestamp(microseconds: 0) + .seconds(seconds) }

  /// A session issued at zero whose Expiration by the server is `life` later, on a host whose clock is right.
  private static func session(life: Int64, asked: Int64) -> Session {
    let clock = ServerClock(wallMicroseconds: ModelledSTS.epoch * 1_000_000, at: at(0))
    return Session(
      id: SessionID(number: 1), accessKeyID: "STS.1", expiration: UTCTime(seconds: ModelledSTS.epoch + life),
      issued: UTCTime(seconds: ModelledSTS.epoch), sent: at(0), asked: .seconds(asked), clock: clock)
  }

  @Test func `reads are counted to the microsecond by what they get`() {
    var tally = ReadTally()
    var reading = Reading()
    let timing = RoleTiming(floor: .seconds(1200), lapseMargin: .seconds(15))
    reading.count(until: Self.at(10), &tally)
    reading.serve(Self.session(life: 3600, asked: 3600), timing: timing, at: Self.at(10), &tally)
    reading.count(until: Self.at(4000), &tally)
    #expect(tally.all == 4_000_000_000)
    #expect(tally.belowFloor == (3585 - 2400) * 1_000_000)
    #expect(tally.unserved == (10 + 4000 - 3585) * 1_000_000)
    #expect(tally.expired == 0)
  }

  @Test func `what the server holds for ended counts as expired, whatever the host believes`() {
    var tally = ReadTally()
    var reading = Reading()
    let session = Self.session(life: 3600, asked: 3600)
    var served = Reading.Served(session, timing: RoleTiming(lapseMargin: .seconds(1)))
    served.lapses = Self.at(3660)
    reading.serve(served, at: Self.at(0), &tally)
    reading.count(until: Self.at(4000), &tally)
    #expect(tally.expired == 60_000_000)
  }

  @Test func `the meter allows the burst and the rate, and not one call more`() {
    var meter = RateMeter(rate: 2, burst: 3)
    var allowed: [Bool] = []
    for second in [0, 0, 0, 1, 1, 1] as [Int64] { allowed.append(meter.allows(at: Self.at(second))) }
    #expect(allowed == [true, true, true, true, true, false])
  }

  @Test func `the account's limit is scaled with the sample`() {
    var scenario = Scenario(name: "test", seed: 1, span: .hours(1))
    scenario.hosts = 1000
    scenario.sample = 100
    var sts = ModelledSTS(scenario)
    var chance = SeededGenerator(seed: 1)
    var granted = 0
    for tick in 0..<10_000 {
      let now = Self.at(0) + .milliseconds(tick)
      let answer = sts.answer(
        role: 0, duration: .hours(1), date: ModelledSTS.time(at: now), at: now, using: &chance)
      if case .granted = answer.outcome { granted += 1 }
    }
    #expect((100...110).contains(granted), "\(granted) granted in 10 s at a tenth of 100 per second")
  }

  @Test func `a request dated wrongly is refused with the server's date`() {
    var sts = ModelledSTS(Scenario(name: "test", seed: 1, span: .hours(1)))
    var chance = SeededGenerator(seed: 1)
    let wrong = UTCTime(seconds: ModelledSTS.epoch + 1000)
    let answer = sts.answer(role: 0, duration: .hours(1), date: wrong, at: Self.at(0), using: &chance)
    guard case .refused(let trouble, let date) = answer.outcome else {
      Issue.record("a wrong date was accepted")
      return
    }
    #expect(trouble.failure.kind == .skew && date == UTCTime(seconds: ModelledSTS.epoch))
  }

  @Test func `a scenario's replay names it and its seed`() {
    for property in Catalogue.all {
      let scenario = property.make(42)
      #expect(scenario.replay == ".build/release/simulate --seed 42 --scenario \(property.name)")
      #expect(scenario.replayHint.hasPrefix("replay: \(scenario.replay)"))
      #expect(Catalogue.named(property.name)?.name == property.name)
    }
  }

  @Test(arguments: ["fleet-1h-1000", "steady-12h-100000", "declared-1h30min-7"])
  func `a fleet is found by its scenario's name, the same again`(_ name: String) throws {
    let scenario = try #require(Catalogue.named(name), "there is no scenario '\(name)'").make(42)
    #expect(scenario.name == name && scenario.seed == 42)
    #expect(name.hasSuffix("-\(scenario.timing.duration.text)-\(scenario.hosts)"))
    #expect(scenario.outages.isEmpty == name.hasPrefix("steady"))
  }

  @Test(arguments: [
    "fleet-1h", "fleet-1h-0", "fleet-20h-10", "fleet-1h-1000000000", "crowds-1h-10", "fleet-1h-10-10", "",
  ])
  func `a name that means nothing is no fleet's`(_ name: String) { #expect(Catalogue.named(name) == nil) }

  @Test func `percentiles are of all, with those that never got there`() {
    let most = Quantiles([3, 1, 2].map { .seconds($0) }, unended: 1, watched: .seconds(60))
    #expect(most.count == 4 && most.unendedShare == 0.25)
    #expect(most[0.5] == 2 && most[0.75] == 3 && most[0.99] == nil)
    let few = Quantiles([.seconds(1)], unended: 3, watched: .seconds(60))
    #expect(few[0.5] == nil && few[0.25] == 1)
    #expect(Quantiles([.seconds(1)], unended: 0, watched: .seconds(60))[0.99] == 1)
    #expect(Quantiles([], unended: 0, watched: .zero)[0.5] == nil)
  }

  @Test func `calls that STS refuses are counted apart`() {
    let fleet = Fleet(hosts: 10, duration: .hours(1))
    let findings = Simulator.run(fleet.scenario(seed: 1))
    let outage = findings.scenario.outages[0]
    let (all, refused) = (
      findings.rate(from: outage.start, to: outage.end), findings.refusals(from: outage.start, to: outage.end)
    )
    #expect(all.mean > 0 && refused.mean == all.mean)
    #expect(fleet.steadyRefusals(findings) == 0 && fleet.steadyRate(findings) > 0)
  }
}
