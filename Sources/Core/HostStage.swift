/// The second stage of a fleet: hosts that get a role's sessions from a tier, and ask it again every so often.
extension RoleTiming {
  /// How often hosts ask: at the least and at the most.
  package static let hostInterval = Duration.minutes(1)...Duration.minutes(10)

  /// How much the time between two requests of a host may exceed the mean: hosts are spread by ±10 %, and each may be late by 10 %.
  private static let hostSpread = 1.21

  /// How much of a session's life its way through the tier costs at the least: the longest time between two requests of a host.
  package static let leastHostDelay = Duration.seconds(73)

  /// The shortest remaining lifetime of a session that leaves the tier while STS works: D − 1.1·A/N.
  package var shortestLife: Duration { duration - step * 11 / 10 }

  /// The mean time between two requests of a host: as long as the host can still hold the role's floor through its outage, in
  /// `hostInterval`.
  package var hostRefresh: Duration {
    let slack = outageCover - surviveOutage - Self.outageOverhead
    let longest = Duration.seconds(fraction: slack.inSeconds / Self.hostSpread)
    return min(max(longest, Self.hostInterval.lowerBound), Self.hostInterval.upperBound)
  }
}
