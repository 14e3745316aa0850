/// What the roles of one host share: who is looked at when, who may call STS next, and what time it is there.
///
/// Without a clock or a socket, like the machines: a driver performs their effects, those on the schedule here, asks who is next,
/// makes the calls, and tells what came of them. Roles are known by their slot, a small number that is used again.
package struct HostSchedule: Sendable {
  package private(set) var clock: ServerClock
  package private(set) var queue: FetchQueue
  private var due = Agenda()
  private var saidClockOdd = false

  package init(queue: FetchQueue, clock: ServerClock) {
    self.queue = queue
    self.clock = clock
  }

  // MARK: - Effects

  /// Performs an effect that concerns the schedule; false for those that are the driver's.
  package mutating func perform(_ effect: RefreshEffect, of slot: Int) -> Bool {
    switch effect {
    case .fetch(let attempt): queue.enqueue(role: slot, attempt: attempt.id, urgency: attempt.urgency)
    case .arm(let instant): due.set(slot, to: instant)
    default: return false
    }
    return true
  }

  /// Forgets a role that is kept no longer.
  package mutating func remove(_ slot: Int) {
    due.remove(slot)
    queue.remove(role: slot)
  }

  package mutating func setRate(_ rate: Double, burst: Int, at now: Timestamp) {
    queue.setRate(rate, burst: burst, at: now)
  }

  // MARK: - Who is next

  /// Takes out a role whose instant has come: it gets `timerFired`.
  package mutating func nextDue(at now: Timestamp) -> Int? { due.popDue(at: now) }

  /// Takes out the attempt to be made now; nil when none waits or no token is there.
  package mutating func nextCall(at now: Timestamp) -> FetchQueue.Ticket? { queue.next(at: now) }

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

  /// The calls per second that are allowed at `now`.
  package mutating func currentRate(at now: Timestamp) -> Double { queue.currentRate(at: now) }

  // MARK: - The server's time

  /// What a successful answer's date is good for.
  package enum DateFinding: Hashable, Sendable {
    case agrees
    /// Everything is judged by another time from now on: every role gets `clockCorrected`.
    case corrects(shift: Duration)
    /// It isn't believed. Only the first in a row is news, and wants to be confirmed or not by another answer, soon.
    case odd(isNews: Bool, wantsConfirmation: Bool)
  }

  /// Weighs the `Date` of a successful answer to what was sent at `sent`.
  package mutating func weigh(
    date: UTCTime, expiration: UTCTime, asked: Duration, sent: Timestamp
  ) -> DateFinding {
    let wasOdd = saidClockOdd
    let verdict = clock.observeSuccess(date: date, expiration: expiration, asked: asked, sent: sent)
    switch verdict {
    case .agreed, .adopted: saidClockOdd = false
    case .held, .implausible: saidClockOdd = true
    }
    return switch verdict {
    case .agreed: .agrees
    case .adopted(let shift): .corrects(shift: shift)
    case .held: .odd(isNews: !wasOdd, wantsConfirmation: !wasOdd)
    case .implausible: .odd(isNews: !wasOdd, wantsConfirmation: false)
    }
  }

  /// Learns from a refusal: a throttle slows the calls down, trouble takes their burst, a refused date is put on trial.
  package mutating func learn(from failure: Failure, date: UTCTime?, sent: Timestamp, at now: Timestamp) {
    switch failure.kind {
    case .throttled: queue.throttled(at: now)
    case .transient: queue.failed(at: now)
    case .permanent, .skew, .nonceUsed, .identityLapsed: break
    }
    clock.endTrial()
    if failure.kind == .skew, let date { clock.observeSkew(date: date, sent: sent) }
  }

  package mutating func wallClockStepped(toMicroseconds wall: Int64, at now: Timestamp) {
    clock.wallClockStepped(toMicroseconds: wall, at: now)
  }
}
