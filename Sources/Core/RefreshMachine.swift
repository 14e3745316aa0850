/// The whole refresh logic of one role, without a clock, a socket or a lock: events in, effects out.
///
///              due ┌────────┐ the queue lets it go ┌───────────┐
///      idle ─────▶ │ queued │ ───────────────────▶ │ under way │ ──▶ succeeded: next step A/N later
///       ▲          └────────┘                      └───────────┘ ──▶ failed or no outcome: next step after `Backoff`
///       │                                              │             outdated and failed: next step at once
///       └──────────────────────────────────────────────┘
///
/// One attempt of a role is under way at a time, for whatever purpose. The next instant is armed before an attempt is made, so
/// that a lost outcome is a failure like any other. The last good session serves through every failure until it lapses.
///
/// After every event the session handed out is the one of the ring that lives longest, or the reserved one while the ring has
/// none; a session is held from its `hold` to its `discard`.
package struct RefreshMachine: Sendable {
  package private(set) var timing: RoleTiming
  /// Grows by one with each rotation.
  package internal(set) var generation: UInt64
  /// When the next attempt is due; in the past while one is under way.
  package internal(set) var nextAttempt: Timestamp

  /// When an attempt without an outcome counts as failed, a little more than the time-out of a call.
  package var attemptLimit: Duration
  var history = RefreshHistory.untried
  var flight = Flight.none
  var ring: Ring
  var reservations = Reservations()
  /// The session that is handed out.
  var published: SessionID?
  private var attempts: UInt64 = 0
  /// The instant of the latest `arm`, until `timerFired`: a driver's timer of the role is set to it.
  package private(set) var armed: Timestamp?
  // What the journal has and doesn't need again.
  private var reportedBelowFloor = false
  var reportedGrantedLess = false

  /// Makes an idle machine; `.started` sets it going.
  ///
  /// `generation` is the number before the first one to be published.
  package init(
    timing: RoleTiming, attemptLimit: Duration = .seconds(15), generation: UInt64 = 0, at instant: Timestamp
  ) {
    self.timing = timing
    self.attemptLimit = attemptLimit
    self.generation = generation
    ring = Ring(capacity: timing.pool)
    nextAttempt = instant
  }

  package mutating func handle(
    _ event: RefreshEvent, at now: Timestamp, using generator: inout some RandomNumberGenerator
  ) -> [RefreshEffect] {
    var effects: [RefreshEffect] = []
    handle(event, at: now, using: &generator, into: &effects)
    return effects
  }

  /// The same, for a driver of very many events, with the effects added to a list whose memory is used again.
  package mutating func handle(
    _ event: RefreshEvent, at now: Timestamp, using generator: inout some RandomNumberGenerator,
    into effects: inout [RefreshEffect]
  ) {
    // Whether another of the sessions may live longest now.
    var mayChangeOrder = false
    switch event {
    case .started, .refreshRequested: nextAttempt = now
    case .requestChanged:
      nextAttempt = earliestAttempt(at: now)
      history.suspectFix()
      flight.lower(to: .replaced)
    case .cureSuspected:
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
    case .clockCorrected(let clock):
      ring.judge(by: clock)
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
    let ends = ring.ends
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
    effects += ring.resize(to: timing.pool).map { .discard($0.id) }
    if case .queued(let attempt) = flight, attempt.purpose == .ring, old.duration != timing.duration {
      queue(.ring, duration: timing.duration, at: now, &effects)
    }
    guard case .working(let lastSuccess) = history, let freshest = ring.freshest else { return }
    nextAttempt = max(earliestAttempt(at: now), lastSuccess + jitteredStep(after: freshest, using: &generator))
  }

  /// Now, or when the wait is over that STS or somebody on the way asked for. An administrator's request doesn't wait for it.
  func earliestAttempt(at now: Timestamp) -> Timestamp { max(now, reservations.requestedPause ?? now) }

  // MARK: - What follows every event

  private mutating func giveUpIfOverdue(
    at now: Timestamp, using generator: inout some RandomNumberGenerator, _ effects: inout [RefreshEffect]
  ) {
    guard let call = flight.giveUp(at: now) else { return }
    effects.append(.abandon(call.attempt.id))
    fail(call, because: .noOutcome, at: now, using: &generator, &effects)
  }

  /// Brings the next step forward to the fall below the floor, where a corrected clock has moved that before it.
  private mutating func hasten(at now: Timestamp) {
    guard !history.isFailing, let end = ring.lastEnd else { return }
    nextAttempt = min(nextAttempt, max(earliestAttempt(at: now), end - timing.floor))
  }

  /// `end` is when readers have nothing any more, as things are; nil when they have nothing now.
  private mutating func reportFloor(_ end: Timestamp?, at now: Timestamp, _ effects: inout [RefreshEffect]) {
    guard let end else {
      reportedBelowFloor = false
      return
    }
    let isBelow = end - now < timing.floor
    if isBelow && !reportedBelowFloor { effects.append(.report(.belowFloor(remaining: end - now))) }
    reportedBelowFloor = isBelow
  }

  /// Queues the ring's step when it is due, before any reservation: one that waits or is under way gives way and comes after.
  private mutating func queueNext(at now: Timestamp, _ effects: inout [RefreshEffect]) {
    switch flight {
    case .underWay(let call) where call.attempt.purpose == .ring || nextAttempt > now: return
    case .queued(let attempt) where attempt.purpose == .ring: return
    case .underWay(let call):
      effects.append(.abandon(call.attempt.id))
      reservations.fetchAgain(call.attempt.duration, at: now)
      queue(.ring, duration: timing.duration, at: now, &effects)
    case .queued where nextAttempt <= now, .none where nextAttempt <= now:
      queue(.ring, duration: timing.duration, at: now, &effects)
    case .queued(let attempt):
      // A reader has asked for a longer one meanwhile.
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
    let urgency = purpose == .ring ? urgency(at: now) : .reservation
    let attempt = Attempt(id: AttemptID(number: attempts), purpose: purpose, duration: duration, urgency: urgency)
    flight = .queued(attempt)
    effects.append(.fetch(attempt))
  }

  /// How much the ring's next session is needed. A role goes before all others for its first attempt only; one that fails goes
  /// by what it has to lose, and behind all that work when that is nothing or when only a person can help.
  private func urgency(at now: Timestamp) -> FetchQueue.Urgency {
    let floorReached = servedUntil.map { $0 - timing.floor }
    guard let streak = history.streak else {
      return history.isUntried ? .first : .due(floorReached: floorReached ?? .distantPast)
    }
    guard let floorReached, floorReached > now, streak.latest.kind != .permanent || streak.mayBeFixed else {
      return .spare
    }
    return .retry(floorReached: floorReached)
  }

  /// Arms the earliest of: the next step or the end of a call's time, the fall below the floor, the lapse.
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
