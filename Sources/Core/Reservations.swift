/// What a role has beside its ring for readers who need a longer session: the longest one fetched, and the request for another.
struct Reservations: Sendable {
  /// A fetch that readers wait for and that hasn't been made.
  struct Request: Hashable, Sendable {
    /// The DurationSeconds to ask for.
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

  /// Apart on the heap: most roles never have a reservation.
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

  /// STS, or somebody on the way there, asked not to be called for the role earlier, for whatever purpose.
  var requestedPause: Timestamp? { if case .used(let state) = storage { state.requestedPause } else { nil } }

  /// At most one fetch for a reservation per role and minute.
  private static let fetchInterval = Duration.seconds(60)
  /// How long a request waits for others that come with it: jobs that are started at once share one fetch, of the longest asked.
  static let gatherSpan = Duration.milliseconds(500)

  /// Adds a reader's request; the longest one counts.
  mutating func add(_ duration: Duration, at now: Timestamp) {
    let notBefore = request?.notBefore ?? max(now + Self.gatherSpan, earliestFetch(at: now))
    state.request = Request(duration: max(request?.duration ?? .zero, duration), notBefore: notBefore)
  }

  /// When a fetch that isn't requested yet may be made.
  func earliestFetch(at now: Timestamp) -> Timestamp {
    let state = state
    return max(now, state.lastFetch.map { $0 + Self.fetchInterval } ?? now, state.requestedPause ?? now)
  }

  /// No fetch is made before `instant`, also none that is requested already.
  mutating func postpone(until instant: Timestamp) {
    state.requestedPause = max(state.requestedPause ?? instant, instant)
    state.request = request.map { Request(duration: $0.duration, notBefore: max($0.notBefore, instant)) }
  }

  /// STS has answered as it should: it doesn't ask for a wait any more.
  mutating func endRequestedPause() { if requestedPause != nil { state.requestedPause = nil } }

  /// The DurationSeconds of the fetch that is due; nil when none is.
  func due(at now: Timestamp) -> Duration? {
    request.flatMap { $0.notBefore <= now ? $0.duration : nil }
  }

  /// The call is made.
  mutating func fetchStarted(at now: Timestamp) {
    state.lastFetch = now
    state.request = nil
  }

  /// The call came to nothing through no fault of its own: it is made again as soon as it may be.
  mutating func fetchAgain(_ duration: Duration, at now: Timestamp) {
    state.request = Request(
      duration: max(request?.duration ?? .zero, duration), notBefore: max(now, requestedPause ?? now))
  }

  mutating func judge(by clock: ServerClock) {
    if session != nil { state.session?.judge(by: clock) }
  }

  /// Takes out the session of this number, after which another may be fetched at once; nil when it isn't there.
  mutating func remove(_ id: SessionID) -> Session? {
    guard let session, session.id == id else { return nil }
    state.session = nil
    state.lastFetch = nil
    return session
  }

  /// Takes the session out if it has ended at `instant`.
  mutating func removeEnded(at instant: Timestamp, margin: Duration) -> Session? {
    guard let session, session.expires - margin <= instant else { return nil }
    state.session = nil
    return session
  }

  /// What made the last fetch fail is gone: STS accepts the role's calls, or what they are signed with is another key. Another fetch may be
  /// made at once. A life that STS doesn't grant stays refused.
  mutating func forgetFailure() {
    guard let failure = lastFailed?.failure,
      failure.code != Failure.durationRefusedCode, failure.code != Failure.grantedLessCode
    else { return }
    state.lastFailed = nil
    state.lastFetch = nil
  }

  // MARK: - Outcomes of a fetch

  /// Keeps the longer of what there is and what came; a shorter life than asked counts as a failure all the same. The session that
  /// was there before is discarded by the caller.
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
