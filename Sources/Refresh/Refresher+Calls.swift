import CloudAPI
import Core
import Logs
import Secrets
import SessionStore
import Settings
import Systemd
import Wire

/// Calls to whoever issues sessions, and what their outcomes teach.
extension Refresher {
  /// Counts a call that begins or ends.
  private func count(_ change: Int, of role: ManagedRole) {
    inFlight += change
    guard role.isDerived else { return }
    derivedInFlight += change
    schedule.setDerivedWait(derivedInFlight >= FetchQueue.mostDerivedUnderWay)
  }

  func start(_ ticket: FetchQueue.Ticket, of role: ManagedRole, by issuer: any SessionIssuer, at now: Timestamp) {
    deliver(.attemptStarted(ticket.attempt), to: role)
    guard let attempt = role.machine.attempt, attempt.id == ticket.attempt else { return }
    count(1, of: role)
    let order = SessionRequest(
      role: role.settings, slot: role.issued % role.settings.timing.pool, duration: attempt.duration,
      date: clock.dateForSigning(at: now), sourceIdentity: role.sourceIdentity,
      isReservation: attempt.purpose == .reservation)
    let id = issuer.issue(order) { [unowned self, unowned role] outcome in
      role.call = nil
      count(-1, of: role)
      land(outcome, of: attempt, for: role)
      pump()
    }
    role.call = (id, issuer)
  }

  private func land(_ outcome: IssueOutcome, of attempt: Attempt, for role: ManagedRole) {
    guard table[role.slot] === role else { return }
    if outcome.fromTier != nil { schedule.learnNothing(at: scheduler.time) }
    switch outcome.result {
    case _ where outcome.fromTier?.isUnchanged == true:
      role.changeOutcomes { $0.count("Unchanged") }
      if let date = outcome.date, let latest = role.machine.latest {
        weigh(
          date, expiration: latest.expiration, whole: .seconds(latest.expiration.seconds - latest.issued.seconds),
          sent: outcome.sent)
      }
      deliver(.unchanged(attempt.id), to: role)
      finish(outcome, of: role)
    case .granted(let assumed):
      role.changeOutcomes { $0.countSuccess() }
      if outcome.fromTier == nil { schedule.learnSuccess(of: role.slot, sent: outcome.sent) }
      role.issued += 1
      let asked = outcome.fromTier?.life ?? outcome.asked ?? attempt.duration
      deliver(.succeeded(attempt.id, admit(assumed, asked: asked, from: outcome, for: role)), to: role)
      finish(outcome, of: role)
    case .refused(var failure):
      // To wait was about the endpoint that was asked.
      if let peerChangedAt, outcome.sent <= peerChangedAt { failure = failure.withoutWait }
      role.changeOutcomes { $0.count(failure.code) }
      if outcome.fromTier == nil {
        schedule.learn(
          from: failure, of: role.slot, date: outcome.date, sent: outcome.sent, at: scheduler.time, using: &chance)
      }
      deliver(.failed(attempt.id, attempt.purpose == .reservation ? failure.ofReservation : failure), to: role)
    }
    notify(role) { $0.didAttempt(role) }
  }

  /// When the next attempt is made after one that succeeded.
  private func finish(_ outcome: IssueOutcome, of role: ManagedRole) {
    if let next = outcome.next { deliver(.scheduled(next), to: role) }
    guard needsConfirmation else { return }
    needsConfirmation = false
    issuer.askAgain(for: role.settings)
    deliver(.refreshRequested, to: role)
  }

  /// Takes a session's secrets in, and weighs its answer's date.
  private func admit(_ assumed: AssumedSession, asked: Duration, from outcome: IssueOutcome, for role: ManagedRole)
    -> Session
  {
    if let date = outcome.date {
      // What a tier hands out was issued before, for longer.
      let whole = assumed.issued.map { Duration.seconds(assumed.expiration.seconds - $0.seconds) } ?? asked
      weigh(date, expiration: assumed.expiration, whole: whole, sent: outcome.sent)
    }
    let issued = min(assumed.issued ?? clock.noLater(than: outcome.sent), assumed.expiration)
    let id = sessions.add(
      accessKeyID: assumed.accessKeyID, accessKeySecret: assumed.accessKeySecret, securityToken: assumed.securityToken,
      expiration: assumed.expiration, issued: issued)
    return Session(
      id: id, accessKeyID: assumed.accessKeyID, expiration: assumed.expiration, issued: issued, sent: outcome.sent,
      asked: asked, clock: clock)
  }

  /// `whole` is how long a session that ends at `expiration` was issued for.
  private func weigh(_ date: UTCTime, expiration: UTCTime, whole: Duration, sent: Timestamp) {
    switch schedule.weigh(date: date, expiration: expiration, asked: whole, sent: sent) {
    case .agrees: break
    case .refutes:
      clockCorrected()
      for role in table.all { deliver(.clockCorrected(clock), to: role) }
    case .corrects(let shift):
      log.write(.clockDiffers, [.seconds(shift), .advice("look at this host's time synchronisation")])
      clockCorrected()
      for role in table.all { deliver(.clockCorrected(clock), to: role) }
    case .odd(let isNews, let isToBeConfirmed):
      // The next answer confirms it or not: better soon than at the next step.
      needsConfirmation = isToBeConfirmed
      if isNews { log.write(.dateNotBelieved) }
    }
  }

  func cancelCall(of role: ManagedRole) {
    guard let call = role.call else { return }
    role.call = nil
    count(-1, of: role)
    call.issuer.cancel(call.id)
  }
}
