import ArgumentParser
import Core
import Glibc
import Simulation

@main
struct Simulate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract: "Runs the daemon's refresh logic in virtual time against a model of STS.",
    discussion: """
      --scenario runs one scenario with one seed and prints what it found. The scenarios are:
      \(Catalogue.all.map { "  \($0.name): \($0.about)" }.joined(separator: "\n"))
        fleet-1h-1000: 1000 hosts on one account, or any other duration and number; steady-… and declared-… likewise

      --tier prints the rows of its table about a tier and its hosts; with --short those of the same events close together.
      --cold-start prints a row of docs/simulation.md's table about the start of a fleet.

      --seeds checks the properties: it runs all scenarios but the months and fleets, each with this many seeds.
      --table computes the figures of docs/simulation.md; with --short only the small month and sessions of an hour.

      The exit status is 1 if a property was violated.
      """)

  @Option(help: "The seed of --scenario and --table.") var seed: UInt64 = 1
  @Option(help: "Run this scenario once.") var scenario: String?
  @Option(help: "Simulate a cold start of this many hosts in --regions.") var coldStart: Int?
  @Option(help: "The regions of --cold-start.") var regions = 1
  @Option(help: "What the hosts of --cold-start know of their number; the number by default.") var fleetSize: Int?
  @Option(help: "Simulate a month of a tier that serves this many hosts.") var tier: Int?
  @Option(help: "The lifetime of the sessions of --tier, such as 1h.") var duration = "1h"
  @Option(help: "Check the properties with each seed from 1 to this number.") var seeds: UInt64?
  @Option(help: "Compute the figures, and write them to this file.") var table: String?
  @Option(help: "Write only the sections about a tier, which end the table, to this file.") var tierTable: String?

  @Flag(help: "Compute a smaller table, in a tenth of the time.") var short = false
  @Option(help: "The machine, as the table names it for its processor times.") var machine =
    "a machine that wasn't named"

  func validate() throws {
    if scenario == nil && seeds == nil && table == nil && coldStart == nil && tier == nil && tierTable == nil {
      throw ValidationError("nothing to do; name a --scenario, a number of --seeds, or a file for the --table")
    }
    guard let span = Duration(text: duration), RoleTiming.allowedDuration.contains(span) else {
      throw ValidationError("--duration is '\(duration)'; write one from 15min to 12h")
    }
    if let scenario, Catalogue.named(scenario) == nil {
      let known = Catalogue.all.map(\.name).joined(separator: ", ")
      throw ValidationError("there is no scenario '\(scenario)'; there are \(known)")
    }
  }

  func run() throws {
    var failed = false
    if let scenario, let entry = Catalogue.named(scenario) {
      let (findings, seconds) = timed { Simulator.run(entry.make(seed)) }
      print(Report.lines(findings, seconds: seconds).joined(separator: "\n"))
      failed = !findings.violations.isEmpty
    }
    if let coldStart {
      let start = ColdStart(hosts: coldStart, regions: regions, fleetSize: fleetSize, seed: seed)
      print(FigureTable.row(start, start.run()))
    }
    if let tier {
      let fleet =
        short
        ? TierFleet.short(hosts: tier, duration: Duration(text: duration)!, seed: seed)
        : .month(hosts: tier, duration: Duration(text: duration)!, seed: seed)
      let (findings, seconds) = timed { TierSimulation.run(fleet) }
      print((FigureTable.rows(findings) + ["\(seconds.tenths) s"] + findings.violations).joined(separator: "\n"))
      failed = !findings.violations.isEmpty || failed
    }
    if let seeds { failed = !Properties.hold(seeds: seeds) || failed }
    if let table { failed = try !FigureTable.write(to: table, seed: seed, machine: machine, isShort: short) || failed }
    if let tierTable { failed = try !FigureTable.writeTier(to: tierTable, seed: seed, isShort: short) || failed }
    if failed { throw ExitCode(1) }
  }
}

/// What a computation gives and the seconds of processor time it took: other work on the machine counts least in these.
func timed<Result>(_ work: () -> Result) -> (Result, seconds: Double) {
  let start = clock()
  let result = work()
  return (result, Double(clock() - start) / Double(CLOCKS_PER_SEC))
}
