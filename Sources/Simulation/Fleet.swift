package import Core

/// Fleets of one size each: their start, their steady state, and an account-wide outage as long as declared.
package struct Fleet: Sendable {
  package let hosts: Int
  package let rolesPerHost: Int
  package let timing: RoleTiming

  package init(hosts: Int, rolesPerHost: Int, duration: Duration) {
    self.hosts = hosts
    self.rolesPerHost = rolesPerHost
    timing = RoleTiming(duration: duration)
  }

  package var pairs: Int { hosts * rolesPerHost }

  /// The hosts start within so much of each other, as after a rollout.
  package static let startWithin = Duration.seconds(60)
  /// Of more pairs than this only so many are simulated.
  package static let mostPairs = 20_000

  private static let zero = Timestamp(microseconds: 0)
  /// Long enough for two sessions of every role and for the start to have passed.
  private var settled: Timestamp { Self.zero + timing.step * 6 }
  private var outageStart: Timestamp { settled + timing.step * 2 }

  /// All of it in one run, kept until two steps after the outage.
  package func scenario(seed: UInt64, kind: Outage.Kind) -> Scenario {
    var scenario = steady(seed: seed, startWithin: Self.startWithin, mostPairs: Self.mostPairs)
    scenario.outages = [Outage(kind, at: wholeSecond(outageStart), for: timing.surviveOutage)]
    scenario.span = outageStart + timing.surviveOutage + timing.step * 2 - Self.zero
    return scenario
  }

  /// Without an outage, with the starts spread as asked.
  func steady(seed: UInt64, startWithin: Duration, mostPairs: Int) -> Scenario {
    var scenario = Scenario(name: "fleet", seed: seed, span: outageStart - Self.zero)
    scenario.hosts = hosts
    scenario.rolesPerHost = rolesPerHost
    scenario.sample = max(1, mostPairs / rolesPerHost)
    scenario.timing = timing
    scenario.requestsPerSecond = max(2, (Double(rolesPerHost) * timing.callsPerSecond / 0.7).rounded(.up))
    scenario.startWithin = startWithin
    return scenario
  }

  /// The busiest second of the start, and the mean of the steady state.
  package func startPeak(_ findings: Findings) -> Double { findings.rate(from: Self.zero, to: settled).peak }
  package func steadyRate(_ findings: Findings) -> Double { findings.rate(from: settled, to: outageStart).mean }

  private func wholeSecond(_ instant: Timestamp) -> Timestamp {
    Timestamp(microseconds: instant.microseconds / 1_000_000 * 1_000_000)
  }

  // MARK: - Whether one account is enough

  /// What a fleet is held to.
  package enum Demand: CaseIterable, Sendable {
    /// In steady state no reader gets less than the floor.
    case steady
    /// Nor does one in an account-wide outage as long as declared, or after it.
    case outage
  }

  /// The most pairs of this duration, in hosts of so many roles, for which one account's limit is enough; within 2 %.
  package static func mostPairs(_ demand: Demand, duration: Duration, rolesPerHost: Int, seed: UInt64) -> Int {
    var (enough, tooMany) = (100, 10_000_000)
    while Double(tooMany) / Double(enough) > 1.02 {
      let pairs = Int((Double(enough) * Double(tooMany)).squareRoot())
      let fleet = Fleet(hosts: pairs / rolesPerHost, rolesPerHost: rolesPerHost, duration: duration)
      if fleet.meets(demand, seed: seed) { enough = pairs } else { tooMany = pairs }
    }
    return enough
  }

  private static let pairsOfSearch = 4_000

  private func meets(_ demand: Demand, seed: UInt64) -> Bool {
    var scenario = steady(seed: seed, startWithin: timing.step * 2, mostPairs: Self.pairsOfSearch)
    scenario.countsReadsFrom = settled
    if demand == .outage {
      scenario.outages = [Outage(.serverError, at: wholeSecond(outageStart), for: timing.surviveOutage)]
      scenario.span = outageStart + timing.surviveOutage + timing.step * 2 - Self.zero
    }
    let findings = Simulator.run(scenario)
    return findings.reads.belowFloor == 0 && findings.reads.unserved == 0
  }
}
