/// The whole refresh logic of one role, without a clock, a socket or a lock: events in, effects out.
///
///              due ┌────────┐ the queue lets it go ┌───────────┐
///      idle ─────▶ │ queued │ ───────────────────▶ │ in flight │ ──▶ succeeded: next step A/N later
///       ▲          └────────┘                      └───────────┘ ──▶ failed or no outcome: next step after `Backoff`
///       └──────────────────────────────────────────────┘
///
/// One attempt of a role is under way at a time, for whatever purpose. The next instant is armed before an attempt is made, so
/// that a lost outcome is a failure like any other. The last good session serves through every failure until it lapses.
package struct RefreshMachine: Sendable {
  private enum Flight: Sendable {
    case none
    case queued(Attempt)
    case made(Attempt, giveUp: Timestamp)
  }

  package private(set) var timing: RoleTiming
  /// Grows by one with each rotation.
  package private(set) var generation: UInt64
  package private(set) var lastSuccess: Timestamp?
  /// Why the latest attempt failed; nil after a success.
  package private(set) var lastFailure: Failure?
  package private(set) var failingSince: Timestamp?
  /// When the next attempt is due; in the past while one is under way.
  package private(set) var nextAttempt: Timestamp
  /// Whether the first attempt has had an outcome, of whatever kind.
  package private(set) var hasHadOutcome = false

  /// When an attempt without an outcome counts as failed, a little more than the time-out of a call.
  package var attemptLimit: Duration
  private var ring: Ring
  private var reservations = Reservations()
  private var flight = Flight.none
  private var attempts: UInt64 = 0
  private var backoff = Backoff()
  /// The session that is handed out.
  private var published: SessionID?
  private var saidBelowFloor = false
  private var saidGrantedLess = false
  private var lastFailureReport: Timestamp?
  private var armed: Timestamp?
  /// Whether the attempt under way asks for what is no longer wanted.
  private var isOutdated = false

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
    switch event {
    case .started, .refreshRequested: nextAttempt = now
    case .requestChanged:
      nextAttempt = now
      if case .made(let attempt, _) = flight, attempt.purpose == .ring { isOutdated = true }
    case .timerFired: armed = nil
    case .attemptStarted(let id):
      if case .queued(let attempt) = flight, attempt.id == id {
        flight = .made(attempt, giveUp: now + attemptLimit)
      }
    case .succeeded(let id, let session):
      if let attempt = land(id) {
        succeed(attempt, with: session, at: now, using: &generator, &effects)
      } else {
        effects.append(.discard(session.id))
      }
    case .failed(let id, let failure):
      if let attempt = land(id) { fail(attempt, because: failure, at: now, using: &generator, &effects) }
    case .cureSuspected: if lastFailure != nil { nextAttempt = now }
    case .clockCorrected(let clock):
      ring.judge(by: clock)
      reservations.judge(by: clock)
      hasten(at: now)
    case .timingChanged(let timing): change(to: timing, at: now, using: &generator, &effects)
    case .reservationRequested(let duration): reservations.want(duration)
    case .condemned(let id): condemn(id, at: now, &effects)
    }
    giveUpIfOverdue(at: now, using: &generator, &effects)
    dropLapsed(at: now, &effects)
    tellFloor(at: now, &effects)
    queueNext(at: now, &effects)
    arm(&effects)
  }

  // MARK: - What readers are told

  /// The session that plain reads get: the one that lives longest.
  package var freshest: Session? { ring.freshest }

  /// How long readers would go on getting at least the floor if STS died now; zero when they get less already.
  package func headroom(at now: Timestamp) -> Duration {
    guard let end = ring.lastEnd else { return .zero }
    return max(.zero, end - timing.floor - now)
  }

  /// The attempt that is queued or under way.
  package var attempt: Attempt? {
    switch flight {
    case .none: nil
    case .queued(let attempt), .made(let attempt, _): attempt
    }
  }

  /// Every session that it holds: those whose `hold` has come and whose `discard` hasn't.
  package var heldSessions: [SessionID] { (ring.sessions + (reservations.session.map { [$0] } ?? [])).map(\.id) }

  package func reservation(minTTL: Duration, at now: Timestamp) -> Reservation {
    reservations.answer(
      minTTL: minTTL, at: now, freshest: ring.freshest, underWay: attempt?.duration, timing: timing)
  }

  // MARK: - Outcomes

  /// Ends the flight if `id` is the attempt under way.
  private mutating func land(_ id: AttemptID) -> Attempt? {
    guard case .made(let attempt, _) = flight, attempt.id == id else { return nil }
    flight = .none
    hasHadOutcome = true
    return attempt
  }

  private mutating func succeed(
    _ attempt: Attempt, with session: Session, at now: Timestamp, using generator: inout some RandomNumberGenerator,
    _ effects: inout [RefreshEffect]
  ) {
    guard session.expires - timing.lapseMargin > now else {
      effects.append(.discard(session.id))
      return fail(attempt, because: .tooShort, at: now, using: &generator, &effects)
    }
    if attempt.purpose == .reservation { return reservations.succeed(attempt, with: session, at: now, &effects) }
    endFailures(&effects)
    lastSuccess = now
    nextAttempt = isOutdated ? now : now + jitteredStep(after: session, using: &generator)
    isOutdated = false
    tellGranted(session, &effects)
    effects.append(.hold(session))
    let replaced = ring.add(session)
    publishFreshest(&effects)
    if let replaced { effects.append(.discard(replaced.id)) }
    effects.append(.report(.refreshed(session, generation: generation)))
  }

  /// Hands out the session that lives longest, where another one or none was handed out; false when there is none.
  @discardableResult private mutating func publishFreshest(_ effects: inout [RefreshEffect]) -> Bool {
    guard let freshest = ring.freshest else { return false }
    guard freshest.id != published else { return true }
    generation += 1
    published = freshest.id
    effects.append(.publish(freshest, generation: generation))
    return true
  }

  /// Drops a session that the cloud no longer knows; its standby takes its place in this turn.
  private mutating func condemn(_ id: SessionID, at now: Timestamp, _ effects: inout [RefreshEffect]) {
    if let session = ring.remove(id) {
      nextAttempt = min(nextAttempt, now)
      let replacement = replace(published: id, &effects)
      effects += [.discard(id), .report(.condemned(session, replacement))]
    } else if let session = reservations.remove(id) {
      effects += [.discard(id), .report(.condemned(session, .notNeeded))]
    }
  }

  private mutating func replace(published id: SessionID, _ effects: inout [RefreshEffect])
    -> RefreshReport.Replacement
  {
    guard published == id else { return .notNeeded }
    if publishFreshest(&effects), let standby = ring.freshest { return .standby(standby, generation: generation) }
    published = nil
    effects.append(.withdraw)
    return .nothing
  }

  private mutating func fail(
    _ attempt: Attempt, because failure: Failure, at now: Timestamp,
    using generator: inout some RandomNumberGenerator, _ effects: inout [RefreshEffect]
  ) {
    if attempt.purpose == .reservation { return reservations.fail(because: failure, &effects) }
    let wait = backoff.wait(after: failure, headroom: headroom(at: now), using: &generator)
    nextAttempt = now + wait
    if failure.kind == .identityLapsed && wait == .zero { effects.append(.renewSource) }
    let isNews = lastFailure?.code != failure.code
    let since = failingSince ?? now
    failingSince = since
    lastFailure = failure
    if isNews {
      lastFailureReport = now
      effects.append(.report(.failing(failure, next: nextAttempt)))
    } else if let told = lastFailureReport, now - told >= .minutes(10) {
      lastFailureReport = now
      effects.append(
        .report(.stillFailing(failure, failures: backoff.failures, since: since, next: nextAttempt)))
    }
  }

  private mutating func endFailures(_ effects: inout [RefreshEffect]) {
    guard let failingSince else { return }
    effects.append(.report(.recovered(failures: backoff.failures, since: failingSince)))
    backoff.reset()
    lastFailure = nil
    self.failingSince = nil
    lastFailureReport = nil
  }

  /// A/N, scaled by granted/asked, ±10 %. What counts as asked is the duration in force, by which A is meant: the session may
  /// have been asked for under an earlier one.
  private func jitteredStep(after session: Session, using generator: inout some RandomNumberGenerator) -> Duration {
    let scale = min(1, session.granted.inSeconds / timing.duration.inSeconds)
    // Not `timing.step`: the division of a span is generic and takes longer than all of this.
    let step = timing.refreshAfter.inSeconds / Double(timing.pool) * scale
    return .seconds(fraction: step * (0.9 + 0.2 * generator.fraction()))
  }

  /// Says once that less was granted than asked; the slack is for dates that are not confirmed and slow answers.
  private mutating func tellGranted(_ session: Session, _ effects: inout [RefreshEffect]) {
    let isLess = session.granted + ServerClock.lifetimeSlack < session.asked
    if isLess && !saidGrantedLess {
      effects.append(.report(.grantedLess(asked: session.asked, granted: session.granted)))
    }
    saidGrantedLess = isLess
  }

  private mutating func change(
    to timing: RoleTiming, at now: Timestamp, using generator: inout some RandomNumberGenerator,
    _ effects: inout [RefreshEffect]
  ) {
    let old = self.timing
    self.timing = timing
    effects += ring.resize(to: timing.pool).map { .discard($0.id) }
    if case .queued(let attempt) = flight, attempt.purpose == .ring, old.duration != timing.duration {
      queue(.ring, duration: timing.duration, &effects)
    }
    guard lastFailure == nil, let freshest = ring.freshest, let lastSuccess else { return }
    nextAttempt = max(now, lastSuccess + jitteredStep(after: freshest, using: &generator))
  }

  // MARK: - What follows every event

  private mutating func giveUpIfOverdue(
    at now: Timestamp, using generator: inout some RandomNumberGenerator, _ effects: inout [RefreshEffect]
  ) {
    guard case .made(let attempt, let giveUp) = flight, giveUp <= now else { return }
    flight = .none
    hasHadOutcome = true
    effects.append(.abandon(attempt.id))
    fail(attempt, because: .noOutcome, at: now, using: &generator, &effects)
  }

  private mutating func dropLapsed(at now: Timestamp, _ effects: inout [RefreshEffect]) {
    let ended = ring.removeEnded(at: now, margin: timing.lapseMargin)
    if published != nil && ring.sessions.isEmpty {
      published = nil
      effects += [.withdraw, .report(.lapsed)]
      // By a corrected clock, say: a role without failures has nothing to wait for.
      if lastFailure == nil { nextAttempt = min(nextAttempt, now) }
    }
    for session in ended { effects.append(.discard(session.id)) }
    reservations.dropLapsed(at: now, margin: timing.lapseMargin, &effects)
  }

  /// Brings the next step forward to the fall below the floor, where a corrected clock has moved that before it.
  private mutating func hasten(at now: Timestamp) {
    guard lastFailure == nil, let end = ring.lastEnd else { return }
    nextAttempt = min(nextAttempt, max(now, end - timing.floor))
  }

  private mutating func tellFloor(at now: Timestamp, _ effects: inout [RefreshEffect]) {
    guard let end = ring.lastEnd else {
      saidBelowFloor = false
      return
    }
    let isBelow = end - now < timing.floor
    if isBelow && !saidBelowFloor { effects.append(.report(.belowFloor(remaining: end - now))) }
    saidBelowFloor = isBelow
  }

  /// Queues the ring's step when it is due, before any reservation: one that waits or is under way gives way and comes after.
  private mutating func queueNext(at now: Timestamp, _ effects: inout [RefreshEffect]) {
    switch flight {
    case .made(let attempt, _) where attempt.purpose == .ring || nextAttempt > now: return
    case .made(let attempt, _):
      effects.append(.abandon(attempt.id))
      queue(.ring, duration: timing.duration, &effects)
    case .queued(let attempt) where attempt.purpose == .ring: return
    case .queued:
      if nextAttempt <= now { queue(.ring, duration: timing.duration, &effects) }
    case .none:
      if nextAttempt <= now {
        queue(.ring, duration: timing.duration, &effects)
      } else if let duration = reservations.wanted {
        reservations.drawQueued(at: now)
        queue(.reservation, duration: duration, &effects)
      }
    }
  }

  private mutating func queue(_ purpose: Attempt.Purpose, duration: Duration, _ effects: inout [RefreshEffect]) {
    attempts += 1
    let urgency: FetchQueue.Urgency =
      switch (purpose, ring.lastEnd) {
      case (.reservation, _): .reservation
      case (.ring, nil): .first
      case (.ring, .some(let end)): .due(floorReached: end - timing.floor)
      }
    let attempt = Attempt(id: AttemptID(number: attempts), purpose: purpose, duration: duration, urgency: urgency)
    flight = .queued(attempt)
    effects.append(.fetch(attempt))
  }

  /// Arms the earliest of: the next step or the end of patience, the fall below the floor, the lapse.
  private mutating func arm(_ effects: inout [RefreshEffect]) {
    var due: Timestamp? =
      switch flight {
      case .none: nextAttempt
      case .queued(let attempt): attempt.purpose == .reservation ? nextAttempt : nil
      case .made(let attempt, let giveUp): attempt.purpose == .reservation ? min(giveUp, nextAttempt) : giveUp
      }
    func consider(_ instant: Timestamp) { due = due.map { min($0, instant) } ?? instant }
    if let end = ring.lastEnd, !saidBelowFloor { consider(end - timing.floor + .microseconds(1)) }
    if let end = ring.firstEnd { consider(end - timing.lapseMargin) }
    if let reserved = reservations.session { consider(reserved.expires - timing.lapseMargin) }
    guard let due, due != armed else { return }
    armed = due
    effects.append(.arm(due))
  }
}

extension Failure {
  /// An attempt whose outcome never came.
  static let noOutcome = Failure(
    .transient, code: "NoOutcome", advice: "the call was given up; nothing to do if it stays the only one")

  /// The code of a reservation for which STS granted a shorter life than asked.
  package static let grantedLessCode = "GrantedLess"

  static func grantedLess(_ granted: Duration) -> Failure {
    Failure(
      .permanent, code: grantedLessCode,
      advice: "STS granted \(granted.text) only; look at the role's MaxSessionDuration and at 'max_duration'")
  }

  /// A session that would have lapsed on arrival.
  static let tooShort = Failure(
    .permanent, code: "SessionTooShort",
    advice: "STS granted less than 'lapse_margin'; look at the host's clock and the role's MaxSessionDuration")
}
