/// The outcomes of a role's calls.
extension RefreshMachine {
  mutating func succeed(
    _ call: Flight.Call, with session: Session, at now: Timestamp, using generator: inout some RandomNumberGenerator,
    _ effects: inout [RefreshEffect]
  ) {
    guard session.expires - timing.lapseMargin > now else {
      effects.append(.discard(session.id))
      return fail(call, because: .tooShort, at: now, using: &generator, &effects)
    }
    reservations.endRequestedPause()
    if call.attempt.purpose == .reservation { return reserve(session, by: call.attempt, at: now, &effects) }
    reservations.forgetFailure()
    let recovery = history.noteSuccess(at: now)
    if let recovery { effects.append(.report(recovery)) }
    nextAttempt = call.standing == .replaced ? now : now + jitteredStep(after: session, using: &generator)
    reportGranted(session, &effects)
    effects.append(.hold(session))
    let replaced = pool.add(session)
    publishFreshest(&effects)
    if let replaced { effects.append(.discard(replaced.id)) }
    effects.append(.report(.refreshed(session, generation: generation)))
  }

  /// A success without another session.
  mutating func keep(after call: Flight.Call, at now: Timestamp, _ effects: inout [RefreshEffect]) {
    reservations.endRequestedPause()
    if let recovery = history.noteSuccess(at: now) { effects.append(.report(recovery)) }
    nextAttempt = call.standing == .replaced ? now : now + timing.step
  }

  private mutating func reserve(
    _ session: Session, by attempt: Attempt, at now: Timestamp, _ effects: inout [RefreshEffect]
  ) {
    let before = reservations.session
    reservations.succeed(attempt, with: session, at: now, &effects)
    guard reservations.session?.id == session.id else { return }
    publishFreshest(&effects)
    if handsOutReservation { effects.append(.report(.reservationServes(session, generation: generation))) }
    if let before { effects.append(.discard(before.id)) }
    effects.append(.offerReserved(session))
  }

  /// Handles a failed call. If the call is outdated, the failure is ignored, and another call follows at once, or after the wait that
  /// STS or a proxy requested, which still applies.
  mutating func fail(
    _ call: Flight.Call, because failure: Failure, at now: Timestamp,
    using generator: inout some RandomNumberGenerator, _ effects: inout [RefreshEffect]
  ) {
    if let wait = failure.requestedWait {
      reservations.postpone(until: now + wait)
      if call.attempt.purpose == .reservation { nextAttempt = max(nextAttempt, now + wait) }
    }
    switch (call.attempt.purpose, call.standing) {
    case (.reservation, .inForce): reservations.fail(call.attempt, because: failure, at: now, &effects)
    case (.reservation, _): reservations.fetchAgain(call.attempt.duration, at: now)
    case (.pool, .inForce): fail(because: failure, at: now, using: &generator, &effects)
    case (.pool, _): nextAttempt = now + Backoff.requestedWait(of: failure, using: &generator)
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

  /// The step for as long as the session lives, ±10 %. It follows from the current `duration`, since A belongs to it; the session may have
  /// been requested under an earlier one.
  func jitteredStep(after session: Session, using generator: inout some RandomNumberGenerator) -> Duration {
    let step = timing.stepSeconds(life: session.granted.inSeconds, floor: timing.floor.inSeconds)
    return .seconds(fraction: step * (0.9 + 0.2 * generator.fraction()))
  }

  /// Reports once that STS granted less than requested; the slack allows for unconfirmed dates and slow answers.
  private mutating func reportGranted(_ session: Session, _ effects: inout [RefreshEffect]) {
    let isLess = session.granted + ServerClock.lifetimeSlack < session.asked
    if isLess && !reportedGrantedLess {
      effects.append(.report(.grantedLess(asked: session.asked, granted: session.granted)))
    }
    reportedGrantedLess = isLess
  }
}

extension Failure {
  /// An attempt whose outcome never came.
  static let noOutcome = Failure(
    .transient, code: "NoOutcome", advice: "the call was given up; nothing to do if it stays the only one")

  /// The code of a reservation for which STS granted a shorter lifetime than requested.
  package static let grantedLessCode = "GrantedLess"

  static func grantedLess(_ granted: Duration, asked: Duration) -> Failure {
    Failure(
      .permanent, code: grantedLessCode,
      advice:
        "STS granted \(granted.text) where \(asked.text) were asked for; compare the role's MaxSessionDuration with 'max_duration'"
    )
  }

  /// A session that would have lapsed on arrival.
  static let tooShort = Failure(
    .permanent, code: "SessionTooShort",
    advice: "the session ends within 'lapse_margin', as this host sees it; compare the host's clock with the server's")
}
