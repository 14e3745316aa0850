import Core

extension Findings.Recovery {
  /// In a fleet with fewer calls per second the busiest second means nothing.
  package static let busyMean = 100.0

  package var isBusy: Bool { mean >= Self.busyMean }
}

extension Findings {
  /// Judges what can only be told at the end.
  mutating func judge() {
    if reads.expired > 0 { note("an expired credential was served for \(reads.expired) µs of reading") }
    if scenario.promisesFloor && reads.belowFloor > 0 {
      note("readers got less than the floor for \(reads.belowFloor) µs of reading")
    }
    if scenario.promisesService && reads.unserved > 0 {
      note("readers of roles that work were refused for \(reads.unserved) µs of reading")
    }
    guard scenario.promisesNoHerd else { return }
    for recovery in recoveries where recovery.isBusy && recovery.peak > 2 * recovery.mean {
      note(
        "a herd after \(recovery.outage.length.text) of '\(recovery.outage.kind.rawValue)': "
          + "\(recovery.peak.tenths) calls in a second, the minute's mean is \(recovery.mean.tenths)")
    }
  }
}

extension Double {
  /// With one decimal, for people.
  package var tenths: String { "\((self * 10).rounded() / 10)" }
}
