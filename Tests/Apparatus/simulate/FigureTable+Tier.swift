import Core
import Simulation

/// The figures about a tier and the hosts that it serves.
extension FigureTable {
  private static let tierHosts = 100_000
  private static let tierHostsOfShort = 5_000
  /// In the last part of the month one host of so many is simulated, which takes a quarter of the time.
  private static let lastSample = 10

  static func tierSections(
    _ durations: [Duration], _ direct: Rates, _ most: Pairs, _ seed: UInt64, isShort: Bool,
    _ violated: inout [String]
  ) -> [[String]] {
    [
      tier(durations, seed, isShort: isShort, &violated), returns(durations, seed), sideBySide(direct, seed),
      crossing(most, seed),
    ]
  }

  // MARK: - A month

  /// The notes about the model, and a table for each duration.
  private static func tier(_ durations: [Duration], _ seed: UInt64, isShort: Bool, _ violated: inout [String])
    -> [String]
  {
    let hosts = isShort ? tierHostsOfShort : tierHosts
    let example = TierFleet.month(hosts: hosts, duration: durations[0], seed: seed)
    var lines = [
      "## A tier of \(example.machines) machines for \(hosts) hosts\(isShort ? "" : ", 30 days")",
      "",
      "Both stages are simulated: the machines of the tier, with a session of each of the \(example.roles) roles for each of \(example.shards) shards besides the roles'",
      "own, and the hosts, each of which has all \(example.rolesPerHost) roles. A machine makes \(example.requestsPerSecond.tenths) calls per second, with a burst of \(example.burst). When hosts ask, what they do when",
      "no machine answers, and which session they take is the daemon's own code (`BundleSchedule`, `Backoff`, `RoleTiming`); one host in a thousand",
      "has the daemon's machine for each role besides, which has to hand out the same. A machine of the tier answers at once, or refuses the",
      "connection while it is lost; it comes back without sessions. Each host has its own order of the machines. What nginx can",
      "take isn't modelled, nor `fallback = \"direct\"`: hosts have no AccessKey. Their clocks are right.",
      isShort
        ? "All hosts are simulated all the time."
        : "In the last part of the month one host in \(lastSample) is simulated, which makes the peak of requests there too high; `simulate --tier \(hosts)` simulates all.",
      "",
      "Calls and requests per second are those of the whole tier; a long poll is one request. *Least life* is the shortest remaining lifetime that a reader on a host",
      "got. Reader-seconds are summed over all roles of all hosts. Until a session is there: from a host's start, or from the end of what happened, for roles that had none.",
    ]
    for duration in durations {
      let fleet =
        isShort
        ? TierFleet.short(hosts: hosts, duration: duration, seed: seed)
        : .month(hosts: hosts, duration: duration, seed: seed, sampleOf: lastSample)
      let (findings, seconds) = timed { TierSimulation.run(fleet) }
      violated += findings.violations.map { "\(fleet.name): \($0)" }
      lines += [
        "",
        "### Duration \(duration.text)",
        "",
        "\(fleet.span.text) in \(seconds.tenths) s of processor time. Calls that STS throttled: \(findings.throttled).",
        "",
        "| part of the run | calls/s, mean | peak | requests/s, mean | peak | least life | reader-seconds below the floor "
          + "| without a session | until a session is there, p50 / p99 | expired served |",
        "|---|---|---|---|---|---|---|---|---|---|",
      ]
      lines += rows(findings)
    }
    return lines
  }

  static func rows(_ findings: TierFindings) -> [String] {
    findings.phases.map { phase in
      var cells = [phase.phase.name, phase.calls.mean.hundredths, phase.calls.peak.tenths]
      cells += [phase.requests.mean.tenths, phase.requests.peak.tenths]
      cells += reads(phase.reads) + [phase.waits.text, "\(phase.reads.expired)"]
      return "| \(cells.joined(separator: " | ")) |"
    }
  }

  /// The least life, and the reader-seconds below the floor and without a session.
  private static func reads(_ reads: HostReads) -> [String] {
    let least = reads.leastLife.map { "\($0.inSeconds.tenths) s" } ?? "–"
    return [least, (Double(reads.belowFloor) / 1_000_000).tenths, (Double(reads.unserved) / 1_000_000).tenths]
  }

  // MARK: - The return of a tier

  private static let hostsOfReturn = 5_000

  private static func returns(_ durations: [Duration], _ seed: UInt64) -> [String] {
    let survived = RoleTiming().surviveOutage
    var lines = [
      "### How fast a lost tier comes back",
      "",
      "A machine that comes back fetches 640 sessions, at `requests_per_second`. Hosts keep the floor through a loss of \(survived.text) only if that takes",
      "little more than the \(Int(RoleTiming.outageOverhead.inSeconds)) s that are kept for retries: the default of 2 is too little for a machine with so many sessions of an hour. All three machines were lost",
      "for \(survived.text), with \(hostsOfReturn) hosts; the figures are from the loss to an hour after the return.",
      "",
      "| duration | requests_per_second of each machine | calls/s, peak | requests/s, peak | least life | reader-seconds below the floor | without a session |",
      "|---|---|---|---|---|---|---|",
    ]
    for duration in durations {
      for rate in [2.0, 5, 10, 20] {
        let fleet = TierFleet.loss(hosts: hostsOfReturn, duration: duration, requestsPerSecond: rate, seed: seed)
        guard let loss = TierSimulation.run(fleet).phase("loss") else { continue }
        let cells =
          [duration.text, rate.tenths, loss.calls.peak.tenths, loss.requests.peak.tenths] + reads(loss.reads)
        lines.append("| \(cells.joined(separator: " | ")) |")
      }
    }
    return lines
  }

  // MARK: - Side by side

  /// Calls per second of fleets with and without a tier. `direct` are those without, by duration and hosts.
  private static func sideBySide(_ direct: Rates, _ seed: UInt64) -> [String] {
    var lines = [
      "## Calls to STS: each host by itself, and through a tier",
      "",
      "Calls per second in steady state, with \(Fleet.rolesPerHost) roles for each host: those of the tables of fleets above, granted and refused, and those of a tier as above, measured",
      "over eight steps. *In all* is how many roles there are: with a hundred, a host has ten of them. A tier fetches only what its hosts ask for, and besides",
      "the roles themselves on each machine.",
      "",
      "| duration | hosts | each by itself | tier, ten roles in all | a hundred |",
      "|---|---|---|---|---|",
    ]
    for (duration, rates) in direct.sorted(by: { $0.key < $1.key }) {
      for (hosts, rate) in rates.sorted(by: { $0.key < $1.key }) {
        let tier = [10, 100].map { steadyCalls(hosts: hosts, duration, roles: $0, seed).hundredths }
        lines.append("| \(([duration.text, "\(hosts)", rate.hundredths] + tier).joined(separator: " | ")) |")
      }
    }
    return lines
  }

  private static func steadyCalls(hosts: Int, _ duration: Duration, roles: Int, _ seed: UInt64) -> Double {
    let fleet = TierFleet.steady(hosts: hosts, duration: duration, roles: roles, seed: seed)
    return TierSimulation.run(fleet).phase("steady")?.calls.mean ?? .infinity
  }

  private static func directCalls(hosts: Int, _ duration: Duration, _ seed: UInt64) -> Double {
    Fleet(hosts: hosts, duration: duration).steadyCalls(seed: seed)
  }

  // MARK: - Where one outgrows the other

  private static func crossing(_ most: Pairs, _ seed: UInt64) -> [String] {
    var lines = [
      "## Where one outgrows the other",
      "",
      "*Fewer calls from* is the least number of hosts, of \(Fleet.rolesPerHost) roles each, with which a tier of three with 64 shards calls STS less often than the hosts by themselves. It was found by halving;",
      "near it the two are within what chance makes of them. *Hosts by themselves* is how many hosts the account's quota in one region is",
      "enough for, by the table above. *Roles of a tier* is how many roles one region is enough for, by division, with any number of hosts: the quota times",
      "the time between two calls of a session, shared by three machines with 64 sessions of each role and its own.",
      "",
      "| duration | fewer calls from, ten roles in all | a hundred | hosts by themselves, steady state | through an outage of `survive_outage` | roles of a tier |",
      "|---|---|---|---|---|---|",
    ]
    for (duration, pairs) in most.sorted(by: { $0.key < $1.key }) {
      let fewer = [10, 100].map { "\(leastHosts(duration, roles: $0, seed))" }
      let sufficient = pairs.map { "\($0 / Fleet.rolesPerHost)" }
      let fleet = TierFleet.steady(hosts: 1, duration: duration, seed: seed)
      let roles = Int(
        Scenario.accountLimit * fleet.timing.step.inSeconds / Double(fleet.machines * (fleet.shards + 1)))
      lines.append("| \(([duration.text] + fewer + sufficient + ["\(roles)"]).joined(separator: " | ")) |")
    }
    return lines
  }

  private static func leastHosts(_ duration: Duration, roles: Int, _ seed: UInt64) -> Int {
    var (few, enough) = (0, 2_000)
    while enough - few > 1 {
      let hosts = (few + enough) / 2
      let isLess =
        steadyCalls(hosts: hosts, duration, roles: roles, seed) < directCalls(hosts: hosts, duration, seed)
      if isLess { enough = hosts } else { few = hosts }
    }
    return enough
  }
}

extension Double {
  /// With two decimals, as many as small rates need.
  var hundredths: String { "\((self * 100).rounded() / 100)" }
}
