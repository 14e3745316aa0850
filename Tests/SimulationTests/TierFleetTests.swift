import Core
import Testing

@testable import Simulation

/// A tier and its hosts, in small.
@Suite struct TierFleetTests {
  private static func short(_ seed: UInt64, hosts: Int = 24, shards: Int = 3, machines: Int = 3) -> TierFleet {
    var fleet = TierFleet.short(hosts: hosts, duration: .hours(1), seed: seed)
    (fleet.shards, fleet.roles, fleet.rolesPerHost, fleet.machines) = (shards, 3, 3, machines)
    fleet.witnessOf = 4
    return fleet
  }

  @Test(arguments: 1...3 as ClosedRange<UInt64>)
  func `no host loses anything within the outage that roles survive, and none hands out an expired session`(
    _ seed: UInt64
  ) {
    let findings = TierSimulation.run(Self.short(seed))
    #expect(findings.violations == [])
    #expect(findings.phases.allSatisfy { $0.reads.expired == 0 && $0.calls.peak <= Scenario.accountLimit })
    let promised = findings.phases.filter { $0.phase.promisesFloor }
    #expect(promised.count >= 5)
    #expect(promised.allSatisfy { $0.reads.unserved == 0 && $0.reads.belowFloor == 0 })
  }

  @Test
  func
    `after a loss of the tier for longer than sessions live all hosts have sessions again, and don't come in a herd`()
    throws
  {
    var fleet = Self.short(1, hosts: 150)
    fleet.phases = [
      TierFleet.Phase(name: "start", length: .hours(1), event: nil, promisesFloor: false),
      TierFleet.Phase(name: "lost", length: .hours(3), event: .loss(machines: 3, .hours(2)), promisesFloor: false),
    ]
    let lost = try #require(TierSimulation.run(fleet).phase("lost"))
    #expect(lost.reads.unserved > 0, "or it shows nothing")
    let last = try #require(lost.waits[0.99])
    #expect(lost.waits.unended == 0 && last <= 120, "\(lost.waits)")
    // Hosts without a session ask once in 30 to 60 s.
    #expect(lost.requests.peak <= 150 / 30 * 5, "\(lost.requests)")
  }

  @Test func `machines that start at once with the rate that is advised for them stay within the account's limit`()
    throws
  {
    var fleet = TierFleet.short(hosts: 640, duration: .hours(1), seed: 1)
    #expect(Double(fleet.machines) * (fleet.requestsPerSecond + Double(fleet.burst)) <= Scenario.accountLimit)
    fleet.startWithin = .seconds(1)
    fleet.phases = [
      TierFleet.Phase(name: "start", length: .minutes(5), event: nil, promisesFloor: false),
      TierFleet.Phase(name: "lost", length: .minutes(15), event: .loss(machines: 3, .minutes(5)), promisesFloor: false),
    ]
    let findings = TierSimulation.run(fleet)
    for phase in findings.phases {
      #expect((60...Scenario.accountLimit).contains(phase.calls.peak), "\(phase.phase.name): \(phase.calls)")
    }
    #expect(findings.throttled == 0 && findings.violations == [])
  }

  @Test func `a tier calls STS as often as its shards need, however many hosts it has`() throws {
    for (hosts, shards) in [(30, 2), (90, 2), (90, 4)] {
      var fleet = TierFleet.steady(hosts: hosts, duration: .hours(1), seed: 1)
      fleet.shards = shards
      let calls = try #require(TierSimulation.run(fleet).phase("steady")).calls.mean
      // Each machine has the roles' own sessions besides.
      let expected = Double(3 * 10 * (shards + 1)) * fleet.timing.callsPerSecond
      #expect(abs(calls - expected) < expected * 0.05, "\(calls), \(expected)")
    }
  }

  @Test func `only cells that have hosts are fetched, and only until nobody asks any more`() throws {
    var fleet = TierFleet.steady(hosts: 1, duration: .hours(1), seed: 1)
    let calls = try #require(TierSimulation.run(fleet).phase("steady")).calls.mean
    #expect(abs(calls - 40 * fleet.timing.callsPerSecond) < 0.005, "\(calls)")
    // While its machine is away, another one serves the host; two hours after it has come back, that one has dropped the sessions.
    fleet.phases = [
      TierFleet.Phase(name: "start", length: .hours(1), event: nil, promisesFloor: false),
      TierFleet.Phase(name: "lost", length: .hours(4), event: .loss(machines: 3, .minutes(1)), promisesFloor: false),
      TierFleet.Phase(name: "one lost", length: .hours(4), event: .loss(machines: 2, .hours(1)), promisesFloor: true),
      TierFleet.Phase(name: "after", length: .hours(4), event: nil, promisesFloor: true),
    ]
    let after = try #require(TierSimulation.run(fleet).phase("after"))
    #expect(abs(after.calls.mean - 40 * fleet.timing.callsPerSecond) < 0.005, "\(after.calls)")
  }

  @Test
  func `hosts that have what they need ask at most three times for each bundle, and have it at once when they restart`()
    throws
  {
    var fleet = Self.short(2, hosts: 60)
    fleet.phases = [
      TierFleet.Phase(name: "start", length: .hours(1), event: nil, promisesFloor: false),
      TierFleet.Phase(name: "quiet", length: .hours(1), event: nil, promisesFloor: true),
      TierFleet.Phase(name: "restarts", length: .minutes(61), event: .restarts(within: .hours(1)), promisesFloor: true),
    ]
    let findings = TierSimulation.run(fleet)
    #expect(findings.violations == [])
    let quiet = try #require(findings.phase("quiet"))
    // Long polls of a minute and of the rest, and the request itself.
    let most = 60 * 3 / (fleet.timing.hostRefresh.inSeconds * 0.9)
    #expect((60 / 60.0...most).contains(quiet.requests.mean), "\(quiet.requests)")
    let last = try #require(findings.phase("restarts"))
    #expect(last.reads.unserved == 0 && last.waits.count == 60 * 3)
  }

  @Test func `a reader's time is counted by what it gets`() {
    var reads = HostReads()
    let timing = RoleTiming(floor: .seconds(1200), lapseMargin: .seconds(15))
    func at(_ seconds: Int64) -> Timestamp { Timestamp(microseconds: 0) + .seconds(seconds) }
    reads.count(from: at(0), to: at(10), end: nil, timing: timing)
    reads.count(from: at(10), to: at(4000), end: at(3600), timing: timing)
    #expect(reads.all == 4_000_000_000 && reads.unserved == (10 + 4000 - 3585) * 1_000_000)
    #expect(reads.belowFloor == (3585 - 2400) * 1_000_000 && reads.leastLife == .seconds(15) && reads.expired == 0)
  }
}
