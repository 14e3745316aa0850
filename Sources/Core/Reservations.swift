/// A role's longer sessions for readers, beside its pool: the one that expires last, and the request for another.
struct Reservations: Sendable {
  /// A fetch that readers wait for and that hasn't started yet.
  struct Request: Hashable, Sendable {
    /// The DurationSeconds to request.
    fileprivate(set) var duration: Duration
    let notBefore: Timestamp
  }

  /// A fetch that failed.
  struct FailedFetch: Sendable {
    let failure: Failure
    let duration: Duration
    let at: Timestamp
  }

  private struct State: Sendable {
    var session: Session?
    var request: Request?
    var lastFailed: FailedFetch?
    var lastFetch: Timestamp?
    var requestedPause: Timestamp?
  }

  /// Indirect, so on the heap: most roles never have a reservation.
  private enum Storage: Sendable {
    case unused
    indirect case used(State)
  }

  private var storage = Storage.unused
  private var state: State {
    get { if case .used(let state) = storage { state } else { State() } }
    set { storage = .used(newValue) }
  }

  var session: Session? { if case .used(let state) = storage { state.session } else { nil } }
  var request: Request? { if case .used(let state) = storage { state.request } else { nil } }
  /// Why the latest fetch failed; nil after a success.
  var lastFailed: FailedFetch? { if case .used(let state) = storage { state.lastFailed } else { nil } }

  /// No call for the role before this instant, for the pool or a reservation: STS or a proxy requested it (`Retry-After`).
  var requestedPause: Timestamp? { if case .used(let state) = storage { state.requestedPause } else { nil } }

  /// The least time between two fetches for reservations of a role.
  private static let fetchInterval = Duration.seconds(60)
  /// How long a request waits for others, so that jobs started at the same time share one fetch, of the longest duration requested.
  static let gatherSpan = Duration.milliseconds(500)

  /// Takes over the session that an earlier process had reserved.
  mutating func resume(_ session: Session) { state.session = session }

  /// Adds a reader's request; the longest one counts.
  mutating func add(_ duration: Duration, at now: Timestamp) {
    let notBefore = request?.notBefore ?? max(now + Self.gatherSpan, earliestFetch(at: now))
    state.request = Request(duration: max(request?.duration ?? .zero, duration), notBefore: notBefore)
  }

  /// The earliest time of a fetch that isn't requested yet.
  func earliestFetch(at now: Timestamp) -> Timestamp {
    let state = state
    return max(now, state.lastFetch.map { $0 + Self.fetchInterval } ?? now, state.requestedPause ?? now)
  }

  /// Postpones all fetches until `instant`, also one that is already requested.
  mutating func postpone(until instant: Timestamp) {
    state.requestedPause = max(state.requestedPause ?? instant, instant)
    state.request = request.map { Request(duration: $0.duration, notBefore: max($0.notBefore, instant)) }
  }

  /// Ends the requested wait: a call has succeeded, or endpoints or proxy have changed.
  mutating func endRequestedPause() { if requestedPause != nil { state.requestedPause = nil } }

  /// The DurationSeconds of the fetch that is due; nil if none is.
  func due(at now: Timestamp) -> Duration? {
    request.flatMap { $0.notBefore <= now ? $0.duration : nil }
  }

  /// Notes that the call for the request is made.
  mutating func fetchStarted(at now: Timestamp) {
    state.lastFetch = now
    state.request = nil
  }

  /// Requests the fetch of an aborted or outdated call again, at once or after a requested wait.
  mutating func fetchAgain(_ duration: Duration, at now: Timestamp) {
    state.request = Request(
      duration: max(request?.duration ?? .zero, duration), notBefore: max(now, requestedPause ?? now))
  }

  mutating func judge(by clock: ServerClock) {
    if session != nil { state.session?.judge(by: clock) }
  }

  /// Removes and returns the session with this id, after which another may be fetched at once; nil if it isn't there.
  mutating func remove(_ id: SessionID) -> Session? {
    guard let session, session.id == id else { return nil }
    state.session = nil
    state.lastFetch = nil
    return session
  }

  /// Removes and returns the session if it has lapsed at `instant`.
  mutating func removeEnded(at instant: Timestamp, margin: Duration) -> Session? {
    guard let session, session.expires - margin <= instant else { return nil }
    state.session = nil
    return session
  }

  /// Forgets the last failure, since its cause may be gone: a call of the role has succeeded, or key or settings have changed. Another
  /// fetch may be made at once. A duration that STS refused stays refused.
  mutating func forgetFailure() {
    guard let failure = lastFailed?.failure,
      failure.code != Failure.durationRefusedCode, failure.code != Failure.grantedLessCode
    else { return }
    state.lastFailed = nil
    state.lastFetch = nil
  }

  // MARK: - Outcomes of a fetch

  /// Keeps the old or the new session, whichever expires later; the caller discards a replaced one. A shorter lifetime than requested
  /// still counts as a failure.
  mutating func succeed(_ attempt: Attempt, with new: Session, at now: Timestamp, _ effects: inout [RefreshEffect]) {
    if lastFailed != nil { state.lastFailed = nil }
    if let session, session.expires >= new.expires {
      effects.append(.discard(new.id))
    } else {
      effects.append(.hold(new))
      state.session = new
    }
    if new.granted + ServerClock.lifetimeSlack < new.asked {
      note(.grantedLess(new.granted, asked: new.asked), of: attempt, at: now, &effects)
    } else if session?.id == new.id {
      effects.append(.report(.reserved(new)))
    }
  }

  mutating func fail(
    _ attempt: Attempt, because failure: Failure, at now: Timestamp, _ effects: inout [RefreshEffect]
  ) {
    note(failure, of: attempt, at: now, &effects)
  }

  private mutating func note(
    _ failure: Failure, of attempt: Attempt, at now: Timestamp, _ effects: inout [RefreshEffect]
  ) {
    state.lastFailed = FailedFetch(failure: failure, duration: attempt.duration, at: now)
    effects.append(.report(.reservationFailed(failure)))
  }
}
