/// The number of one attempt of a role; an outcome with any other number than that of the call under way is stale.
package struct AttemptID: Hashable, Sendable {
  package let number: UInt64

  package init(number: UInt64) { self.number = number }
}

/// One AssumeRole call that a role requests.
package struct Attempt: Hashable, Sendable {
  package enum Purpose: Hashable, Sendable {
    /// The pool's next session.
    case pool
    /// A longer session that a reader requested.
    case reservation
  }

  package let id: AttemptID
  package let purpose: Purpose
  /// The DurationSeconds to request.
  package let duration: Duration
  package let urgency: FetchQueue.Urgency

  package init(id: AttemptID, purpose: Purpose, duration: Duration, urgency: FetchQueue.Urgency) {
    self.id = id
    self.purpose = purpose
    self.duration = duration
    self.urgency = urgency
  }
}

/// What happens to a role.
package enum RefreshEvent: Sendable {
  /// The role has been added.
  case started
  /// The role has been added, in place of `started`, with sessions that an earlier process held.
  indirect case resumed(HeldSessions)
  /// The instant of the last `arm` has come, or the state is to be evaluated again for another reason.
  case timerFired
  /// The queue has started the attempt; the call is made right after this event's effects.
  case attemptStarted(AttemptID)
  case succeeded(AttemptID, Session)
  case failed(AttemptID, Failure)
  /// The attempt showed that the session held is still the latest there is: a tier decides when there is another one.
  case unchanged(AttemptID)
  /// Whoever hands sessions out is asked again by then: unless the role fails, its next attempt is at this instant.
  case scheduled(Timestamp)
  /// A new session is requested now: by an administrator, after a jump of the wall clock, or to confirm the date of an answer.
  case refreshRequested
  /// The request to STS has changed. A failure of the call under way is ignored. Another attempt follows in any case, at once or after
  /// a wait that STS requested.
  case requestChanged
  /// The cause of failures may be fixed: the settings were reloaded, the AccessKey changed, or STS accepts it again. A failing role
  /// tries again, and so does one whose call under way fails: at once or after a wait that STS requested.
  case mayBeFixed
  /// Endpoints or proxy have changed: a wait that was requested before no longer applies, and a failure of the call under way is
  /// ignored.
  case peerChanged
  /// The estimate of the server's time may have changed: an answer corrected it, or the wall clock was stepped.
  case clockCorrected(ServerClock)
  case timingChanged(RoleTiming)
  /// A reader needs a session that expires later than those held: fetch one of this DurationSeconds; see `RefreshMachine.offer`.
  case reservationRequested(Duration)
  /// STS no longer accepts this session: it is dropped and never handed out again. If it was in the pool, a new one is due at once, or
  /// after a wait that STS requested; if it was reserved, another may be requested at once. No effect if it isn't held.
  case condemned(SessionID)
}

/// What the driver has to do for a role, in this order. Others (a waiting reader, say) are notified only after the last effect,
/// since they may send the role another event at once, whose `arm` and `fetch` replace these.
package enum RefreshEffect: Hashable, Sendable {
  /// Queue this attempt, in place of one that the role has queued.
  case fetch(Attempt)
  /// Stop the call of this attempt; its outcome would be ignored.
  case abandon(AttemptID)
  /// Set the role's timer, which sends `timerFired`, to this instant instead of the one armed before.
  case arm(Timestamp)
  /// Keep this session's secrets: it is held from now on, until its `discard`. Follows from `succeeded` or `resumed`, once for each session,
  /// unless that session is discarded at once.
  case hold(Session)
  /// Hand out this session from now on; it may be any of those held, not only the newest.
  case publish(Session, generation: UInt64)
  /// Hand out nothing: the last session has lapsed or was condemned.
  case withdraw
  /// A reserved session has arrived: notify the readers that wait for one.
  case offerReserved(Session)
  /// Before the next attempt, renew the identity that signs.
  case renewSource
  /// Wipe this session's secrets: it is no longer held, or never was. Comes once for each session.
  case discard(SessionID)
  /// Log it.
  case report(RefreshReport)
}

/// A log report about a role; repeated failures are already summed up.
///
/// Rare, large cases are `indirect`: every effect is as large as the largest case, and is moved several times.
package enum RefreshReport: Hashable, Sendable {
  case refreshed(Session, generation: UInt64)
  case reserved(Session)
  /// Reported once, until STS grants the full duration again.
  case grantedLess(asked: Duration, granted: Duration)
  /// The first failure in a row, or one with another code than the last one reported.
  indirect case failing(Failure, next: Timestamp)
  /// A summary, at most every ten minutes.
  indirect case stillFailing(Failure, failures: Int, since: Timestamp, next: Timestamp)
  /// The first success after failures; `isFirst` if the role has never had a success before.
  case recovered(failures: Int, since: Timestamp, isFirst: Bool)
  /// The pool is empty: until it has a session again, plain reads get the reserved one.
  case reservationServes(Session, generation: UInt64)
  indirect case reservationFailed(Failure)
  /// Readers now get less than the floor.
  case belowFloor(remaining: Duration)
  case lapsed
  /// STS no longer accepts this session, which has been dropped.
  indirect case condemned(Session, Replacement)

  /// What readers get instead of a condemned session.
  package enum Replacement: Hashable, Sendable {
    /// Another held session, of the pool or reserved, published by the same event.
    case standby(Session, generation: UInt64)
    /// Nothing, until a new session arrives.
    case nothing
    /// Nothing changes for them: the condemned session wasn't the one handed out.
    case notNeeded
  }
}
