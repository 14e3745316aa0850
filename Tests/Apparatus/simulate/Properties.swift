import Simulation

/// Runs what must hold for every seed, and prints how to replay what doesn't.
enum Properties {
  /// At most this many failing seeds of a property are printed.
  private static let mostTold = 5

  static func hold(seeds: UInt64) -> Bool {
    var holds = true
    // A property that could hardly fail shows nothing.
    func isShown(_ outcome: (failures: [String], shown: Int)) -> Bool { outcome.shown * 4 >= seeds }
    for property in Catalogue.properties {
      let (outcome, seconds) = timed { Self.outcome(of: property, seeds: seeds) }
      let verdict =
        outcome.failures.isEmpty
        ? (isShown(outcome) ? "held" : "SHOWED TOO LITTLE") : "FAILED \(outcome.failures.count) times"
      print(
        "\(property.name): \(property.about): \(verdict) with \(seeds) seeds, "
          + "\(outcome.shown) of which could have failed, in \(seconds.tenths) s")
      for failure in outcome.failures.prefix(mostTold) { print(failure) }
      holds = holds && outcome.failures.isEmpty && isShown(outcome)
    }
    print(holds ? "simulate: every property held" : "simulate: FAILED")
    return holds
  }

  private static func outcome(of property: Catalogue, seeds: UInt64) -> (failures: [String], shown: Int) {
    var failures: [String] = []
    var shown = 0
    for seed in 1...max(1, seeds) {
      let findings = Simulator.run(property.make(seed))
      if property.shows(findings) { shown += 1 }
      if findings.violations.isEmpty { continue }
      failures.append(Report.violations(of: findings).joined(separator: "\n"))
    }
    return (failures, shown)
  }
}
