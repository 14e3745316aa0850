/// When a host asks its tier for the bundle, without a clock or a connection.
///
/// | what happens | what follows |
/// |---|---|
/// | a bundle, or "the same as before" | asked again after the wait that the tier wishes; until then long polls, each of a minute at most |
/// | a long poll brings another bundle | as if it had been asked for |
/// | a long poll ends early without one, as at a reload of the tier | another one within 30 s; from the fourth in a row by growing waits |
/// | a long poll fails | the bundle is asked for within 30 s; from the second in a row by growing waits, at the latest when it is due |
/// | no machine gives a bundle | asked again by `Backoff` |
///
/// A request for the bundle begins with the tier's first machine, and goes to the next one at once when a machine gives none. A long poll
/// goes to the machine that gave the bundle.
package struct BundleSchedule: Sendable {
  /// How long a machine may hold an answer back.
  private static let longestPoll = Duration.minutes(1)
  /// A shorter poll isn't worth its request.
  private static let leastPoll = Duration.seconds(2)
  private static let mostQuickPolls = 3
  /// So many polls in a row that end early show a machine, or a proxy before it, that doesn't hold answers back.
  private static let mostEarlyPolls = 3

  /// When the bundle is asked for, if no long poll brings one before.
  package private(set) var nextRequest: Timestamp
  private var backoff = Backoff()
  /// Long polls in a row that have failed, that brought a bundle at once, and that brought none long before their time.
  private var failedPolls = 0
  private var quickPolls = 0
  private var earlyPolls = 0
  /// When the next long poll may begin; nil if at once.
  private var pollAt: Timestamp?

  package init(at now: Timestamp) { nextRequest = now }

  /// When the bundle is asked for, or before that a long poll begins that isn't under way.
  package var due: Timestamp { pollAt.map { min($0, nextRequest) } ?? nextRequest }

  // MARK: - Requests

  /// A machine gave the bundle, or answered that it is the same as before.
  package mutating func answered(refreshAfter: Duration, at now: Timestamp) {
    nextRequest = now + refreshAfter
    backoff.reset()
  }

  /// No machine gave a bundle. `headroom` is the least one of the host's roles.
  package mutating func failed(
    _ failure: Failure, holdsBundle: Bool, headroom: Duration, at now: Timestamp,
    using generator: inout some RandomNumberGenerator
  ) {
    let judged = holdsBundle ? Self.passing(failure) : failure
    nextRequest = now + backoff.wait(after: judged, headroom: headroom, using: &generator)
  }

  /// While a bundle is held, even a permanent failure is asked about soon, unless the tier refuses this host: it did hand sessions out.
  private static func passing(_ failure: Failure) -> Failure {
    guard failure.kind == .permanent, failure.httpStatus != 403 else { return failure }
    return Failure(.transient, code: failure.code, notBefore: failure.notBefore, advice: failure.advice)
  }

  /// An administrator wants to know now.
  package mutating func forgetFailures() { backoff.reset() }

  // MARK: - Long polls

  /// How long the next long poll is to be held back, in whole seconds; nil if there is to be none before `nextRequest`.
  package mutating func nextPoll(at now: Timestamp) -> Duration? {
    if let pollAt, pollAt > now { return nil }
    pollAt = nil
    let left = nextRequest - now
    guard left >= Self.leastPoll, quickPolls < Self.mostQuickPolls else {
      quickPolls = 0
      return nil
    }
    return .seconds(min(left, Self.longestPoll).wholeSeconds)
  }

  /// A poll brought another bundle; `answered` follows. A machine whose ETags never match would be asked without end.
  package mutating func pollBroughtBundle(begun: Timestamp, at now: Timestamp) {
    failedPolls = 0
    quickPolls = now - begun < Self.leastPoll ? quickPolls + 1 : 0
    if quickPolls == 0 { earlyPolls = 0 }
  }

  /// A poll that was to be held back for `wait` brought none. Returns whether another one follows at once; otherwise it begins when `due` says.
  /// A reload of the tier ends the polls of all its hosts, and a machine that doesn't hold answers back would be asked without end.
  package mutating func pollBroughtNothing(
    after wait: Duration, begun: Timestamp, at now: Timestamp, using generator: inout some RandomNumberGenerator
  ) -> Bool {
    failedPolls = 0
    if now - begun + Self.leastPoll > wait {
      earlyPolls = 0
      return true
    }
    if now - begun < wait / 2 { earlyPolls += 1 }
    pollAt = now + Self.pause(level: max(0, earlyPolls - Self.mostEarlyPolls), using: &generator)
    return false
  }

  /// A poll failed: the bundle is asked for soon, which shows whether any machine of the tier answers. With jitter: a restart of nginx ends
  /// the polls of all its hosts.
  package mutating func pollFailed(at now: Timestamp, using generator: inout some RandomNumberGenerator) {
    failedPolls += 1
    nextRequest = min(nextRequest, now + Self.pause(level: failedPolls - 1, using: &generator))
  }

  /// Another machine is polled from now on.
  package mutating func machineChanged() { (failedPolls, quickPolls, earlyPolls, pollAt) = (0, 0, 0, nil) }

  /// 1 s to 30 s, then 30 s to 60 s, doubling to 5 min to 10 min.
  private static func pause(level: Int, using generator: inout some RandomNumberGenerator) -> Duration {
    if level == 0 { return .random(in: .seconds(1)...(.seconds(30)), using: &generator) }
    let top = min(.minutes(10), Duration.seconds(30) * (1 << min(level, 5)))
    return .random(in: top / 2...top, using: &generator)
  }
}
