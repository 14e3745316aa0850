import Core
import Simulation
import Testing

/// What must hold for every seed; `make simulate` runs the same with many more.
@Suite struct PropertyTests {
  struct Case: CustomTestStringConvertible {
    let name: String
    let seed: UInt64

    var testDescription: String { "\(name), seed \(seed)" }

    static func of(_ name: String, seeds: ClosedRange<UInt64>) -> [Case] { seeds.map { Case(name: name, seed: $0) } }
  }

  /// Of each property as many as take about a second.
  private static let cases =
    Case.of("outage", seeds: 1...25) + Case.of("crowd", seeds: 1...3) + Case.of("faults", seeds: 1...25)
    + Case.of("reservations", seeds: 1...6)

  @Test(arguments: cases) func `the daemon's promises hold`(_ row: Case) throws {
    let property = try #require(Catalogue.named(row.name), "there is no scenario '\(row.name)'")
    let findings = Simulator.run(property.make(row.seed))
    #expect(
      findings.violations.isEmpty,
      "\(property.about): \(findings.violations.joined(separator: "; "))\nreplay: \(findings.scenario.replay)")
    #expect(property.shows(findings), "\(row.testDescription) shows nothing")
  }

  struct Herd: CustomTestStringConvertible {
    let kind: Outage.Kind
    let length: Duration
    let rolesPerHost: Int

    var testDescription: String { "\(kind.rawValue), \(length.text), \(rolesPerHost) roles per host" }
  }

  @Test(arguments: [
    Herd(kind: .silent, length: .minutes(10), rolesPerHost: 10),
    Herd(kind: .serverError, length: .minutes(3), rolesPerHost: 100),
  ])
  func `a fleet doesn't come back all at once after an outage`(_ row: Herd) {
    let scenario = Catalogue.herd(1, kind: row.kind, length: row.length, rolesPerHost: row.rolesPerHost)
    let recovery = Simulator.run(scenario).recoveries[0]
    #expect(recovery.peak <= 2 * recovery.mean, "\(row.testDescription): \(recovery.peak) against \(recovery.mean)")
    #expect(recovery.mean > 80, "\(row.testDescription): too few calls for a busiest second to mean anything")
  }

  @Test func `the same seed gives the same run, another one another`() {
    let runs = [7, 7, 8].map { seed in Simulator.run(Catalogue.named("faults")!.make(seed)) }
    #expect(runs[0].counts.calls == runs[1].counts.calls && runs[0].reads.all == runs[1].reads.all)
    #expect(runs[0].counts.calls != runs[2].counts.calls || runs[0].reads.all != runs[2].reads.all)
  }
}
