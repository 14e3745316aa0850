import Core
import Glibc
import Simulation

/// The figures of `docs/simulation.md`.
enum FigureTable {
  /// Computes the figures, prints them and writes them to the file; false when something was found that must not be.
  ///
  /// Those of the short form take a tenth of the time: a month of 1,000 roles, and fleets with sessions of an hour alone.
  static func write(to path: String, seed: UInt64, machine: String, isShort: Bool) throws -> Bool {
    var text = Text(seed: seed, machine: machine, isShort: isShort)
    let durations: [Duration] = isShort ? [.hours(1)] : [.hours(1), .hours(12)]
    text.add(month(isShort ? "small-month" : "month", seed, &text.violated))
    var (rates, most): (Rates, Pairs) = ([:], [:])
    for duration in durations { text.add(fleets(duration, seed, &text.violated, &rates)) }
    text.add(coldStarts(seed, isShort: isShort))
    text.add(sufficiency(durations, seed, &text.violated, &most))
    var violations: [String] = []
    for section in tierSections(durations, rates, most, seed, isShort: isShort, &violations) { text.add(section) }
    print(text.markdown)
    try save(text.markdown, to: path)
    for findings in text.violated {
      print(([findings.scenario.name] + Report.violations(of: findings)).joined(separator: "\n"))
    }
    for violation in violations { print("  VIOLATED: \(violation)") }
    return text.violated.isEmpty && violations.isEmpty
  }

  /// Calls per second in steady state, by duration and hosts.
  typealias Rates = [Duration: [Int: Double]]
  /// How many pairs one account can serve, by duration: in steady state, and through an outage.
  typealias Pairs = [Duration: [Int]]

  private static let fleetSizes = [1, 10, 100, 1000, 10_000, 100_000]

  /// The sections about a tier alone, which end the document.
  static func writeTier(to path: String, seed: UInt64, isShort: Bool) throws -> Bool {
    let durations: [Duration] = isShort ? [.hours(1)] : [.hours(1), .hours(12)]
    var (rates, most): (Rates, Pairs) = ([:], [:])
    for duration in durations {
      for hosts in fleetSizes {
        rates[duration, default: [:]][hosts] = Fleet(hosts: hosts, duration: duration).steadyCalls(seed: seed)
      }
      most[duration] = Fleet.Demand.allCases.map { Fleet.mostPairs($0, duration: duration, seed: seed).pairs }
    }
    var violations: [String] = []
    let sections = tierSections(durations, rates, most, seed, isShort: isShort, &violations)
    let text = sections.map { $0.joined(separator: "\n") }.joined(separator: "\n\n") + "\n"
    print(text)
    try save(text, to: path)
    for violation in violations { print("  VIOLATED: \(violation)") }
    return violations.isEmpty
  }

  // MARK: - Tables

  private static func month(_ name: String, _ seed: UInt64, _ violated: inout [Findings]) -> [String] {
    let (findings, seconds) = timed { Simulator.run(Catalogue.named(name)!.make(seed)) }
    if !findings.violations.isEmpty { violated.append(findings) }
    let scenario = findings.scenario
    let recoveries = findings.recoveries.map { recovery in
      "| \(recovery.outage.kind.rawValue) | \(recovery.outage.length.text) | \(recovery.peak.tenths) | "
        + "\(recovery.mean.tenths) | \(recovery.times.text) |"
    }
    return [
      "## One host with \(scenario.rolesPerHost) roles, 30 days",
      "",
      "Duration 1 h, pool 2, \(scenario.requestsPerSecond.tenths) calls per second: the refreshes take 70 % of the rate. One",
      "call in 500 fails at random, one answer in 10,000 has a wrong `Date`, and there are four outages.",
      "",
      "| calls | reads below the floor | refused (before the first session) | expired served | processor time |",
      "|---|---|---|---|---|",
      "| \(findings.counts.calls) | \(findings.belowFloorShare.percent) | \(findings.unservedShare.percent) | "
        + "\(findings.reads.expired) | \(seconds.tenths) s |",
      "",
      "| outage | length | calls/s after it, peak | mean of 60 s | recovered, p50 / p99 |",
      "|---|---|---|---|---|",
    ] + recoveries
  }

  private static func fleets(
    _ duration: Duration, _ seed: UInt64, _ violated: inout [Findings], _ rates: inout Rates
  ) -> [String] {
    var lines = [
      "## Fleets on one account, duration \(duration.text)",
      "",
      "| hosts | pairs | simulated | start: peak calls/s | first session, p50 / p99 | steady calls/s | of them refused "
        + "| after the outage: peak | mean of 60 s | recovered, p50 / p99 | reads below the floor | expired served |",
      "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for hosts in fleetSizes {
      let fleet = Fleet(hosts: hosts, duration: duration)
      let findings = Simulator.run(fleet.scenario(seed: seed))
      if !findings.violations.isEmpty { violated.append(findings) }
      lines.append(row(fleet, findings))
      rates[duration, default: [:]][hosts] = fleet.steadyRate(findings)
    }
    return lines
  }

  private static func row(_ fleet: Fleet, _ findings: Findings) -> String {
    let recovery = findings.recoveries[0]
    let cells = [
      "\(fleet.hosts)", "\(fleet.pairs)", "\(findings.scenario.simulatedPairs)", fleet.startPeak(findings).tenths,
      findings.starts.text, fleet.steadyRate(findings).tenths, fleet.steadyRefusals(findings).tenths,
      recovery.peak.tenths, recovery.mean.tenths, recovery.times.text, findings.belowFloorShare.percent,
      "\(findings.reads.expired)",
    ]
    return "| \(cells.joined(separator: " | ")) |"
  }

  /// The hosts of a fleet, and how many of them the short form simulates.
  private static let (startingHosts, startingSample) = (100_000, 5_000)

  private static func coldStarts(_ seed: UInt64, isShort: Bool) -> [String] {
    var lines = [
      "## A cold start of \(startingHosts) hosts",
      "",
      "All hosts start within \(Fleet.startWithin.text), without any session, so that \(startingHosts * Fleet.rolesPerHost) pairs need one, of 12 h. *By division* is how",
      "long the account's 100 calls per second in each region take for them. On each host a reader waits for one of the",
      "roles from the beginning. The queue, the rates, the regions and the back-off are the daemon's own; an answer comes at once.",
      "With `fleet_size = 1` the hosts don't know of each other. If not all pairs were simulated, the peak is too high.",
      "",
      "| regions | fleet_size | simulated | by division | peak calls/s | refused calls for each session | first session, p50 / p99 | for waiting readers, p50 / p99 |",
      "|---|---|---|---|---|---|---|---|",
    ]
    for regions in [1, 3, 10] {
      for size in [1, startingHosts] {
        let start = ColdStart(
          hosts: startingHosts, regions: regions, fleetSize: size, sample: isShort ? startingSample : nil, seed: seed)
        lines.append(row(start, start.run()))
      }
    }
    return lines
  }

  static func row(_ start: ColdStart, _ outcome: ColdStart.Outcome) -> String {
    let cells = [
      "\(start.regions)", "\(start.fleetSize)", "\(start.simulatedPairs)", "\(start.ideal.inSeconds.tenths) s",
      outcome.peak.tenths, (Double(outcome.refused) / Double(max(1, outcome.granted))).tenths, outcome.waits.text,
      outcome.awaited.text,
    ]
    return "| \(cells.joined(separator: " | ")) |"
  }

  private static func sufficiency(
    _ durations: [Duration], _ seed: UInt64, _ violated: inout [Findings], _ most: inout Pairs
  ) -> [String] {
    let stretches = durations.map { "\(stretch($0)) steps with a duration of \($0.text)" }.joined(separator: ", ")
    var lines = [
      "## How many pairs one account can serve",
      "",
      "*By division* is the account's 100 calls per second in one region times the mean time between two calls of a pair. The search",
      "looks for the largest number of pairs without a read below the floor. All hosts start within two of these steps, and reads count",
      "from the sixth step on: in steady state for \(Fleet.stepsOfSearch) steps, with an outage from two steps before it until all sessions from",
      "before its end have expired.",
      "",
      "An account can serve more pairs than by division. A throttled role keeps its sessions and calls less often than",
      "once in a step. Readers notice nothing as long as a new session comes before the last one falls below the floor, which is",
      "\(stretches). At that size many calls are refused, and there is no reserve.",
      "The limit isn't sharp: one seed is tried at each size, and the result depends by up to a third on where the search begins.",
      "",
      "| duration | a pair calls once in | by division | pairs in steady state | pairs through an outage of `survive_outage` |",
      "|---|---|---|---|---|",
    ]
    for duration in durations {
      let step = RoleTiming(duration: duration).step
      let found = Fleet.Demand.allCases.map { Fleet.mostPairs($0, duration: duration, seed: seed) }
      violated += found.flatMap(\.violated)
      most[duration] = found.map(\.pairs)
      let cells =
        [duration.text, step.text, "\(Int(step.inSeconds * Scenario.accountLimit))"] + found.map { "\($0.pairs)" }
      lines.append("| \(cells.joined(separator: " | ")) |")
    }
    return lines
  }

  /// How many steps a new session leaves its role until the fall below the floor.
  private static func stretch(_ duration: Duration) -> String {
    let timing = RoleTiming(duration: duration)
    return ((duration - timing.floor).inSeconds / timing.step.inSeconds).tenths
  }

  // MARK: - The document

  private struct Text {
    let seed: UInt64
    let machine: String
    let isShort: Bool
    var violated: [Findings] = []
    private var sections: [[String]] = []

    init(seed: UInt64, machine: String, isShort: Bool) {
      self.seed = seed
      self.machine = machine
      self.isShort = isShort
    }

    mutating func add(_ section: [String]) { sections.append(section) }

    var markdown: String {
      let head = [
        "# What the simulation found",
        "",
        "Made by `.build/release/simulate --seed \(seed) --machine '\(machine)'\(isShort ? " --short" : "") --table docs/simulation.md`.",
        "`make simulate` builds the program. Time is virtual: everything but the processor time is the same on every machine. The",
        "refresh machines, the queue, the token bucket, the back-off and the server's clock are the daemon's own code. STS is a",
        "model: half of its answers take 40 ms or less, one in a hundred takes 0.9 s, and all hosts ask one region, where the",
        "account has 100 calls per second.",
        "Unless stated otherwise, a host has \(Fleet.rolesPerHost) roles with the settings' defaults: half of the duration as `refresh_after`,",
        "pool 2, floor 20 min, `survive_outage` 20 min, and 2 calls per second with a burst of 20.",
        "",
        "A *pair* is one role of one host. If fewer pairs were simulated than the fleet has, the account's limit was scaled down",
        "by the same share, and calls per second were scaled up again, which makes their peaks a little too high. In the tables of",
        "fleets all hosts start within a minute. After eight steps (a step is a quarter of the duration) the account answers 500",
        "for 20 min, and the run ends a whole duration later. Calls per second include all that reach STS, granted or refused.",
        "Reads are counted exactly, as if every role were read all the time; *refused* reads are those for which there is no",
        "valid session. Times to the first session and to recovery are of all roles. If a percentile lies beyond the end of the",
        "run, it is shown as `>` and that time, with the share of roles that didn't get there in brackets.",
      ]
      return ([head] + sections).map { $0.joined(separator: "\n") }.joined(separator: "\n\n") + "\n"
    }
  }

  private static func save(_ text: String, to path: String) throws {
    guard let file = fopen(path, "w") else { throw FileProblem(path: path, errno: errno) }
    let written = fputs(text, file)
    guard fclose(file) == 0, written >= 0 else { throw FileProblem(path: path, errno: errno) }
  }

  private struct FileProblem: Error, CustomStringConvertible {
    let path: String
    let errno: CInt

    var description: String {
      "can't write '\(path)': \(String(cString: strerror(errno))); name a file in a directory that is there"
    }
  }
}
