/// What the roles of one host share: who is looked at when, who may call STS next, and what time it is there.
///
/// Without a clock or a socket, like the machines: a driver performs their effects, those on the schedule here, asks who is next,
/// makes the calls, and reports what came of them. Roles are known by their slot, a small number that is used again.
package struct HostSchedule: Sendable {
  package private(set) var clock: ServerClock
  package private(set) var queue: FetchQueue
  private var due = Agenda()
  private var dates = DateTrouble.none
  /// When the call was made that was the latest to succeed.
  private var lastSuccess: Timestamp?
  private var failing: [Int: FailingRole] = [:]
  /// When all roles were asked to wait, as far as nothing has ended that.
  private var holdBegan: Timestamp?

  /// What answers' dates have been like lately.
  private enum DateTrouble {
    case none
    /// The latest ones were not believed; as many of them in a row, as there was a chance that they were right, were to be
    /// confirmed by another answer soon.
    case odd(confirmations: Int)
  }

  /// A role whose latest call failed on the way or by the server's own trouble.
  private struct FailingRole {
    var lastFailure: Timestamp
    /// Whether another role has got through since then, by a call made after it.
    var isOvertaken = false
    /// Whether a call of it failed that was made after another role had got through: the trouble is its own.
    var isAlone = false
  }

  package init(queue: FetchQueue, clock: ServerClock) {
    self.queue = queue
    self.clock = clock
  }

  // MARK: - Effects

  /// Performs an effect that concerns the schedule; false for those that are the driver's.
  package mutating func perform(_ effect: RefreshEffect, of slot: Int) -> Bool {
    switch effect {
    case .fetch(let attempt):
      queue.enqueue(role: slot, attempt: attempt.id, urgency: urgency(of: attempt, slot))
    case .arm(let instant): due.set(slot, to: instant)
    default: return false
    }
    return true
  }

  /// A role that fails while others get through has to be content with what they leave.
  private func urgency(of attempt: Attempt, _ slot: Int) -> FetchQueue.Urgency {
    guard case .retry = attempt.urgency, failing[slot]?.isAlone == true else { return attempt.urgency }
    return .spare
  }

  /// Forgets a role that is kept no longer.
  package mutating func remove(_ slot: Int) {
    due.remove(slot)
    failing[slot] = nil
    queue.remove(role: slot)
  }

  package mutating func setRate(_ rate: Double, burst: Int, at now: Timestamp) {
    queue.setRate(rate, burst: burst, at: now)
  }

  // MARK: - Who is next

  /// Takes out a role whose instant has come: it gets `timerFired`.
  package mutating func nextDue(at now: Timestamp) -> Int? { due.popDue(at: now) }

  /// Takes out the attempt to be made now; nil when none waits or no token is there.
  package mutating func nextCall(at now: Timestamp) -> FetchQueue.Ticket? {
    guard let ticket = queue.next(at: now) else { return nil }
    if let role = failing[ticket.role], let lastSuccess, lastSuccess > role.lastFailure {
      failing[ticket.role]?.isOvertaken = true
    }
    return ticket
  }

  /// Says whether a check of a session waits that could be made at once, but for its turn.
  package mutating func setCheckWaits(_ waits: Bool) { queue.setCheckWaits(waits) }

  /// Takes the tokens for the check that waits; false when it isn't its turn.
  package mutating func takeForCheck(at now: Timestamp) -> Bool { queue.takeForCheck(at: now) }

  /// A check was throttled.
  package mutating func checkThrottled(at now: Timestamp) { queue.checkThrottled(at: now) }

  /// When there will be something to do; nil when there won't. `hasRoom` is whether another call may be under way.
  package mutating func wakeUp(at now: Timestamp, hasRoom: Bool) -> Timestamp? {
    guard hasRoom, let chance = queue.nextChance(at: now) else { return due.first }
    return due.first.map { min($0, chance) } ?? chance
  }

  /// The instant that is most overdue although nothing is under way for it; nil when none is.
  package func unservedSince(_ now: Timestamp) -> Timestamp? {
    guard let first = due.first, first < now else { return nil }
    return first
  }

  /// Whether an attempt of the role waits for its turn.
  package func isQueued(_ slot: Int) -> Bool { queue.isWaiting(role: slot) }

  /// When the role is looked at next; nil when nothing is armed.
  package func instant(of slot: Int) -> Timestamp? { due[slot] }

  /// When the rate and the queue let the role's fetches go at the earliest.
  package mutating func chances(of slot: Int, at now: Timestamp) -> FetchChances {
    FetchChances(
      queued: queue.earliestStart(of: slot, at: now), reservation: queue.reservationChance(of: slot, at: now))
  }

  /// The calls per second that are allowed at `now`.
  package mutating func currentRate(at now: Timestamp) -> Double { queue.currentRate(at: now) }

  // MARK: - The server's time

  /// What a successful answer's date is good for.
  package enum DateFinding: Hashable, Sendable {
    case agrees
    /// It agrees, and an odd one before it was wrong: sessions that were judged by that are judged again. Every role gets
    /// `clockCorrected`.
    case refutes
    /// Everything is judged by another time from now on: every role gets `clockCorrected`.
    case corrects(shift: Duration)
    /// It isn't believed. Only the first in a row is news, and is to be confirmed by another answer soon.
    case odd(isNews: Bool, wantsConfirmation: Bool)
  }

  /// Weighs the `Date` of a successful answer to what was sent at `sent`.
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

  /// A date that may be right is to be confirmed, also when others before it were wrong; a server whose every answer says
  /// something else is asked early only so often.
  private mutating func oddDate(mayBeRight: Bool) -> DateFinding {
    let confirmations: Int? = if case .odd(let count) = dates { count } else { nil }
    let wantsConfirmation = mayBeRight && confirmations ?? 0 < Self.mostConfirmations
    dates = .odd(confirmations: (confirmations ?? 0) + (wantsConfirmation ? 1 : 0))
    return .odd(isNews: confirmations == nil, wantsConfirmation: wantsConfirmation)
  }

  private static let mostConfirmations = 3
  /// A peer that says "in a day", or one of several behind a name, doesn't let a host run dry: the roles that it answered wait longer,
  /// each for itself.
  private static let longestHold = Duration.minutes(1)

  /// Learns from a refusal of the role in `slot`: a throttle slows the calls down, trouble takes their burst, a refused date is
  /// put on trial. What a peer that is overloaded or down asks for in `Retry-After` (RFC 9110, section 10.2.3) it asks of all; what it says
  /// of one role's request, of that role.
  package mutating func learn(from failure: Failure, of slot: Int, date: UTCTime?, sent: Timestamp, at now: Timestamp) {
    switch failure.kind {
    case .throttled:
      queue.throttled(at: now)
      hold(for: failure.notBefore, at: now)
    case .transient:
      queue.failed(at: now)
      noteTrouble(of: slot, at: now)
      hold(for: failure.notBefore, at: now)
    case .permanent, .skew, .nonceUsed, .identityLapsed: break
    }
    clock.endTrial()
    if failure.kind == .skew, let date { clock.observeSkew(date: date, sent: sent) }
  }

  /// Learns that the call of the role in `slot` that was made at `sent` succeeded.
  package mutating func learnSuccess(of slot: Int, sent: Timestamp) {
    lastSuccess = max(lastSuccess ?? sent, sent)
    failing[slot] = nil
    if let holdBegan, sent >= holdBegan { release() }
  }

  /// Nobody waits any more for what the peer asked of all: it is another one, it has granted a session since, or an administrator asks.
  package mutating func release() {
    holdBegan = nil
    queue.release()
  }

  private mutating func hold(for wait: Duration?, at now: Timestamp) {
    guard let wait, wait > .zero else { return }
    holdBegan = now
    queue.hold(until: now + min(wait, Self.longestHold))
  }

  private mutating func noteTrouble(of slot: Int, at now: Timestamp) {
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
