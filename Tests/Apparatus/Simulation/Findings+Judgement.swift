import Core

extension Findings {
  /// Checks what is only known at the end.
  mutating func judge() {
    if reads.expired > 0 { note("an expired credential was served for \(reads.expired) µs of reading") }
    if scenario.promisesFloor && reads.belowFloor > 0 {
      note("readers got less than the floor for \(reads.belowFloor) µs of reading")
    }
    if scenario.promisesService && reads.unserved > 0 {
      note("readers of roles that work were refused for \(reads.unserved) µs of reading")
    }
    for recovery in recoveries {
      guard let fault = recovery.herd?.fault else { continue }
      note("a herd about the end of \(recovery.outage.length.text) of '\(recovery.outage.kind.rawValue)': \(fault)")
    }
  }
}

extension Double {
  /// With one decimal, for people.
  package var tenths: String { "\((self * 10).rounded() / 10)" }
}
