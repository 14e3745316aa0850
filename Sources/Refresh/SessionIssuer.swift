package import CloudAPI
package import Core
package import Settings

/// One session to be issued: for which role and how long, and by which server time the request is signed.
package struct SessionRequest {
  package let role: RoleSettings
  /// The session's number in its pool, for `{slot}` in the session name.
  package let slot: Int
  /// The DurationSeconds to ask for.
  package let duration: Duration
  package let date: UTCTime
  /// The user to send as SourceIdentity; nil for none.
  package var sourceIdentity: String? = nil
  /// Whether it is for readers who ask for a longer one than the pool's.
  package var isReservation = false

  package init(
    role: RoleSettings, slot: Int, duration: Duration, date: UTCTime, sourceIdentity: String? = nil,
    isReservation: Bool = false
  ) {
    self.role = role
    self.slot = slot
    self.duration = duration
    self.date = date
    self.sourceIdentity = sourceIdentity
    self.isReservation = isReservation
  }
}

/// What came of a request for a session.
package struct IssueOutcome {
  /// What a tier adds to an outcome.
  package struct FromTier {
    /// How long the session lived when `sent` was; nil without one.
    package let life: Duration?
    /// Whether the session that is held is the latest: `result` doesn't count then.
    package let isUnchanged: Bool

    package init(life: Duration? = nil, isUnchanged: Bool = false) {
      (self.life, self.isUnchanged) = (life, isUnchanged)
    }
  }

  package let result: STSAnswer<AssumedSession>
  /// The `Date` of the answer; nil when there was none, or it had none that reads.
  package let date: UTCTime?
  /// When the request was sent.
  package let sent: Timestamp
  /// Whether an HTTP answer is the reason.
  package let isAnswer: Bool
  /// Nil if STS was asked, or would have been.
  package var fromTier: FromTier?
  /// The DurationSeconds that was requested, if it isn't the attempt's.
  package var asked: Duration?
  /// When the next attempt is worth while; nil to leave that to the role's timing.
  package var next: Timestamp?

  package init(result: STSAnswer<AssumedSession>, date: UTCTime?, sent: Timestamp, isAnswer: Bool = false) {
    self.result = result
    self.date = date
    self.sent = sent
    self.isAnswer = isAnswer
  }
}

/// Has the cloud issue sessions, several at a time, without ever blocking.
package protocol SessionIssuer: AnyObject {
  /// Whether another request may be started.
  var hasRoom: Bool { get }

  /// Starts a request; `completion` is called later, once, from the loop, unless it is cancelled before.
  func issue(_ request: SessionRequest, completion: @escaping (IssueOutcome) -> Void) -> CallID

  func cancel(_ call: CallID)

  /// Says whether more requests wait for room, so that what only many at a time need can be let go of.
  func moreWait(_ areWaiting: Bool)

  /// Looks again for the identity that signs, since STS said that it doesn't know it.
  func renewIdentity(of role: RoleSettings)

  /// An administrator requests a session of the role now: what is held by whoever hands it out may be old.
  func askAgain(for role: RoleSettings)
}

extension SessionIssuer {
  /// Only who holds answers needs this.
  package func askAgain(for role: RoleSettings) {}
}

package struct CallID: Hashable {
  package let number: UInt64

  package init(number: UInt64) { self.number = number }
}
