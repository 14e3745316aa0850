package import CloudAPI
package import Core
package import Settings

/// What a session is drawn for and by which server time it is signed.
package struct DrawOrder {
  package let role: RoleSettings
  /// The session's number in its ring, for `{slot}` in the session name.
  package let slot: Int
  /// The DurationSeconds to ask for.
  package let duration: Duration
  package let date: UTCTime
}

/// What came of a draw.
package struct DrawOutcome {
  package let result: STSAnswer<AssumedSession>
  /// The `Date` of the answer; nil when there was none, or it had none that reads.
  package let date: UTCTime?
  /// When the request was sent.
  package let sent: Timestamp

  package init(result: STSAnswer<AssumedSession>, date: UTCTime?, sent: Timestamp) {
    self.result = result
    self.date = date
    self.sent = sent
  }
}

/// Draws sessions from the cloud, several at a time, without ever blocking.
package protocol SessionDrawing: AnyObject {
  /// Whether another draw may be started.
  var hasRoom: Bool { get }

  /// Starts a draw; `completion` is called later, once, from the loop, unless it is cancelled before.
  func draw(_ order: DrawOrder, completion: @escaping (DrawOutcome) -> Void) -> DrawID

  func cancel(_ draw: DrawID)

  /// Says whether more draws wait for room, so that what only many at a time need can be let go of.
  func moreWait(_ areWaiting: Bool)

  /// Looks again for the identity that signs, since STS said that it doesn't know it.
  func renewIdentity(of role: RoleSettings)
}

package struct DrawID: Hashable {
  package let number: UInt64

  package init(number: UInt64) { self.number = number }
}
