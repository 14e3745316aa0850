/// The whole refresh logic of one role, without a clock, a socket or a lock: events in, effects out.
///
///              due ┌────────┐ the queue starts it  ┌───────────┐
///      idle ─────▶ │ queued │ ───────────────────▶ │ under way │ ──▶ succeeded: next step A/N later
///       ▲          └────────┘                      └───────────┘ ──▶ failed or no outcome: next step after `Backoff`
///       │                                              │             outdated and failed: next step at once
///       └──────────────────────────────────────────────┘
///
/// At most one attempt of a role is queued or under way, for the pool or for a reservation. A timeout is armed before each call, so
/// that a missing outcome counts as a failure. Through all failures the last good session is handed out, until it lapses.
///
/// After every event, readers get the session of the pool that expires last, or the reserved one if the pool is empty. A session is
/// held from its `hold` to its `discard`.
package struct RefreshMachine: Sendable {
  package private(set) var timing: RoleTiming
  /// Incremented each time another session is published.
  package internal(set) var generation: UInt64
  /// When the next attempt for the pool is due; normally in the past while one is queued or under way.
  package internal(set) var nextAttempt: Timestamp

  /// How long a call may go without an outcome before it counts as failed; a little more than its timeout.
  package var attemptLimit: Duration
  var history = RefreshHistory.untried
  var flight = Flight.none
  var pool: SessionPool
  var reservations = Reservations()
  /// The session that is handed out.
  var published: SessionID?
  private var attempts: UInt64 = 0
  /// The instant of the latest `arm`, to which the driver has set the role's timer; nil once that has fired.
  package private(set) var armed: Timestamp?
  // Reports already made, which aren't repeated until their state changes.
  private var reportedBelowFloor = false
  var reportedGrantedLess = false

  /// Creates an idle machine; `.started` starts it.
  ///
  /// The first session published gets `generation` + 1.
  package init(
    timing: RoleTiming, attemptLimit: Duration = .seconds(15), generation: UInt64 = 0, at instant: Timestamp
  ) {
    self.timing = timing
    self.attemptLimit = attemptLimit
    self.generation = generation
    pool = SessionPool(capacity: timing.pool)
    nextAttempt = instant
  }

  package mutating func handle(
    _ event: RefreshEvent, at now: Timestamp, using generator: inout some RandomNumberGenerator
  ) -> [RefreshEffect] {
    var effects: [RefreshEffect] = []
    handle(event, at: now, using: &generator, into: &effects)
    return effects
  }

  /// The same, but appends the effects to an array, whose memory a driver of very many events can reuse.
  package mutating func handle(
    _ event: RefreshEvent, at now: Timestamp, using generator: inout some RandomNumberGenerator,
    into effects: inout [RefreshEffect]
  ) {
    // Whether another session may now be the one that expires last.
    var mayChangeOrder = false
    switch event {
    case .started, .refreshRequested: nextAttempt = now
    case .resumed(let held):
      resume(held, at: now, using: &generator, &effects)
      mayChangeOrder = true
    case .requestChanged:
      nextAttempt = earliestAttempt(at: now)
      history.suspectFix()
      flight.lower(to: .replaced)
    case .mayBeFixed:
      if history.isFailing { nextAttempt = earliestAttempt(at: now) }
      history.suspectFix()
      reservations.forgetFailure()
      flight.lower(to: .outdated)
    case .peerChanged:
      reservations.endRequestedPause()
      flight.lower(to: .outdated)
    case .timerFired: armed = nil
    case .attemptStarted(let id):
      if let attempt = flight.start(id, giveUp: now + attemptLimit), attempt.purpose == .reservation {
        reservations.fetchStarted(at: now)
      }
    case .succeeded(let id, let session):
      if let call = flight.land(id) {
        succeed(call, with: session, at: now, using: &generator, &effects)
      } else {
        effects.append(.discard(session.id))
      }
    case .failed(let id, let failure):
      if let call = flight.land(id) { fail(call, because: failure, at: now, using: &generator, &effects) }
    case .unchanged(let id):
      if let call = flight.land(id) { keep(after: call, at: now, &effects) }
    case .scheduled(let instant):
      if !history.isFailing { nextAttempt = max(now, instant) }
    case .clockCorrected(let clock):
      pool.judge(by: clock)
      reservations.judge(by: clock)
      hasten(at: now)
      mayChangeOrder = true
    case .timingChanged(let timing):
      change(to: timing, at: now, using: &generator, &effects)
      mayChangeOrder = true
    case .reservationRequested(let duration): reservations.add(duration, at: now)
    case .condemned(let id): condemn(id, at: now, &effects)
    }
    giveUpIfOverdue(at: now, using: &generator, &effects)
    dropLapsed(at: now, mayChangeOrder: mayChangeOrder, &effects)
    let ends = pool.ends
    let servedUntil = ends?.last ?? reservations.session?.expires
    reportFloor(servedUntil, at: now, &effects)
    queueNext(at: now, &effects)
    arm(ends?.first, servedUntil, &effects)
  }

  // MARK: - Times

  private mutating func change(
    to timing: RoleTiming, at now: Timestamp, using generator: inout some RandomNumberGenerator,
    _ effects: inout [RefreshEffect]
  ) {
    let old = self.timing
    self.timing = timing
    effects += pool.resize(to: timing.pool).map { .discard($0.id) }
    if case .queued(let attempt) = flight, attempt.purpose == .pool, old.duration != timing.duration {
      queue(.pool, duration: timing.duration, at: now, &effects)
    }
    guard case .working(let lastSuccess) = history, let freshest = pool.freshest else { return }
    nextAttempt = max(earliestAttempt(at: now), lastSuccess + jitteredStep(after: freshest, using: &generator))
  }

  /// Now, or the end of a wait that STS or a proxy requested (`Retry-After`). A refresh that is requested now doesn't wait for it.
  func earliestAttempt(at now: Timestamp) -> Timestamp { max(now, reservations.requestedPause ?? now) }

  // MARK: - After every event

  private mutating func giveUpIfOverdue(
    at now: Timestamp, using generator: inout some RandomNumberGenerator, _ effects: inout [RefreshEffect]
  ) {
    guard let call = flight.giveUp(at: now) else { return }
    effects.append(.abandon(call.attempt.id))
    fail(call, because: .noOutcome, at: now, using: &generator, &effects)
  }

  /// If by a corrected clock the role reaches its floor before the next step, moves the step forward to that time.
  private mutating func hasten(at now: Timestamp) {
    guard !history.isFailing, let end = pool.lastEnd else { return }
    nextAttempt = min(nextAttempt, max(earliestAttempt(at: now), end - timing.floor))
  }

  /// `end` is when the session that plain reads get expires; nil if there is none.
  private mutating func reportFloor(_ end: Timestamp?, at now: Timestamp, _ effects: inout [RefreshEffect]) {
    guard let end else {
      reportedBelowFloor = false
      return
    }
    let isBelow = end - now < timing.floor
    if isBelow && !reportedBelowFloor { effects.append(.report(.belowFloor(remaining: end - now))) }
    reportedBelowFloor = isBelow
  }

  /// Queues the pool's step when it is due, or else a reservation. The step replaces a queued reservation and aborts one under way;
  /// that is fetched afterwards.
  private mutating func queueNext(at now: Timestamp, _ effects: inout [RefreshEffect]) {
    switch flight {
    case .underWay(let call) where call.attempt.purpose == .pool || nextAttempt > now: return
    case .queued(let attempt) where attempt.purpose == .pool: return
    case .underWay(let call):
      effects.append(.abandon(call.attempt.id))
      reservations.fetchAgain(call.attempt.duration, at: now)
      queue(.pool, duration: timing.duration, at: now, &effects)
    case .queued where nextAttempt <= now, .none where nextAttempt <= now:
      queue(.pool, duration: timing.duration, at: now, &effects)
    case .queued(let attempt):
      // A reader has requested a longer one in the meantime.
      guard let duration = reservations.due(at: now), duration > attempt.duration else { return }
      queue(.reservation, duration: duration, at: now, &effects)
    case .none:
      guard let duration = reservations.due(at: now) else { return }
      queue(.reservation, duration: duration, at: now, &effects)
    }
  }

  private mutating func queue(
    _ purpose: Attempt.Purpose, duration: Duration, at now: Timestamp, _ effects: inout [RefreshEffect]
  ) {
    attempts += 1
    let urgency = purpose == .pool ? urgency(at: now) : .reservation
    let attempt = Attempt(id: AttemptID(number: attempts), purpose: purpose, duration: duration, urgency: urgency)
    flight = .queued(attempt)
    effects.append(.fetch(attempt))
  }

  /// The urgency of the pool's next session. Only a role's first attempt goes before all others, also once it was throttled. A failing
  /// role goes by when it reaches its floor; after that it goes behind all healthy ones, and if only a person can fix the failure behind
  /// derived sessions, too.
  private func urgency(at now: Timestamp) -> FetchQueue.Urgency {
    let floorReached = servedUntil.map { $0 - timing.floor }
    guard let streak = history.streak else {
      return history.isUntried ? .first : .due(floorReached: floorReached ?? .distantPast)
    }
    if streak.latest.kind == .permanent, !streak.mayBeFixed { return .spare }
    // It isn't the role that failed: to the account it is one whose turn hasn't come, and sessions for a pool can wait.
    if floorReached == nil, case .throttled = streak.latest.kind { return .first }
    guard let floorReached, floorReached > now else { return .late }
    return .retry(floorReached: floorReached)
  }

  /// Arms the earliest of: the next step or the timeout of the call, falling below the floor, the next lapse of a session.
  private mutating func arm(_ firstEnd: Timestamp?, _ servedUntil: Timestamp?, _ effects: inout [RefreshEffect]) {
    var due: Timestamp? =
      switch flight {
      case .none: reservations.request.map { min($0.notBefore, nextAttempt) } ?? nextAttempt
      case .queued(let attempt): attempt.purpose == .reservation ? nextAttempt : nil
      case .underWay(let call): call.attempt.purpose == .reservation ? min(call.giveUp, nextAttempt) : call.giveUp
      }
    func consider(_ instant: Timestamp) { due = due.map { min($0, instant) } ?? instant }
    if let servedUntil, !reportedBelowFloor { consider(servedUntil - timing.floor + .microseconds(1)) }
    if let firstEnd { consider(firstEnd - timing.lapseMargin) }
    if let reserved = reservations.session { consider(reserved.expires - timing.lapseMargin) }
    guard let due, due != armed else { return }
    armed = due
    effects.append(.arm(due))
  }
}
