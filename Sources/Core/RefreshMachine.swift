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
/// After every event the session handed out is the one of the ring that lives longest, and a session is held from its `hold` to
/// its `discard`.
package struct RefreshMachine: Sendable {
  package private(set) var timing: RoleTiming
  /// Grows by one with each rotation.
  package private(set) var generation: UInt64
  /// When the next attempt is due; in the past while one is under way.
  package private(set) var nextAttempt: Timestamp

  /// When an attempt without an outcome counts as failed, a little more than the time-out of a call.
  package var attemptLimit: Duration
  private var history = RefreshHistory.untried
  private var flight = Flight.none
  private var ring: Ring
  private(set) var reservations = Reservations()
  /// The session that is handed out.
  private var published: SessionID?
  private var attempts: UInt64 = 0
  private var armed: Timestamp?
  // What the journal has been told and doesn't need to hear again.
  private var reportedBelowFloor = false
  private var reportedGrantedLess = false

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
      history.suspectFix()
      flight.lower(to: .replaced)
    case .cureSuspected:
      if history.isFailing { nextAttempt = now }
      history.suspectFix()
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
    case .timingChanged(let timing): change(to: timing, at: now, using: &generator, &effects)
    case .reservationRequested(let duration): reservations.add(duration, at: now)
    case .condemned(let id): condemn(id, at: now, &effects)
    }
    giveUpIfOverdue(at: now, using: &generator, &effects)
    dropLapsed(at: now, &effects)
    reportFloor(at: now, &effects)
    queueNext(at: now, &effects)
    arm(&effects)
  }

  // MARK: - What readers and operators see

  /// The session that plain reads get: the one that lives longest.
  package var freshest: Session? { ring.freshest }

  /// The longer session that readers asked for; nil when there is none.
  package var reserved: Session? { reservations.session }

  /// How long readers would go on getting at least the floor if STS died now; zero when they get less already.
  package func headroom(at now: Timestamp) -> Duration {
    guard let end = ring.lastEnd else { return .zero }
    return max(.zero, end - timing.floor - now)
  }

  /// The attempt that is queued or under way.
  package var attempt: Attempt? { flight.attempt }

  /// Whether the call of an attempt has been made and has had no outcome yet.
  package var isUnderWay: Bool { if case .underWay = flight { true } else { false } }

  /// Every session that it holds: those whose `hold` has come and whose `discard` hasn't.
  package var heldSessions: [SessionID] {
    var ids = ring.sessions.map(\.id)
    if let reserved = reservations.session { ids.append(reserved.id) }
    return ids
  }

  package func holds(_ id: SessionID) -> Bool {
    for session in ring.sessions where session.id == id { return true }
    return reservations.session?.id == id
  }

  /// How many sessions it holds.
  package var heldCount: Int { ring.sessions.count + (reservations.session == nil ? 0 : 1) }

  /// Whether the first attempt has had an outcome, of whatever kind.
  package var hasHadOutcome: Bool { !history.isUntried }
  package var lastSuccess: Timestamp? { history.lastSuccess }
  /// Why the latest attempt failed; nil after a success.
  package var lastFailure: Failure? { history.streak?.latest }
  package var failingSince: Timestamp? { history.streak?.since }
  /// When the latest attempt failed; nil after a success.
  package var failedAt: Timestamp? { history.streak?.latestAt }

  // MARK: - Outcomes

  private mutating func succeed(
    _ call: Flight.Call, with session: Session, at now: Timestamp, using generator: inout some RandomNumberGenerator,
    _ effects: inout [RefreshEffect]
  ) {
    guard session.expires - timing.lapseMargin > now else {
      effects.append(.discard(session.id))
      return fail(call, because: .tooShort, at: now, using: &generator, &effects)
    }
    if call.attempt.purpose == .reservation {
      return reservations.succeed(call.attempt, with: session, at: now, &effects)
    }
    let recovery = history.noteSuccess(at: now)
    if let recovery { effects.append(.report(recovery)) }
    nextAttempt = call.standing == .replaced ? now : now + jitteredStep(after: session, using: &generator)
    reportGranted(session, &effects)
    effects.append(.hold(session))
    let replaced = ring.add(session)
    publishFreshest(&effects)
    if let replaced { effects.append(.discard(replaced.id)) }
    effects.append(.report(.refreshed(session, generation: generation)))
  }

  /// What a call failed of that is no longer in force counts for nothing: another is made at once, as things are now.
  private mutating func fail(
    _ call: Flight.Call, because failure: Failure, at now: Timestamp,
    using generator: inout some RandomNumberGenerator, _ effects: inout [RefreshEffect]
  ) {
    if call.standing == .inForce, let wait = failure.requestedWait {
      reservations.postpone(until: now + wait)
      if call.attempt.purpose == .reservation { nextAttempt = max(nextAttempt, now + wait) }
    }
    switch (call.attempt.purpose, call.standing) {
    case (.reservation, .inForce): reservations.fail(call.attempt, because: failure, at: now, &effects)
    case (.reservation, _): reservations.fetchAgain(call.attempt.duration, at: now)
    case (.ring, .inForce): fail(because: failure, at: now, using: &generator, &effects)
    case (.ring, _): nextAttempt = now
    }
  }

  private mutating func fail(
    because failure: Failure, at now: Timestamp, using generator: inout some RandomNumberGenerator,
    _ effects: inout [RefreshEffect]
  ) {
    let wait = history.note(failure, headroom: headroom(at: now), at: now, using: &generator)
    nextAttempt = now + wait
    if failure.kind == .identityLapsed && wait == .zero { effects.append(.renewSource) }
    if let report = history.dueReport(next: nextAttempt, at: now) { effects.append(.report(report)) }
  }

  // MARK: - What is handed out

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

  // MARK: - Times

  /// A/N, scaled by granted/asked, ±10 %. What counts as asked is the duration in force, by which A is meant: the session may
  /// have been asked for under an earlier one.
  private func jitteredStep(after session: Session, using generator: inout some RandomNumberGenerator) -> Duration {
    let scale = min(1, session.granted.inSeconds / timing.duration.inSeconds)
    // Not `timing.step`: the division of a span is generic and takes longer than all of this.
    let step = timing.refreshAfter.inSeconds / Double(timing.pool) * scale
    return .seconds(fraction: step * (0.9 + 0.2 * generator.fraction()))
  }

  /// Reports once that less was granted than asked; the slack is for dates that are not confirmed and slow answers.
  private mutating func reportGranted(_ session: Session, _ effects: inout [RefreshEffect]) {
    let isLess = session.granted + ServerClock.lifetimeSlack < session.asked
    if isLess && !reportedGrantedLess {
      effects.append(.report(.grantedLess(asked: session.asked, granted: session.granted)))
    }
    reportedGrantedLess = isLess
  }

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
    nextAttempt = max(now, lastSuccess + jitteredStep(after: freshest, using: &generator))
  }

  // MARK: - What follows every event

  private mutating func giveUpIfOverdue(
    at now: Timestamp, using generator: inout some RandomNumberGenerator, _ effects: inout [RefreshEffect]
  ) {
    guard let call = flight.giveUp(at: now) else { return }
    effects.append(.abandon(call.attempt.id))
    fail(call, because: .noOutcome, at: now, using: &generator, &effects)
  }

  private mutating func dropLapsed(at now: Timestamp, _ effects: inout [RefreshEffect]) {
    let ended = ring.removeEnded(at: now, margin: timing.lapseMargin)
    if !publishFreshest(&effects) && published != nil {
      published = nil
      effects += [.withdraw, .report(.lapsed)]
      // By a corrected clock, say: a role without failures has nothing to wait for.
      if !history.isFailing { nextAttempt = min(nextAttempt, now) }
    }
    for session in ended { effects.append(.discard(session.id)) }
    reservations.dropLapsed(at: now, margin: timing.lapseMargin, &effects)
  }

  /// Brings the next step forward to the fall below the floor, where a corrected clock has moved that before it.
  private mutating func hasten(at now: Timestamp) {
    guard !history.isFailing, let end = ring.lastEnd else { return }
    nextAttempt = min(nextAttempt, max(now, end - timing.floor))
  }

  private mutating func reportFloor(at now: Timestamp, _ effects: inout [RefreshEffect]) {
    guard let end = ring.lastEnd else {
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
    let floorReached = ring.lastEnd.map { $0 - timing.floor }
    guard let streak = history.streak else {
      return history.isUntried ? .first : .due(floorReached: floorReached ?? .distantPast)
    }
    guard let floorReached, floorReached > now, streak.latest.kind != .permanent || streak.mayBeFixed else {
      return .spare
    }
    return .retry(floorReached: floorReached)
  }

  /// Arms the earliest of: the next step or the end of a call's time, the fall below the floor, the lapse.
  private mutating func arm(_ effects: inout [RefreshEffect]) {
    var due: Timestamp? =
      switch flight {
      case .none: reservations.request.map { min($0.notBefore, nextAttempt) } ?? nextAttempt
      case .queued(let attempt): attempt.purpose == .reservation ? nextAttempt : nil
      case .underWay(let call): call.attempt.purpose == .reservation ? min(call.giveUp, nextAttempt) : call.giveUp
      }
    func consider(_ instant: Timestamp) { due = due.map { min($0, instant) } ?? instant }
    if let end = ring.lastEnd, !reportedBelowFloor { consider(end - timing.floor + .microseconds(1)) }
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
