/// The state that all roles of a host share: their timers, the queue of calls to STS, and the estimate of the server's time.
///
/// It has no clock and no socket, as the machines have none. A driver performs the machines' effects (`fetch` and `arm` here), asks
/// which role is due and which call is next, makes the calls, and reports their outcomes. A role is identified by its slot, a small
/// number that is reused.
package struct HostSchedule: Sendable {
  package private(set) var clock: ServerClock
  package internal(set) var queue: FetchQueue
  private var due = Agenda()
  private var dates = DatePlausibility.none
  /// When the latest successful call was sent.
  private var lastSuccess: Timestamp?
  private var failing: [Int: FailingRole] = [:]
  /// When the latest hold of all roles began; nil after `release()`.
  private var holdBegan: Timestamp?

  /// How plausible the `Date` of recent answers was.
  private enum DatePlausibility {
    case none
    /// The latest ones weren't accepted; `confirmations` counts the early attempts requested to confirm them.
    case odd(confirmations: Int)
  }

  /// A role whose latest failure was transient.
  private struct FailingRole {
    var lastFailure: Timestamp
    /// Whether another role had succeeded, with a call made after this failure, when this role made its next call.
    var isOvertaken = false
    /// Whether it failed again after another role had succeeded: the cause is this role's own.
    var isAlone = false
  }

  package init(queue: FetchQueue, clock: ServerClock) {
    self.queue = queue
    self.clock = clock
  }

  // MARK: - Effects

  /// Performs an effect that concerns the schedule; false for one that the driver has to perform. `isDerived` if the machine is that
  /// of a session that is derived from a role: its calls wait for those of all roles.
  package mutating func perform(_ effect: RefreshEffect, of slot: Int, isDerived: Bool = false) -> Bool {
    switch effect {
    case .fetch(let attempt):
      let urgency = isDerived ? attempt.urgency.ofDerived : urgency(of: attempt, slot)
      queue.enqueue(role: slot, attempt: attempt.id, urgency: urgency)
    case .arm(let instant): due.set(slot, to: instant)
    default: return false
    }
    return true
  }

  /// The attempt's urgency, or the lowest one for a role that fails while others succeed.
  private func urgency(of attempt: Attempt, _ slot: Int) -> FetchQueue.Urgency {
    guard case .retry = attempt.urgency, failing[slot]?.isAlone == true else { return attempt.urgency }
    return .spare
  }

  /// Forgets a removed role.
  package mutating func remove(_ slot: Int) {
    due.remove(slot)
    failing[slot] = nil
    queue.setAwaited(role: slot, false)
    queue.remove(role: slot)
  }

  /// Notes that readers wait for a role that has no session: it goes before others of its kind until it has one.
  package mutating func readersWait(for slot: Int) { queue.setAwaited(role: slot, true) }

  package mutating func setRate(_ rate: Double, burst: Int, at now: Timestamp) {
    queue.setRate(rate, burst: burst, at: now)
  }

  // MARK: - The next role and call

  /// Removes and returns a role that is due, for the driver to send it `timerFired`; nil if none is.
  package mutating func nextDue(at now: Timestamp) -> Int? { due.popDue(at: now) }

  /// Takes the attempt to make now out of the queue; nil if none waits, or none may start yet.
  package mutating func nextCall(at now: Timestamp) -> FetchQueue.Ticket? {
    guard let ticket = queue.next(at: now) else { return nil }
    if let role = failing[ticket.role], let lastSuccess, lastSuccess > role.lastFailure {
      failing[ticket.role]?.isOvertaken = true
    }
    return ticket
  }

  /// Sets whether calls for derived sessions have to wait, since as many are under way as may be.
  package mutating func setDerivedWait(_ waits: Bool) { queue.setDerivedWait(waits) }

  /// Sets whether a check of a session is ready and waits for its turn.
  package mutating func setCheckWaits(_ waits: Bool) { queue.setCheckWaits(waits) }

  /// Takes the tokens for the check that waits; false if it isn't its turn yet.
  package mutating func takeForCheck(at now: Timestamp) -> Bool { queue.takeForCheck(at: now) }

  /// A check was throttled.
  package mutating func checkThrottled(at now: Timestamp) { queue.checkThrottled(at: now) }

  /// When there will be something to do; nil if nothing is scheduled. `hasRoom` is whether another call may be started.
  package mutating func wakeUp(at now: Timestamp, hasRoom: Bool) -> Timestamp? {
    guard hasRoom, let chance = queue.nextChance(at: now) else { return due.first }
    return due.first.map { min($0, chance) } ?? chance
  }

  /// Since when a role has been due without being served; nil if none has.
  package func unservedSince(_ now: Timestamp) -> Timestamp? {
    guard let first = due.first, first < now else { return nil }
    return first
  }

  /// Whether attempts wait for their turn. Mutating, since a reader in another target would copy all of the schedule for it.
  package mutating func hasQueued() -> Bool { queue.count > 0 }

  /// Whether an attempt of the role waits for its turn.
  package func isQueued(_ slot: Int) -> Bool { queue.isWaiting(role: slot) }

  /// When the role's timer is due; nil if none is armed.
  package func instant(of slot: Int) -> Timestamp? { due[slot] }

  /// The earliest times at which the rate and the queue let the role's fetches start.
  package mutating func chances(of slot: Int, at now: Timestamp) -> FetchChances {
    FetchChances(
      queued: queue.earliestStart(of: slot, at: now), reservation: queue.reservationChance(of: slot, at: now))
  }

  /// The calls per second that are allowed at `now`.
  package mutating func currentRate(at now: Timestamp) -> Double { queue.currentRate(at: now) }

  // MARK: - The server's time

  /// How the `Date` of a successful answer was judged.
  package enum DateFinding: Hashable, Sendable {
    case agrees
    /// It agrees with the estimate, so the odd dates before it were wrong, and expiries computed from them are recomputed: every
    /// role gets `clockCorrected`.
    case refutes
    /// The estimate of the server's time has moved by `shift`: every role gets `clockCorrected`.
    case corrects(shift: Duration)
    /// It isn't accepted. `isNews` for the first such date in a row; `needsConfirmation`, by an early attempt, for up to three
    /// dates that may be right.
    case odd(isNews: Bool, needsConfirmation: Bool)
  }

  /// Judges the `Date` of the successful answer to a request sent at `sent`.
  package mutating func weigh(
    date: UTCTime, expiration: UTCTime, asked: Duration, sent: Timestamp
  ) -> DateFinding {
    switch clock.observeSuccess(date: date, expiration: expiration, asked: asked, sent: sent) {
    case .agreed:
      defer { dates = .none }
      if case .odd = dates { return .refutes }
      return .agrees
    case .adopted(let shift):
      dates = .none
      return .corrects(shift: shift)
    case .held: return oddDate(mayBeRight: true)
    case .implausible: return oddDate(mayBeRight: false)
    }
  }

  /// A date that may be right is to be confirmed by an early attempt, also after dates that were wrong; but only three times in a row,
  /// since every answer of a server may have a different one.
  private mutating func oddDate(mayBeRight: Bool) -> DateFinding {
    let confirmations: Int? = if case .odd(let count) = dates { count } else { nil }
    let needsConfirmation = mayBeRight && confirmations ?? 0 < Self.mostConfirmations
    dates = .odd(confirmations: (confirmations ?? 0) + (needsConfirmation ? 1 : 0))
    return .odd(isNews: confirmations == nil, needsConfirmation: needsConfirmation)
  }

  private static let mostConfirmations = 3
  /// The longest that one answer holds all roles, since it may be wrong, or come from one of several servers behind a name. The role
  /// that got it waits longer.
  private static let longestHold = Duration.minutes(1)

  /// Updates the schedule after a failure of the role in `slot`: throttling slows all calls down, a transient failure discards the
  /// burst, the date of a skew error is used tentatively. With the first two, `Retry-After` (RFC 9110, section 10.2.3) holds all
  /// roles, unless there is another region to ask; otherwise only this one. If nobody could sign, nothing was sent: the token is given back, and nothing else follows for
  /// other roles.
  package mutating func learn(
    from failure: Failure, of slot: Int, date: UTCTime?, sent: Timestamp, at now: Timestamp,
    using generator: inout some RandomNumberGenerator
  ) {
    if failure.isOfSource {
      queue.giveBack(at: now)
      if failure.kind == .transient { noteFailure(of: slot, at: now) }
      return
    }
    switch failure.kind {
    case .throttled:
      queue.throttled(at: now, using: &generator)
      hold(for: failure.notBefore, at: now, using: &generator)
    case .transient:
      queue.failed(at: now)
      noteFailure(of: slot, at: now)
      hold(for: failure.notBefore, at: now, using: &generator)
    case .permanent, .skew, .nonceUsed, .identityLapsed: break
    }
    clock.endTrial()
    if failure.kind == .skew, let date { clock.observeSkew(date: date, sent: sent) }
  }

  /// A call had its outcome without a request to STS: its token is given back, and it says nothing of STS.
  package mutating func learnNothing(at now: Timestamp) { queue.giveBack(at: now) }

  /// Notes that the call of the role in `slot` that was made at `sent` succeeded.
  package mutating func learnSuccess(of slot: Int, sent: Timestamp) {
    queue.bucket.succeeded(at: sent)
    queue.setAwaited(role: slot, false)
    lastSuccess = max(lastSuccess ?? sent, sent)
    failing[slot] = nil
    if let holdBegan, sent >= holdBegan { endHold() }
  }

  /// Ends the hold of all roles, and has failing regions asked again: endpoints or proxy changed, or an administrator requests a
  /// refresh. The hold also ends when STS has issued a session since.
  package mutating func release() {
    endHold()
    queue.bucket.forgetFailures()
  }

  private mutating func endHold() {
    holdBegan = nil
    queue.release()
  }

  private mutating func hold(
    for wait: Duration?, at now: Timestamp, using generator: inout some RandomNumberGenerator
  ) {
    guard let wait, wait > .zero, !queue.bucket.hasUsableRegion(at: now) else { return }
    holdBegan = now
    var hold = min(wait, Self.longestHold)
    // All hosts of a fleet were probably given the same time.
    if queue.bucket.isInFleet { hold += .random(in: .zero...max(hold / 10, .milliseconds(100)), using: &generator) }
    queue.hold(until: now + hold)
  }

  private mutating func noteFailure(of slot: Int, at now: Timestamp) {
    var role = failing[slot] ?? FailingRole(lastFailure: now)
    role.isAlone = role.isAlone || role.isOvertaken
    role.lastFailure = now
    role.isOvertaken = false
    failing[slot] = role
  }

  package mutating func wallClockStepped(toMicroseconds wall: Int64, at now: Timestamp) {
    clock.wallClockStepped(toMicroseconds: wall, at: now)
  }
}

extension FetchQueue.Urgency {
  /// What it is for a session that is derived from a role.
  fileprivate var ofDerived: Self {
    switch self {
    // Readers wait for it.
    case .first: .derived(order: .distantPast)
    case .due(let floorReached), .retry(let floorReached): .derived(order: floorReached)
    case .late, .spare: .derived(order: Timestamp(microseconds: .max))
    case .reservation, .derived: self
    }
  }
}
