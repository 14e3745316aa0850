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

  /// Of each property as many as take up to four seconds in a debug build.
  private static let cases =
    Case.of("outage", seeds: 1...16) + Case.of("crowd", seeds: 1...6) + Case.of("faults", seeds: 1...10)
    + Case.of("reservations", seeds: 1...6) + Case.of("fairness", seeds: 1...8)

  @Test(arguments: cases) func `the daemon's promises hold`(_ row: Case) throws {
    let property = try #require(Catalogue.named(row.name), "there is no scenario '\(row.name)'")
    let findings = Simulator.run(property.make(row.seed))
    #expect(
      findings.violations.isEmpty,
      "\(property.about): \(findings.violations.joined(separator: "; "))\n\(findings.scenario.replayHint)")
    #expect(property.shows(findings), "\(row.testDescription) shows nothing")
  }

  /// The good one was refused for 102 of 240 s.
  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func `forty roles that don't exist take nothing from one that does`(_ seed: UInt64) {
    let findings = Simulator.run(Catalogue.strangers(seed))
    #expect(findings.violations.isEmpty, "seed \(seed): \(findings.violations.joined(separator: "; "))")
    #expect(findings.reads.all > 0 && findings.reads.unserved == 0)
  }

  /// Else nothing was shown of them.
  @Test(arguments: ["faults", "reservations"])
  func `readers, reloads and forgotten sessions occur`(_ name: String) throws {
    let property = try #require(Catalogue.named(name))
    let runs = (1...6).map { Simulator.run(property.make($0)).counts }
    #expect(runs.reduce(0) { $0 + $1.condemned } > 0)
    #expect(runs.reduce(0) { $0 + $1.refusals } > 0)
    #expect(runs.reduce(0) { $0 + $1.reservationsServed } > 0)
  }

  /// Silent at 100 roles per host, refused at one, throttled at ten; in seed 31 the account's limit halves the mean after the outage.
  @Test(arguments: [13, 14, 15, 31] as [UInt64])
  func `a fleet doesn't come back all at once after an outage`(_ seed: UInt64) throws {
    let findings = Simulator.run(try #require(Catalogue.named("herd")).make(seed))
    let recovery = findings.recoveries[0]
    let row = "\(recovery.outage.kind.rawValue), \(recovery.outage.length.text), \(findings.scenario.replayHint)"
    #expect(recovery.herd?.isTelling == true, "too few calls for a busiest second to mean anything: \(row)")
    #expect(findings.violations.isEmpty, "\(findings.violations.joined(separator: "; ")): \(row)")
  }

  private static func startingFleet(_ lockstep: Lockstep?) -> Findings {
    var scenario = Catalogue.startingHerd(1, kind: .refused, length: .seconds(300), rolesPerHost: 1, pairs: 5400)
    scenario.lockstep = lockstep
    return Simulator.run(scenario)
  }

  @Test func `hosts that start at once while STS does nothing spread within minutes`() {
    let findings = Self.startingFleet(nil)
    #expect(findings.recoveries[0].herd?.isTelling == true)
    #expect(findings.violations.isEmpty, "\(findings.violations.joined(separator: "; "))")
  }

  @Test(arguments: Lockstep.allCases) func `a fleet in step is found to be a herd`(_ lockstep: Lockstep) {
    let findings = Self.startingFleet(lockstep)
    #expect(findings.violations.contains { $0.contains("a herd") }, "\(findings.violations)")
  }

  @Test func `the same seed gives the same run, another one another`() {
    let runs = [7, 7, 8].map { seed in Simulator.run(Catalogue.named("faults")!.make(seed)) }
    #expect(runs[0].counts.calls == runs[1].counts.calls && runs[0].reads.all == runs[1].reads.all)
    #expect(runs[0].counts.calls != runs[2].counts.calls || runs[0].reads.all != runs[2].reads.all)
  }
}
