/// The number of one attempt of a role; an outcome that carries another number than the one awaited is stale.
package struct AttemptID: Hashable, Sendable {
  package let number: UInt64

  package init(number: UInt64) { self.number = number }
}

/// One AssumeRole call that a role asks for.
package struct Attempt: Hashable, Sendable {
  package enum Purpose: Hashable, Sendable {
    /// The next session of the ring.
    case ring
    /// A longer session that a reader asked for.
    case reservation
  }

  package let id: AttemptID
  package let purpose: Purpose
  /// The DurationSeconds to ask for.
  package let duration: Duration
  package let urgency: FetchQueue.Urgency
}

/// What happens to a role.
package enum RefreshEvent: Sendable {
  /// The role exists from now on.
  case started
  /// The instant named by the last `arm` has come, or a look at the state is due for another reason.
  case timerFired
  /// The queue let the attempt go; the call is made right after this event's effects.
  case attemptStarted(AttemptID)
  case succeeded(AttemptID, Session)
  case failed(AttemptID, Failure)
  /// An administrator requests a new session now.
  case refreshRequested
  /// What is asked of STS is another thing from now on: an attempt under way counts for nothing if it fails, and is followed by
  /// another one at once in any case.
  case requestChanged
  /// What made the role fail may be fixed: the settings were reloaded, or the AccessKey is another one. A role that fails tries
  /// at once, and so does one whose attempt under way still fails.
  case cureSuspected
  /// STS is asked by another way from now on: what was asked for on the old one, such as to wait, doesn't count.
  case peerChanged
  /// The server's time is known better, or the wall clock was stepped before it was known at all.
  case clockCorrected(ServerClock)
  case timingChanged(RoleTiming)
  /// A reader needs a session longer than the ring has; see `RefreshMachine.offer(to:at:)`.
  case reservationRequested(Duration)
  /// The cloud no longer knows this session: it is dropped and never handed out again, and a new one is due at once. Without
  /// effect for a session that isn't held.
  case condemned(SessionID)
}

/// What the driver has to do for a role, in this order. Whoever learns of it (a reader that waits, say) may send the role another
/// event at once: it learns of it after the last effect, since an `arm` and a `fetch` hold until the next one of the role.
package enum RefreshEffect: Hashable, Sendable {
  /// Queue this attempt, in place of any that waits for this role.
  case fetch(Attempt)
  /// Stop the call of this attempt; its outcome would be ignored.
  case abandon(AttemptID)
  /// Let `timerFired` come at this instant instead of the one armed before.
  case arm(Timestamp)
  /// Store this session's secrets: it is held from now on, until its `discard`. Comes right after `succeeded`, once for each
  /// session, unless that session is discarded at once.
  case hold(Session)
  /// Hand out this session from now on: any of those held, not only the one that has just come.
  case publish(Session, generation: UInt64)
  /// Hand out nothing more: the last session has lapsed or was condemned.
  case withdraw
  /// A reserved session is there for those who wait for one.
  case offerReserved(Session)
  /// Renew the identity that signs before the next attempt.
  case renewSource
  /// Wipe this session's secrets: it is held no longer, or never was. Comes once for each session.
  case discard(SessionID)
  /// Log it.
  case report(RefreshReport)
}

/// What is logged of a role; repeats are summed up before they get here.
///
/// What is rare and large is on the heap: each effect has room for the largest, and is moved several times.
package enum RefreshReport: Hashable, Sendable {
  case refreshed(Session, generation: UInt64)
  case reserved(Session)
  /// Said once, until as much as asked is granted again.
  case grantedLess(asked: Duration, granted: Duration)
  /// The first failure in a row, or one with another code than the last.
  indirect case failing(Failure, next: Timestamp)
  /// A summary every ten minutes.
  indirect case stillFailing(Failure, failures: Int, since: Timestamp, next: Timestamp)
  /// The first success after failures; `isFirst` is whether the role has never had one before.
  case recovered(failures: Int, since: Timestamp, isFirst: Bool)
  /// The pool has no session any more, and plain reads get the reserved one until it has.
  case reservationServes(Session, generation: UInt64)
  indirect case reservationFailed(Failure)
  /// Readers now get less than the floor.
  case belowFloor(remaining: Duration)
  case lapsed
  /// The cloud no longer knows this session, which is held no longer.
  indirect case condemned(Session, Replacement)

  /// What readers get instead of a condemned session.
  package enum Replacement: Hashable, Sendable {
    /// A standby of the pool, published in the same turn.
    case standby(Session, generation: UInt64)
    /// Nothing until a new session is there.
    case nothing
    /// What they got before: another session was handed out.
    case notNeeded
  }
}
