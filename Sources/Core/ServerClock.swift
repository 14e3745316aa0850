/// An estimate of the server's time, from the `Date` of its answers.
///
/// Expiry is judged by the server's time, never by a host clock that may be wrong or stepped. Until an answer has a usable `Date`,
/// the host's wall clock is used instead. The estimate is an offset from CLOCK_BOOTTIME, so that stepping the wall clock changes
/// nothing once it comes from the server.
///
/// | answer over verified TLS | its `Date` counts |
/// |---|---|
/// | success, Expiration − Date more than 0 and at most DurationSeconds + 60 s, within 30 s of the estimate | at once |
/// | success, plausible, but more than 30 s off | once the next plausible success agrees; until then only to judge expiries earlier |
/// | InvalidTimeStamp.Expired | tentatively: signs one immediate retry, and is kept if the retry's answer agrees |
/// | anything else | never |
package struct ServerClock: Hashable, Sendable {
  /// Two dates that differ by no more than this agree.
  package static let agreement = Duration.seconds(30)
  /// How far the lifetime by Expiration and `Date` may exceed the requested one before the `Date` counts as implausible.
  package static let lifetimeSlack = Duration.seconds(60)

  /// How a `Date` was judged.
  package enum Verdict: Hashable, Sendable {
    case agreed
    /// It was accepted, and the offset moved by `shift`.
    case adopted(shift: Duration)
    /// More than 30 s off and not confirmed yet.
    case held(difference: Duration)
    /// Expiration − Date is impossible for the requested duration.
    case implausible
  }

  /// The server's UTC in microseconds when the boot clock read zero.
  private var offset: Int64
  /// The offset for displayed times: it follows `offset` only when they differ by more than `steadiness`.
  private var steadyOffset: Int64
  private static let steadiness: Int64 = 5_000_000
  private var isFromServer = false
  private var candidate: Int64?
  private var trial: Int64?

  /// Starts from the host's wall clock, `wallMicroseconds` since 1970, read at `instant`.
  package init(wallMicroseconds: Int64, at instant: Timestamp) {
    offset = wallMicroseconds - instant.microseconds
    steadyOffset = offset
  }

  /// The result of an estimate, without dates that no answer has confirmed. It is valid for the boot in which it was made.
  package struct Estimate: Hashable, Sendable {
    /// The server's UTC in microseconds when the boot clock read zero.
    package var offset: Int64
    /// The same for displayed times.
    package var steadyOffset: Int64
    /// Whether it comes from a server's answer, and not from the host's wall clock.
    package var isFromServer: Bool

    package init(offset: Int64, steadyOffset: Int64, isFromServer: Bool) {
      self.offset = offset
      self.steadyOffset = steadyOffset
      self.isFromServer = isFromServer
    }
  }

  package var estimate: Estimate {
    Estimate(offset: offset, steadyOffset: steadyOffset, isFromServer: isFromServer)
  }

  /// Continues an estimate that another process made in this boot.
  package init(_ estimate: Estimate) {
    offset = estimate.offset
    steadyOffset = estimate.steadyOffset
    isFromServer = estimate.isFromServer
  }

  /// Takes a stepped wall clock into account; no effect once the estimate comes from the server.
  package mutating func wallClockStepped(toMicroseconds wall: Int64, at instant: Timestamp) {
    if !isFromServer {
      offset = wall - instant.microseconds
      steadyOffset = offset
    }
  }

  /// Judges the `Date` of the successful answer to a request sent at `sent`.
  ///
  /// A `Date` is truncated to whole seconds, so the server's time was up to a second later, and it was stamped after `sent`.
  /// Both are counted so that a session's remaining lifetime is never overestimated.
  package mutating func observeSuccess(
    date: UTCTime, expiration: UTCTime, asked: Duration, sent: Timestamp
  ) -> Verdict {
    let life = Duration.seconds(expiration.seconds - date.seconds)
    guard life > .zero, life <= asked + Self.lifetimeSlack else { return .implausible }
    let seen = Self.offset(of: date, sent: sent)
    defer { trial = nil }
    if Self.agree(seen, offset) { return adopt(seen, verdict: .agreed) }
    let isConfirmed = [candidate, trial].contains { $0.map { Self.agree(seen, $0) } ?? false }
    let difference = Duration.microseconds(seen - offset)
    guard isConfirmed else {
      candidate = seen
      return .held(difference: difference)
    }
    return adopt(seen, verdict: .adopted(shift: difference))
  }

  /// Uses the `Date` of an InvalidTimeStamp.Expired answer tentatively, for the retry that follows.
  package mutating func observeSkew(date: UTCTime, sent: Timestamp) {
    trial = Self.offset(of: date, sent: sent)
  }

  /// Drops the tentative offset: another call has failed.
  package mutating func endTrial() { trial = nil }

  /// The server's time at `instant`, for a request's date, by the tentative offset if there is one.
  package func dateForSigning(at instant: Timestamp) -> UTCTime {
    UTCTime(seconds: (instant.microseconds + (trial ?? offset)).dividedDown(by: 1_000_000))
  }

  /// The server's time at `instant`, by the confirmed offset.
  package func now(at instant: Timestamp) -> UTCTime {
    UTCTime(seconds: (instant.microseconds + offset).dividedDown(by: 1_000_000))
  }

  /// The server's time at `instant`, or up to a second before: never later, as `now(at:)` may be, since a `Date` is truncated to whole
  /// seconds and counts as the end of its second. For a time of issue, which readers may not see in the future.
  package func noLater(than instant: Timestamp) -> UTCTime {
    let ahead: Int64 = isFromServer ? 1_000_000 : 0
    return UTCTime(seconds: (instant.microseconds + offset - ahead).dividedDown(by: 1_000_000))
  }

  /// `instant` in the server's time, for display. The estimate changes by parts of a second with each answer, which would make a time
  /// in the past jump back and forth; this follows only changes of more than 5 s.
  package func calendar(at instant: Timestamp) -> UTCTime {
    UTCTime(seconds: (instant.microseconds + steadyOffset).dividedDown(by: 1_000_000))
  }

  /// How far the server's clock is ahead of the host's, which reads `wallMicroseconds` since 1970 at `instant`; nil until the
  /// estimate comes from the server. Accurate to half a second, since a `Date` is truncated to whole ones.
  package func lead(overWallMicroseconds wallMicroseconds: Int64, at instant: Timestamp) -> Duration? {
    guard isFromServer else { return nil }
    return .span(microseconds: instant.microseconds + offset - 500_000 - wallMicroseconds)
  }

  /// The earliest instant at which the server's clock may read `time`, by the confirmed and the unconfirmed offsets: an unconfirmed
  /// date never makes a session expire later.
  package func instant(of time: UTCTime) -> Timestamp {
    let latestOffset = max(offset, candidate ?? offset, trial ?? offset)
    return Timestamp(microseconds: time.seconds * 1_000_000 - latestOffset)
  }

  private mutating func adopt(_ seen: Int64, verdict: Verdict) -> Verdict {
    offset = seen
    if abs(offset - steadyOffset) > Self.steadiness { steadyOffset = offset }
    isFromServer = true
    candidate = nil
    return verdict
  }

  private static func offset(of date: UTCTime, sent: Timestamp) -> Int64 {
    (date.seconds + 1) * 1_000_000 - sent.microseconds
  }

  private static func agree(_ one: Int64, _ other: Int64) -> Bool {
    abs(one - other) <= agreement.microseconds
  }
}

extension Int64 {
  fileprivate func dividedDown(by divisor: Int64) -> Int64 {
    let quotient = self / divisor
    return self % divisor < 0 ? quotient - 1 : quotient
  }
}
