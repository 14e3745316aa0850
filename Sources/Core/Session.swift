/// The number by which a session's secrets are found in the daemon's store; never used twice in a process.
package struct SessionID: Hashable, Sendable {
  package let number: UInt64

  package init(number: UInt64) { self.number = number }
}

/// One AssumeRole result as Core knows it: its name and times. Its secrets stay in the daemon's store.
package struct Session: Hashable, Sendable {
  package let id: SessionID
  package let accessKeyID: String
  /// When it ends, by the server's calendar.
  package let expiration: UTCTime
  /// When it was issued, by the server's calendar.
  package let issued: UTCTime
  /// When the request for it was sent: no session is older than that.
  package let sent: Timestamp
  /// The DurationSeconds that was asked for.
  @Microseconds package private(set) var asked: Duration
  /// When it ends, on our clock: never later than `sent` plus what was asked.
  package private(set) var expires: Timestamp

  package init(
    id: SessionID, accessKeyID: String, expiration: UTCTime, issued: UTCTime, sent: Timestamp, asked: Duration,
    clock: ServerClock
  ) {
    self.id = id
    self.accessKeyID = accessKeyID
    self.expiration = expiration
    self.issued = issued
    self.sent = sent
    self.asked = asked
    expires = min(clock.instant(of: expiration), sent + asked)
  }

  /// The life that was granted, counted from the request.
  package var granted: Duration { expires - sent }

  /// Judges its end again by a corrected clock.
  package mutating func judge(by clock: ServerClock) {
    expires = min(clock.instant(of: expiration), sent + asked)
  }
}
