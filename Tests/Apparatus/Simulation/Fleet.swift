package import Core

/// Fleets of one size each: their start, their steady state, and an account-wide outage as long as declared.
package struct Fleet: Sendable {
  package let hosts: Int
  package let timing: RoleTiming

  package init(hosts: Int, duration: Duration) {
    self.hosts = hosts
    timing = RoleTiming(duration: duration)
  }

  package static let rolesPerHost = 10
  package var pairs: Int { hosts * Self.rolesPerHost }

  /// The hosts start within so much of each other, as after a rollout.
  package static let startWithin = Duration.seconds(60)
  /// Of more pairs than this only so many are simulated.
  package static let mostPairs = 20_000

  private static let zero = Timestamp(microseconds: 0)
  /// Long enough for two sessions of every role and for the start to have passed.
  private var settled: Timestamp { Self.zero + timing.step * 6 }
  private var outageStart: Timestamp { settled + timing.step * 2 }

  /// All of it in one run, kept until no session from before the outage's end is left.
  package func scenario(seed: UInt64) -> Scenario {
    var scenario = steady(.table, seed: seed, startWithin: Self.startWithin, mostPairs: Self.mostPairs)
    addOutage(to: &scenario)
    return scenario
  }

  /// Without an outage, with the starts spread as asked.
  private func steady(_ kind: Kind, seed: UInt64, startWithin: Duration, mostPairs: Int) -> Scenario {
    var scenario = Scenario(name: name(kind), seed: seed, span: outageStart - Self.zero)
    scenario.hosts = hosts
    scenario.rolesPerHost = Self.rolesPerHost
    scenario.sample = max(1, mostPairs / Self.rolesPerHost)
    scenario.timing = timing
    scenario.requestsPerSecond = max(2, (Double(Self.rolesPerHost) * timing.callsPerSecond / 0.7).rounded(.up))
    scenario.startWithin = startWithin
    return scenario
  }

  private func addOutage(to scenario: inout Scenario) {
    let outage = Outage(.serverError, at: wholeSecond(outageStart), for: timing.surviveOutage)
    scenario.outages = [outage]
    scenario.span = outage.end + timing.duration - Self.zero
  }

  /// The busiest second of the start, and the means of the steady state: all calls, and those that are refused.
  package func startPeak(_ findings: Findings) -> Double { findings.rate(from: Self.zero, to: settled).peak }
  package func steadyRate(_ findings: Findings) -> Double { findings.rate(from: settled, to: outageStart).mean }
  package func steadyRefusals(_ findings: Findings) -> Double { findings.refusals(from: settled, to: outageStart).mean }

  /// Calls per second in steady state of a run without an outage.
  package func steadyCalls(seed: UInt64) -> Double {
    let scenario = steady(.steady, seed: seed, startWithin: Self.startWithin, mostPairs: Self.mostPairs)
    return steadyRate(Simulator.run(scenario))
  }

  private func wholeSecond(_ instant: Timestamp) -> Timestamp {
    Timestamp(microseconds: instant.microseconds / 1_000_000 * 1_000_000)
  }

  // MARK: - Names

  /// What a fleet is simulated for; the first word of its scenario's name.
  private enum Kind: String {
    case table = "fleet"
    case steady
    case declared
  }

  /// Such as `fleet-12h-1000`: the duration and the hosts.
  private func name(_ kind: Kind) -> String { "\(kind.rawValue)-\(timing.duration.text)-\(hosts)" }

  /// The scenario of this name and seed; nil when it isn't a fleet's.
  static func scenario(named name: String, seed: UInt64) -> Scenario? {
    let words = name.split(separator: "-").map(String.init)
    guard words.count == 3, let kind = Kind(rawValue: words[0]), let duration = Duration(text: words[1]),
      (.minutes(15)...(.hours(12))).contains(duration), let hosts = Int(words[2]), (1...1_000_000).contains(hosts)
    else { return nil }
    let fleet = Fleet(hosts: hosts, duration: duration)
    return switch kind {
    case .table: fleet.scenario(seed: seed)
    case .steady: fleet.trial(of: .steady, seed: seed)
    case .declared: fleet.trial(of: .outage, seed: seed)
    }
  }

  // MARK: - Whether one account is enough

  /// What a fleet is held to.
  package enum Demand: CaseIterable, Sendable {
    /// In steady state no reader gets less than the floor.
    case steady
    /// Nor does one in an account-wide outage as long as declared, or after it.
    case outage
  }

  /// What a search found.
  package struct Most: Sendable {
    /// The most pairs found for which one account's limit is enough. Near the edge one seed is enough and another isn't: the
    /// steps of the search are 2 %, but chance moves it further.
    package fileprivate(set) var pairs = 1000
    /// The runs in which something happened that never must.
    package fileprivate(set) var violated: [Findings] = []
  }

  /// Searches the most pairs of this duration for which one account's limit is enough.
  package static func mostPairs(_ demand: Demand, duration: Duration, seed: UInt64) -> Most {
    var most = Most()
    // Each pair needs a session before the one it has falls below the floor.
    let timing = RoleTiming(duration: duration)
    var tooMany = Int((duration - timing.floor).inSeconds * Scenario.accountLimit) + 1
    while Double(tooMany) / Double(most.pairs) > 1.02 {
      let pairs = Int((Double(most.pairs) * Double(tooMany)).squareRoot())
      let fleet = Fleet(hosts: pairs / rolesPerHost, duration: duration)
      let findings = Simulator.run(fleet.trial(of: demand, seed: seed))
      if !findings.violations.isEmpty { most.violated.append(findings) }
      if findings.reads.belowFloor == 0 && findings.reads.unserved == 0 { most.pairs = pairs } else { tooMany = pairs }
    }
    return most
  }

  private static let pairsOfSearch = 4_000
  /// A fleet that is a little too large falls behind slowly.
  package static let stepsOfSearch = 12

  /// What is searched by: with starts spread as wide as a fleet's are in the long run, and reads counted once it has settled.
  private func trial(of demand: Demand, seed: UInt64) -> Scenario {
    var scenario = steady(
      demand == .steady ? .steady : .declared, seed: seed, startWithin: timing.step * 2, mostPairs: Self.pairsOfSearch)
    scenario.countsReadsFrom = settled
    switch demand {
    case .steady: scenario.span = settled + timing.step * Self.stepsOfSearch - Self.zero
    case .outage: addOutage(to: &scenario)
    }
    return scenario
  }
}
