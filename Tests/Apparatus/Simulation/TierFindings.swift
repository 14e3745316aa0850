import Core

/// What the simulation of a tier and its hosts found.
package struct TierFindings: Sendable {
  /// One part of the run.
  package struct Phase: Sendable {
    package let phase: TierFleet.Phase
    /// Calls to STS per second, of the whole tier.
    package let calls: (mean: Double, peak: Double)
    /// Requests of hosts per second, at all machines together.
    package let requests: (mean: Double, peak: Double)
    package let reads: HostReads
    /// From a host's start, or from the end of what happened, until a role without a valid session has one.
    package let waits: Quantiles

    /// Whether what it promises was kept.
    var fault: String? {
      guard phase.promisesFloor else { return nil }
      if reads.unserved > 0 { return "readers had no session for \(reads.unserved) µs of reading" }
      if reads.belowFloor > 0 { return "readers got less than the floor for \(reads.belowFloor) µs of reading" }
      return nil
    }
  }

  package let fleet: TierFleet
  package let phases: [Phase]
  package let throttled: Int
  /// What must never happen and did.
  package let violations: [String]

  package func phase(_ name: String) -> Phase? { phases.first { $0.phase.name == name } }
}

/// What readers on the hosts get, each weighed by the time in which it would have been made: microseconds.
package struct HostReads: Sendable {
  package var all: Int64 = 0
  package var belowFloor: Int64 = 0
  package var unserved: Int64 = 0
  package var expired: Int64 = 0
  /// The shortest remaining lifetime that a reader got; nil if none got anything.
  package var leastLife: Duration? { least == .max ? nil : .microseconds(least) }
  private var least = Int64.max

  /// One role's reads from one instant to another. `end` is when its session ends; nil if it has none.
  mutating func count(from start: Timestamp, to now: Timestamp, end: Timestamp?, timing: RoleTiming) {
    guard now > start else { return }
    all += now.microseconds - start.microseconds
    guard let end else {
      unserved += now.microseconds - start.microseconds
      return
    }
    let lapse = end - timing.lapseMargin
    unserved += max(0, now.microseconds - max(lapse, start).microseconds)
    let last = min(now, lapse)
    guard last > start else { return }
    least = min(least, end.microseconds - last.microseconds)
    belowFloor += max(0, last.microseconds - max(end - timing.floor, start).microseconds)
    expired += max(0, last.microseconds - max(end, start).microseconds)
  }
}
