import Core
import Glibc
import Simulation

/// The figures of `docs/simulation.md`.
enum FigureTable {
  private static let durations: [Duration] = [.hours(1), .hours(12)]
  private static let rolesPerHost = 10

  /// Computes the figures, prints them and writes them to the file; false when something was found that must not be.
  static func write(to path: String, seed: UInt64, machine: String) throws -> Bool {
    var text = Text(seed: seed, machine: machine)
    text.add(month(seed, &text.violations))
    for duration in durations { text.add(fleets(duration, seed, &text.violations)) }
    text.add(sufficiency(seed))
    print(text.markdown)
    try text.save(to: path)
    for violation in text.violations { print("VIOLATED: \(violation)") }
    return text.violations.isEmpty
  }

  // MARK: - Tables

  private static func month(_ seed: UInt64, _ violations: inout [String]) -> [String] {
    let (findings, seconds) = timed { Simulator.run(Catalogue.named("month")!.make(seed)) }
    violations += findings.violations
    let recoveries = findings.recoveries.map { recovery in
      "| \(recovery.outage.kind.rawValue) | \(recovery.outage.length.text) | \(recovery.peak.tenths) | "
        + "\(recovery.mean.tenths) | \(recovery.times.text) |"
    }
    return [
      "## One host with 10,000 roles, 30 days",
      "",
      "Duration 1 h, pool 2, 16 calls per second: the refreshes take 70 % of the rate. One call in 500 fails by itself, one",
      "answer in 10,000 has a wrong `Date`, and there are four outages.",
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

  private static func fleets(_ duration: Duration, _ seed: UInt64, _ violations: inout [String]) -> [String] {
    var lines = [
      "## Fleets on one account, duration \(duration.text)",
      "",
      "| hosts | pairs | simulated | start: peak calls/s | first session, p50 / p99 | steady calls/s "
        + "| after the outage: peak | mean of 60 s | recovered, p50 / p99 | reads below the floor | expired served |",
      "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for hosts in [1, 10, 100, 1000, 10_000, 100_000] {
      let fleet = Fleet(hosts: hosts, rolesPerHost: rolesPerHost, duration: duration)
      let findings = Simulator.run(fleet.scenario(seed: seed, kind: .serverError))
      violations += findings.violations
      lines.append(row(fleet, findings))
    }
    return lines
  }

  private static func row(_ fleet: Fleet, _ findings: Findings) -> String {
    let recovery = findings.recoveries[0]
    let recovered = recovery.unrecovered == 0 ? recovery.times.text : "\(recovery.unrecovered) of \(recovery.roles) not"
    let cells = [
      "\(fleet.hosts)", "\(fleet.pairs)", "\(findings.scenario.simulatedPairs)", fleet.startPeak(findings).tenths,
      findings.starts.text, fleet.steadyRate(findings).tenths, recovery.peak.tenths, recovery.mean.tenths, recovered,
      findings.belowFloorShare.percent, "\(findings.reads.expired)",
    ]
    return "| \(cells.joined(separator: " | ")) |"
  }

  private static func sufficiency(_ seed: UInt64) -> [String] {
    var lines = [
      "## From how many pairs on one account is not enough",
      "",
      "| duration | a pair calls once in | by division | steady state keeps the floor up to | through a declared outage up to |",
      "|---|---|---|---|---|",
    ]
    for duration in durations {
      let step = RoleTiming(duration: duration).step
      let found = Fleet.Demand.allCases.map { demand in
        "\(Fleet.mostPairs(demand, duration: duration, rolesPerHost: rolesPerHost, seed: seed))"
      }
      let byDivision = Int(step.inSeconds * 100)
      lines.append(
        "| \(duration.text) | \(step.text) | \(byDivision) | \(found.joined(separator: " | ")) |")
    }
    return lines
  }

  // MARK: - The document

  private struct Text {
    let seed: UInt64
    let machine: String
    var violations: [String] = []
    private var sections: [[String]] = []

    init(seed: UInt64, machine: String) {
      self.seed = seed
      self.machine = machine
    }

    mutating func add(_ section: [String]) { sections.append(section) }

    var markdown: String {
      let head = [
        "# What the simulation found",
        "",
        "Made by `.build/release/simulate --seed \(seed) --machine '\(machine)' --table docs/simulation.md`. Time is virtual: all",
        "but the processor time is the same on every machine. The machines, the queue, the token bucket, the back-off and the",
        "server's clock are the daemon's own; STS is modelled: half of its answers take 40 ms or less, one in a hundred 0.9 s,",
        "and the account has 100 calls per second. A host has 10 roles unless it says otherwise, with the settings' defaults:",
        "half of the duration as `refresh_after`, pool 2, floor 20 min, `survive_outage` 20 min, and 2 calls per second with a",
        "burst of 20.",
        "",
        "A *pair* is one role of one host. Where fewer pairs were simulated than the fleet has, the account's limit was scaled",
        "by the same share, and calls per second are scaled up again: their peaks are then a little too high. All hosts start",
        "within a minute, and the account answers 500 for 20 min when they have settled. Reads are counted exactly, as if every",
        "role were read all the time; *refused* are those with nothing valid to hand out.",
      ]
      return ([head] + sections).map { $0.joined(separator: "\n") }.joined(separator: "\n\n") + "\n"
    }

    func save(to path: String) throws {
      guard let file = fopen(path, "w") else { throw FileProblem(path: path, errno: errno) }
      let written = fputs(markdown, file)
      guard fclose(file) == 0, written >= 0 else { throw FileProblem(path: path, errno: errno) }
    }
  }

  private struct FileProblem: Error, CustomStringConvertible {
    let path: String
    let errno: CInt

    var description: String {
      "can't write '\(path)': \(String(cString: strerror(errno))); name a file in a directory that is there"
    }
  }
}
