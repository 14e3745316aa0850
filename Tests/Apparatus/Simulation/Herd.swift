import Core

/// How a fleet's calls are spread over the minutes before and after an outage's end.
///
/// What is too many can't be seen from their mean: an account that throttles those that come first has their hosts slow down, and the mean
/// of the minute falls to half of what the fleet made before, with nobody in step. So the calls are held against what roles make
/// that go each its own way. One that fails calls once in the mean of two waits of `Backoff`; one that works becomes due once in a
/// step, and calls twice then, for a first failure is followed by another call within a second.
package struct Herd: Sendable {
  /// About the end: so long before and after it.
  package static let span = Duration.seconds(60)
  /// From 30 to 60 s. One without a session waits as long up to the end, and from 20 to 40 s when the others' calls have it throttled.
  private static let wait = (withSession: Duration.seconds(45), without: Duration.milliseconds(37_500))
  /// The busiest of 120 seconds has up to a third more than roles on their own make (200 seeds, 200 calls per second).
  private static let mostPeak = 1.5
  /// Up to 0.13 in fleets of 90 hosts, which give their calls a token every half second.
  private static let mostTenth = 0.2
  /// With fewer calls in the busiest second it means nothing: it is what an account takes.
  private static let leastPeak = Scenario.accountLimit

  /// Calls in the busiest second.
  package let peak: Double
  /// Calls per second of roles that go each its own way.
  package let usual: Double
  /// The busiest tenth of a second's share of all calls: a little more than 0.1 when they come at any time of a second.
  package let tenth: Double

  /// All of the sample; `failing` roles of its `pairs` fail at the end of the outage.
  init(peak: Double, failing: Int, hadSessions: Bool, pairs: Int, step: Duration, perTenth: [Int]) {
    self.peak = peak
    let wait = hadSessions ? Self.wait.withSession : Self.wait.without
    usual = Double(failing) / wait.inSeconds + 2 * Double(pairs - failing) / step.inSeconds
    tenth = Double(perTenth.max() ?? 0) / Double(max(1, perTenth.reduce(0, +)))
  }

  /// Whether there are enough calls for a result.
  package var isTelling: Bool { peak >= Self.leastPeak }

  /// What is wrong; nil when nothing is.
  package var fault: String? {
    guard isTelling else { return nil }
    if peak > usual * Self.mostPeak {
      return "\(peak.tenths) calls in a second, where roles on their own make \(usual.tenths)"
    }
    if tenth > Self.mostTenth { return "\(Int(tenth * 100)) % of the calls come in the same tenth of a second" }
    return nil
  }
}
