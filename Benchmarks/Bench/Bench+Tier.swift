import Core
import Simulation

/// How often a tier calls STS, in virtual time: the daemon's own machines, queue and schedule.
extension Bench {
  /// The design's bounds on calls per second, by duration and roles in all.
  private static let tierCases: [(duration: Duration, roles: Int, most: Double)] = [
    (.hours(1), 10, 2.3), (.hours(12), 10, 0.2), (.hours(1), 100, 23), (.hours(12), 100, 2),
  ]

  func measureTier(_ report: inout Report) throws {
    // More hosts call no more often, and take longer.
    let hosts = form == .full ? 100_000 : 10_000
    let fleet = TierFleet.steady(hosts: hosts, duration: .hours(1), seed: 1)
    report.add(
      "A tier's calls to STS",
      """
      \(hosts) hosts of \(fleet.rolesPerHost) roles each behind \(fleet.machines) machines with \(fleet.shards) shards, both stages simulated; calls per second \
      of all machines together, over eight steps of a pool. The time is virtual, so that no machine's speed is in it; docs/simulation.md has a month of it.
      """,
      try Self.tierCases.map { item in
        let fleet = TierFleet.steady(hosts: hosts, duration: item.duration, roles: item.roles, seed: 1)
        let findings = TierSimulation.run(fleet)
        guard let steady = findings.phase("steady"), findings.violations.isEmpty else {
          throw BenchError("the simulated tier breaks its promises: \(findings.violations)")
        }
        return Self.tierRow(item.duration, roles: item.roles, calls: steady.calls.mean, atMost: item.most)
      })
  }

  static func tierRow(_ duration: Duration, roles: Int, calls: Double, atMost bound: Double) -> Row {
    .bounded("simulated-tier-\(roles)-roles-\(duration.text)", "1/s", calls, atMost: bound)
  }
}
