package import Core

/// What a simulation found.
package struct Findings: Sendable {
  /// What is counted while it runs.
  package struct Counts: Sendable {
    package internal(set) var calls = 0
    package internal(set) var granted = 0
    package internal(set) var throttled = 0
    package internal(set) var reservationsServed = 0
    package internal(set) var reservationsFailed = 0
    /// Readers that were refused, of those that waited or asked for a longer session.
    package internal(set) var refusals = 0
    /// Sessions that STS forgot.
    package internal(set) var condemned = 0
  }

  /// The minute after an outage, and how long the roles that failed at its end took from there.
  package struct Recovery: Sendable {
    package let outage: Outage
    /// Calls in the busiest second, and per second over 60 s.
    package let peak: Double
    package let mean: Double
    package let roles: Int
    package let times: Quantiles
    /// nil unless the scenario promises that there is none.
    package let herd: Herd?
  }

  package let scenario: Scenario
  package internal(set) var counts = Counts()
  package internal(set) var reads = ReadTally()
  /// From a role's start to its first session.
  package internal(set) var starts = Quantiles([], unended: 0, watched: .zero)
  package internal(set) var recoveries: [Recovery] = []
  /// What must never happen and did; the first few of each simulation.
  package internal(set) var violations: [String] = []
  /// Calls that reached STS in each second, and those of them that it refused; of the sample.
  var perSecond: [UInt32]
  var refusedPerSecond: [UInt32]
  /// Of the calls about each outage's end those in each tenth of their second, where no herd is promised.
  var perTenth: [[Int]]

  init(_ scenario: Scenario) {
    self.scenario = scenario
    perSecond = Array(repeating: 0, count: Int(scenario.span.wholeSeconds) + 1)
    refusedPerSecond = perSecond
    perTenth = scenario.outages.map { _ in Array(repeating: 0, count: 10) }
  }

  package var belowFloorShare: Double { Double(reads.belowFloor) / Double(max(1, reads.all)) }
  package var unservedShare: Double { Double(reads.unserved) / Double(max(1, reads.all)) }

  /// Calls per second of the whole fleet, scaled up from the sample: the mean and the busiest second of a stretch.
  package func rate(from start: Timestamp, to end: Timestamp) -> (mean: Double, peak: Double) {
    rate(of: perSecond, from: start, to: end)
  }

  /// The same of the calls that were refused.
  package func refusals(from start: Timestamp, to end: Timestamp) -> (mean: Double, peak: Double) {
    rate(of: refusedPerSecond, from: start, to: end)
  }

  private func rate(of counts: [UInt32], from start: Timestamp, to end: Timestamp) -> (mean: Double, peak: Double) {
    let seconds = counts.prefix(Int(end.microseconds / 1_000_000)).dropFirst(Int(start.microseconds / 1_000_000))
    guard !seconds.isEmpty else { return (0, 0) }
    let sum = seconds.reduce(0) { $0 + Int($1) }
    return (
      Double(sum) / Double(seconds.count) / scenario.share, Double(seconds.max() ?? 0) / scenario.share
    )
  }

  mutating func note(_ violation: String) {
    if violations.count < 5 { violations.append(violation) }
  }
}

/// The order statistics of some spans, in seconds; some may not have ended while they were watched.
package struct Quantiles: Sendable {
  private let sorted: [Double]
  /// How many were longer than what was watched of them.
  package let unended: Int
  package let watched: Duration

  init(_ spans: [Duration], unended: Int, watched: Duration) {
    sorted = spans.map(\.inSeconds).sorted()
    self.unended = unended
    self.watched = watched
  }

  /// All of them, ended or not.
  package var count: Int { sorted.count + unended }

  package var unendedShare: Double { Double(unended) / Double(max(1, count)) }

  /// The value that the given share of all of them doesn't exceed, more than 0 and up to 1; nil when it is beyond what was
  /// watched, and of none.
  package subscript(share: Double) -> Double? {
    let index = Int((Double(count) * share).rounded(.up)) - 1
    return sorted.indices.contains(index) ? sorted[index] : nil
  }
}
