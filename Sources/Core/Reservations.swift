/// What a role has beside its ring for readers who need a longer session: the longest one fetched, and the request for another.
struct Reservations: Sendable {
  /// A fetch that readers wait for and that hasn't been made.
  struct Request: Hashable, Sendable {
    /// The DurationSeconds to ask for.
    fileprivate(set) var duration: Duration
    let notBefore: Timestamp
  }

  /// A fetch that failed. A class, since there is one of each role and most have none.
  final class FailedFetch: Sendable {
    let failure: Failure
    let duration: Duration
    let at: Timestamp

    init(_ failure: Failure, duration: Duration, at instant: Timestamp) {
      self.failure = failure
      self.duration = duration
      at = instant
    }
  }

  private(set) var session: Session?
  private(set) var request: Request?
  /// Why the latest fetch failed; nil after a success.
  private(set) var lastFailed: FailedFetch?
  private var lastFetch: Timestamp?
  /// STS asked not to be called earlier.
  private var requestedPause: Timestamp?

  /// At most one fetch for a reservation per role and minute.
  private static let fetchInterval = Duration.seconds(60)
  /// How long a request waits for others that come with it: jobs that are started at once share one fetch, of the longest asked.
  static let gatherSpan = Duration.milliseconds(500)

  /// Adds a reader's request; the longest one counts.
  mutating func add(_ duration: Duration, at now: Timestamp) {
    let notBefore = request?.notBefore ?? max(now + Self.gatherSpan, earliestFetch(at: now))
    request = Request(duration: max(request?.duration ?? .zero, duration), notBefore: notBefore)
  }

  /// When a fetch that isn't requested yet may be made.
  func earliestFetch(at now: Timestamp) -> Timestamp {
    max(now, lastFetch.map { $0 + Self.fetchInterval } ?? now, requestedPause ?? now)
  }

  /// No fetch is made before `instant`, also none that is requested already.
  mutating func postpone(until instant: Timestamp) {
    requestedPause = max(requestedPause ?? instant, instant)
    request = request.map { Request(duration: $0.duration, notBefore: max($0.notBefore, instant)) }
  }

  /// The DurationSeconds of the fetch that is due; nil when none is.
  func due(at now: Timestamp) -> Duration? {
    request.flatMap { $0.notBefore <= now ? $0.duration : nil }
  }

  /// The call is made.
  mutating func fetchStarted(at now: Timestamp) {
    lastFetch = now
    request = nil
  }

  /// The call came to nothing through no fault of its own: it is made again as soon as it can be.
  mutating func fetchAgain(_ duration: Duration, at now: Timestamp) {
    request = Request(duration: max(request?.duration ?? .zero, duration), notBefore: now)
  }

  mutating func judge(by clock: ServerClock) { session?.judge(by: clock) }

  /// Takes out the session of this number, after which another may be fetched at once; nil when it isn't there.
  mutating func remove(_ id: SessionID) -> Session? {
    guard let session, session.id == id else { return nil }
    self.session = nil
    lastFetch = nil
    return session
  }

  mutating func dropLapsed(at now: Timestamp, margin: Duration, _ effects: inout [RefreshEffect]) {
    guard let session, session.expires - margin <= now else { return }
    self.session = nil
    effects.append(.discard(session.id))
  }

  // MARK: - Outcomes of a fetch

  mutating func succeed(_ attempt: Attempt, with new: Session, at now: Timestamp, _ effects: inout [RefreshEffect]) {
    lastFailed = nil
    keep(new, &effects)
    if new.granted + ServerClock.lifetimeSlack < new.asked {
      note(.grantedLess(new.expires - now), of: attempt, at: now, &effects)
    }
  }

  mutating func fail(
    _ attempt: Attempt, because failure: Failure, at now: Timestamp, _ effects: inout [RefreshEffect]
  ) {
    note(failure, of: attempt, at: now, &effects)
  }

  /// Keeps the longer of what there is and what came.
  private mutating func keep(_ new: Session, _ effects: inout [RefreshEffect]) {
    if let session, session.expires >= new.expires {
      effects.append(.discard(new.id))
      return
    }
    effects.append(.hold(new))
    if let session { effects.append(.discard(session.id)) }
    session = new
    effects += [.offerReserved(new), .report(.reserved(new))]
  }

  private mutating func note(
    _ failure: Failure, of attempt: Attempt, at now: Timestamp, _ effects: inout [RefreshEffect]
  ) {
    lastFailed = FailedFetch(failure, duration: attempt.duration, at: now)
    effects.append(.report(.reservationFailed(failure)))
  }
}
