/// When a host asks its tier for the bundle, without a clock or a connection.
///
/// | what happens | what follows |
/// |---|---|
/// | a bundle, or "the same as before" | asked again after the wait that the tier wishes; until then long polls, each of a minute at most |
/// | a long poll brings another bundle | as if it had been asked for |
/// | a long poll fails | asked again within 30 s; if the next one fails too, there are none until the bundle is due |
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

  /// When the bundle is asked for, if no long poll brings one before.
  package private(set) var nextRequest: Timestamp
  private var backoff = Backoff()
  /// Long polls in a row that have failed, and that brought a bundle at once.
  private var failedPolls = 0
  private var quickPolls = 0

  package init(at now: Timestamp) { nextRequest = now }

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
  }

  /// A poll that was to be held back for `wait` brought none. Returns whether another one follows: a machine, or a proxy before it, that
  /// doesn't hold answers back would be asked without end.
  package mutating func pollBroughtNothing(after wait: Duration, begun: Timestamp, at now: Timestamp) -> Bool {
    failedPolls = 0
    return now - begun >= wait / 2
  }

  /// A poll failed. With jitter: a restart of nginx ends the polls of all its hosts.
  package mutating func pollFailed(at now: Timestamp, using generator: inout some RandomNumberGenerator) {
    failedPolls += 1
    guard failedPolls == 1 else { return }
    nextRequest = min(nextRequest, now + .random(in: .seconds(1)...(.seconds(30)), using: &generator))
  }
}
