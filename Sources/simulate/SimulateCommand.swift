import ArgumentParser
import Glibc
import Simulation

@main
struct Simulate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract: "Drives the daemon's refresh machines through virtual time against a modelled STS.",
    discussion: """
      --scenario runs one scenario with one seed and tells what it found; the scenarios are
      \(Catalogue.all.map { "  \($0.name): \($0.about)" }.joined(separator: "\n"))
        fleet-1h-1000: 1000 hosts on one account, for any duration and number; steady-… and declared-… are those of the search
      --seeds runs all but these figures' with so many seeds each; --table computes the figures of docs/simulation.md, --short
      with the small month and sessions of an hour alone.
      The exit status is 1 when something happened that must not.
      """)

  @Option(help: "The seed of --scenario and --table.") var seed: UInt64 = 1
  @Option(help: "Run this scenario once.") var scenario: String?
  @Option(help: "Run the properties with the seeds from 1 to this number.") var seeds: UInt64?
  @Option(help: "Compute the figures and write them to this file.") var table: String?

  @Flag(help: "Compute a table in a tenth of the time.") var short = false
  @Option(help: "What the table's processor time is measured on.") var machine = "a machine that wasn't named"

  func validate() throws {
    if scenario == nil && seeds == nil && table == nil {
      throw ValidationError("nothing to do; name a --scenario, a number of --seeds, or a file for the --table")
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
    if let seeds { failed = !Properties.hold(seeds: seeds) || failed }
    if let table { failed = try !FigureTable.write(to: table, seed: seed, machine: machine, isShort: short) || failed }
    if failed { throw ExitCode(1) }
  }
}

/// What a computation gives and the seconds of processor time it took: other work on the machine counts least in these.
func timed<Result>(_ work: () -> Result) -> (Result, seconds: Double) {
  let start = clock()
  let result = work()
  return (result, Double(clock() - start) / Double(CLOCKS_PER_SEC))
}
