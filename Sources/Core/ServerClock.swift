/// The server's time, as far as its answers let us know it.
///
/// Expiry is judged by the server's time, never by a host clock that may be wrong or stepped. Until an answer has named it,
/// the host's wall clock stands in. It is kept as an offset from CLOCK_BOOTTIME, so that stepping the wall clock changes nothing
/// once the server has been heard.
///
/// | answer over verified TLS | its `Date` counts |
/// |---|---|
/// | success, Expiration − Date within 0…DurationSeconds + 60 s, within 30 s of what we hold | at once |
/// | success, plausible, but more than 30 s off | when the next success says the same |
/// | InvalidTimeStamp.Expired | on trial: signs one immediate retry, kept if a success confirms it |
/// | anything else | never |
package struct ServerClock: Hashable, Sendable {
  /// Two dates that differ by no more than this agree.
  package static let agreement = Duration.seconds(30)
  /// How far an Expiration may lie beyond what was asked before its answer's Date is taken for wrong.
  package static let lifetimeSlack = Duration.seconds(60)

  /// What became of a `Date`.
  package enum Verdict: Hashable, Sendable {
    case agreed
    /// The offset moved by so much.
    case adopted(shift: Duration)
    /// More than 30 s off and not confirmed yet.
    case held(difference: Duration)
    /// Expiration − Date is impossible for what was asked.
    case implausible
  }

  /// The server's UTC in microseconds when the boot clock read zero.
  private var offset: Int64
  /// The offset of what is shown: `offset` as it was when the two last differed by more than `steadiness`.
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

  /// Takes a stepped wall clock into account; without effect once the server's own time is known.
  package mutating func wallClockStepped(toMicroseconds wall: Int64, at instant: Timestamp) {
    if !isFromServer {
      offset = wall - instant.microseconds
      steadyOffset = offset
    }
  }

  /// Weighs the `Date` of a successful answer that was asked for at `sent`.
  ///
  /// A `Date` is cut off to whole seconds, so the server's time was up to a second later, and it was stamped after `sent`.
  /// Both count against the session: its life is never taken for longer than it is.
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

  /// Takes the `Date` of an InvalidTimeStamp.Expired answer on trial, for the retry that follows.
  package mutating func observeSkew(date: UTCTime, sent: Timestamp) {
    trial = Self.offset(of: date, sent: sent)
  }

  /// Drops the offset on trial: the retry it was for failed too.
  package mutating func endTrial() { trial = nil }

  /// The server's time at `instant`, for a request's date; the offset on trial counts.
  package func dateForSigning(at instant: Timestamp) -> UTCTime {
    UTCTime(seconds: (instant.microseconds + (trial ?? offset)).dividedDown(by: 1_000_000))
  }

  /// The server's time at `instant` by what is confirmed.
  package func now(at instant: Timestamp) -> UTCTime {
    UTCTime(seconds: (instant.microseconds + offset).dividedDown(by: 1_000_000))
  }

  /// When `instant` was by the server's calendar, for people and graphs: the same at each look. What is known of the server's time changes by
  /// parts of a second with each answer, which would let a time in the past jump to and fro; this follows what is more.
  package func calendar(at instant: Timestamp) -> UTCTime {
    UTCTime(seconds: (instant.microseconds + steadyOffset).dividedDown(by: 1_000_000))
  }

  /// How far the server's clock is ahead of the host's, which reads `wallMicroseconds` since 1970 at `instant`; nil until the
  /// server's time is known. Right to half a second, since a `Date` is cut off to whole ones.
  package func lead(overWallMicroseconds wallMicroseconds: Int64, at instant: Timestamp) -> Duration? {
    guard isFromServer else { return nil }
    return .span(microseconds: instant.microseconds + offset - 500_000 - wallMicroseconds)
  }

  /// The instant at which the server's clock reads `time`; the earliest of those held possible, so that a session never
  /// counts as live because of a date that waits for its confirmation.
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
