/// The number of a session's secrets in the daemon's store; never used twice in a process.
package struct SessionID: Hashable, Sendable {
  package let number: UInt64

  package init(number: UInt64) { self.number = number }
}

/// One AssumeRole result as Core knows it: its AccessKey id and times. Its secrets stay in the daemon's store.
package struct Session: Hashable, Sendable {
  package let id: SessionID
  package let accessKeyID: String
  /// When it expires, in the server's time.
  package let expiration: UTCTime
  /// When it was issued, in the server's time.
  package let issued: UTCTime
  /// When its request was sent; it was issued after that.
  package let sent: Timestamp
  /// The DurationSeconds that was requested.
  @Microseconds package private(set) var asked: Duration
  /// When it expires, on the boot clock: never later than `sent` plus the requested duration.
  package private(set) var expires: Timestamp

  package init(
    id: SessionID, accessKeyID: String, expiration: UTCTime, issued: UTCTime, sent: Timestamp, asked: Duration,
    clock: ServerClock
  ) {
    self.init(
      id: id, accessKeyID: accessKeyID, expiration: expiration, issued: issued, sent: sent, asked: asked,
      expires: min(clock.instant(of: expiration), sent + asked))
  }

  /// The same, for a session of an earlier process in this boot, which computed `expires`.
  package init(
    id: SessionID, accessKeyID: String, expiration: UTCTime, issued: UTCTime, sent: Timestamp, asked: Duration,
    expires: Timestamp
  ) {
    self.id = id
    self.accessKeyID = accessKeyID
    self.expiration = expiration
    self.issued = issued
    self.sent = sent
    self.asked = asked
    self.expires = expires
  }

  /// The lifetime that was granted, from the sending of the request.
  package var granted: Duration { expires - sent }

  /// Lets it expire before `instant`, unless it does already.
  mutating func end(before instant: Timestamp) { expires = min(expires, instant - .microseconds(1)) }

  /// Computes `expires` again from a corrected clock.
  package mutating func judge(by clock: ServerClock) {
    expires = min(clock.instant(of: expiration), sent + asked)
  }
}
