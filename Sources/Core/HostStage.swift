/// The second stage of a fleet: a host that gets a role's sessions from a tier, and asks it again every so often.
///
/// While STS works, a session that leaves the tier lives at least S = D − 1.1·A/N. What a reader on the host gets of that at the least, with R from
/// a bundle to the next request, M machines, and a request to each that may take T:
///
/// | what happens | life |
/// |---|---|
/// | one request fails, everywhere as slowly as it can; the next one succeeds | S − R − M·T − 1 s − T |
/// | no machine answers for X, and then one does, the last of them | S − R − X − T − 60 s − (M−1)·T − T |
///
/// The last T of each row is the time that the two answers, before and after, may take together. The first T of the second row is a request that
/// began too early, and 60 s is the longest wait after a failure; M·T has the machines that don't come back. Each row has a second more for timers.
/// The second row is below the first even where X is zero, so a floor that holds by the second one holds.
package struct HostStage: Hashable, Sendable {
  /// How long after a bundle the next one is asked for, at the latest.
  package let refresh: Duration
  /// How many machines are asked, one after the other.
  package let machines: Int
  /// The limit for a request to one of them.
  package let timeout: Duration

  /// What a tier takes a host for, which it knows nothing of.
  package static let standardMachines = 3
  package static let standardTimeout = Duration.seconds(10)
  /// The longest waits after one failure and after several in a row (`Backoff`, transient).
  private static let firstWait = Duration.seconds(1)
  private static let longestWait = Duration.seconds(60)
  private static let timers = Duration.seconds(1)

  package init(
    refresh: Duration, machines: Int = standardMachines, timeout: Duration = standardTimeout
  ) {
    (self.refresh, self.machines, self.timeout) = (refresh, machines, timeout)
  }

  /// How long after a bundle the next one is there, if one request in between fails.
  package var longestGap: Duration { refresh + timeout * (machines + 1) + Self.firstWait + Self.timers }

  /// How long after the end of an outage of all machines the next bundle is there.
  package var recovery: Duration { timeout * (machines + 1) + Self.longestWait + Self.timers }

  /// The least life that a reader gets of sessions that leave the tier with `life`, if one request fails.
  package func leastLife(of life: Duration) -> Duration { life - longestGap }

  /// The same if no machine answers for `outage`.
  package func leastLife(of life: Duration, through outage: Duration) -> Duration {
    life - refresh - outage - recovery
  }

  /// The life with which sessions have to leave the tier, so that readers get at least the floor through the outage that the role must survive.
  package func neededLife(for timing: RoleTiming) -> Duration {
    refresh + timing.floor + timing.surviveOutage + recovery
  }
}

/// What a tier's role has for hosts.
extension RoleTiming {
  /// How often hosts ask: at the least and at the most, in the mean.
  package static let hostInterval = Duration.minutes(1)...Duration.minutes(10)

  /// A standard host that asks every `mean`, by the most by which hosts are spread: a tenth.
  private static func host(askingEvery mean: Duration) -> HostStage { HostStage(refresh: mean * 11 / 10) }

  /// How much of a session's life its way through the tier costs at the least: the longest time between two bundles of a host.
  package static let leastHostDelay = host(askingEvery: hostInterval.lowerBound).longestGap

  /// The shortest remaining lifetime of a session that leaves the tier while STS works: D − 1.1·A/N.
  package var shortestLife: Duration { duration - step * 11 / 10 }

  /// The mean time between two requests of a host: as long as the host can still hold the role's floor through its outage, in
  /// `hostInterval`.
  package var hostRefresh: Duration {
    let slack = outageCover - surviveOutage - Self.outageOverhead - Self.host(askingEvery: .zero).longestGap
    return min(max(slack * 10 / 11, Self.hostInterval.lowerBound), Self.hostInterval.upperBound)
  }

  /// The standard host of this role.
  private var host: HostStage { Self.host(askingEvery: hostRefresh) }

  /// The least life that readers on a standard host get while STS and the tier work.
  package var hostLife: Duration { host.leastLife(of: shortestLife) }

  /// The longest that a standard host's floor and the loss of the tier that it must survive may be together. It is never less than this role's floor
  /// and outage, if these hold on the tier with `leastHostDelay` to spare.
  package var hostPromise: Duration { host.leastLife(of: shortestLife, through: .zero) }

  /// When the host with this number asks again, `mean` being the mean time: changed by up to ±10 %, always the same for the same host, so
  /// that hosts stay spread. In whole seconds.
  package static func refresh(_ mean: Duration, ofHost number: UInt32) -> Duration {
    let place = Double(number >> 16) / 65_536
    return .seconds(max(1, Int64(mean.inSeconds * (0.9 + 0.2 * place))))
  }

  /// Whether a tier's session takes the place of another one that is held.
  ///
  /// A machine replaces its own sessions as it sees fit: one that was condemned by one that may end sooner. Another machine has others
  /// all along, so only one that ends later is worth a rotation.
  package static func isWorthRotation<Time: Comparable>(to end: Time, ofSameMachine: Bool, from held: Time) -> Bool {
    ofSameMachine || end > held
  }
}
