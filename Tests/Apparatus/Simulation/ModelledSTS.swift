import Core
import TestSupport

/// STS as the hosts see it: it takes its time, keeps to the account's limit, fails as the scenario says, and has the true time.
struct ModelledSTS {
  enum Outcome {
    case granted(expiration: UTCTime, date: UTCTime)
    case refused(Trouble, date: UTCTime?)
  }

  struct Answer {
    let at: Timestamp
    let outcome: Outcome
  }

  /// The server's calendar when the virtual clock reads zero.
  static let epoch: Int64 = 1_800_000_000
  /// How far a request's date may be off (reference: InvalidTimeStamp.Expired, 15 min).
  private static let skewLimit: Int64 = 900
  static let timeout = Duration.seconds(10)

  private let scenario: Scenario
  private let limit: Double
  private var allowance: Double
  private var updated = Timestamp(microseconds: 0)

  init(_ scenario: Scenario) {
    self.scenario = scenario
    limit = scenario.accountLimit * scenario.share
    allowance = max(1, limit)
  }

  /// The true instant at which the server's calendar reads `time`.
  static func instant(of time: UTCTime) -> Timestamp { Timestamp(microseconds: (time.seconds - epoch) * 1_000_000) }

  static func time(at instant: Timestamp) -> UTCTime { UTCTime(seconds: epoch + instant.microseconds / 1_000_000) }

  /// What comes of a call that is made now, for the role of this number, signed with `date`.
  mutating func answer(
    role: Int, duration: Duration, date: UTCTime, at now: Timestamp, using chance: inout SeededGenerator
  ) -> Answer {
    if let outage = scenario.outages.first(where: { $0.start <= now && now < $0.end }) {
      return failure(of: outage, at: now, using: &chance)
    }
    if chance.happens(scenario.lostCalls) {
      return Answer(at: now + .minutes(2), outcome: .refused(.timedOut, date: nil))
    }
    if chance.happens(scenario.blips) { return refusal(.cut, at: now, using: &chance) }
    guard admits(at: now) else { return refusal(.throttled, at: now, using: &chance) }
    let server = Self.time(at: now)
    if abs(date.seconds - server.seconds) > Self.skewLimit { return refusal(.skewed, at: now, using: &chance) }
    if let ban = scenario.bans.first(where: { $0.role == role && $0.start <= now && now < $0.end }) {
      return refusal(ban.trouble, at: now, using: &chance)
    }
    return grant(duration, at: now, using: &chance)
  }

  private func grant(_ duration: Duration, at now: Timestamp, using chance: inout SeededGenerator) -> Answer {
    let latency = Self.latency(using: &chance)
    let stamped = Self.time(at: now + .microseconds(latency.microseconds / 2))
    let life = chance.happens(scenario.shortGrants) ? duration / 2 : duration
    let shift =
      chance.happens(scenario.oddDates) ? chance.duration(.seconds(-86_400)...(.seconds(86_400))).wholeSeconds : 0
    return Answer(
      at: now + latency,
      outcome: .granted(
        expiration: UTCTime(seconds: stamped.seconds + life.microseconds / 1_000_000),
        date: UTCTime(seconds: stamped.seconds + shift)))
  }

  private func failure(of outage: Outage, at now: Timestamp, using chance: inout SeededGenerator) -> Answer {
    switch outage.kind {
    case .refused: Answer(at: now + .milliseconds(2), outcome: .refused(.refused, date: nil))
    case .silent: Answer(at: now + Self.timeout, outcome: .refused(.timedOut, date: nil))
    case .serverError: refusal(.internalError, at: now, using: &chance)
    case .throttled: refusal(.throttled, at: now, using: &chance)
    case .throttledAsTold: refusal(.throttledAsTold, at: now, using: &chance)
    }
  }

  private func refusal(_ trouble: Trouble, at now: Timestamp, using chance: inout SeededGenerator) -> Answer {
    Answer(at: now + Self.latency(using: &chance), outcome: .refused(trouble, date: Self.time(at: now)))
  }

  /// Half of the answers take 40 ms or less, one in ten more than 120 ms, one in a hundred a second, the longest 5 s.
  private static func latency(using chance: inout SeededGenerator) -> Duration {
    let share = chance.fraction()
    return .microseconds(30_000 + Int64(10_000 * share / (1.002 - share)))
  }

  /// The account's limit, with a second's worth at once.
  private mutating func admits(at now: Timestamp) -> Bool {
    allowance = min(max(1, limit), allowance + Double(now.microseconds - updated.microseconds) / 1_000_000 * limit)
    updated = now
    guard allowance >= 1 else { return false }
    allowance -= 1
    return true
  }
}

/// Why the modelled STS refuses a call: a byte, since a call under way is copied very often.
enum Trouble: UInt8 {
  case refused, timedOut, cut, internalError, throttled, throttledAsTold, skewed, forbidden

  /// What the daemon's error table would make of it.
  var failure: Failure {
    switch self {
    case .refused: Failure(.transient, code: "ConnectRefused", advice: "")
    case .timedOut: Failure(.transient, code: "Timeout", advice: "")
    case .cut: Failure(.transient, code: "AnswerCut", advice: "")
    case .internalError: Failure(.transient, code: "InternalError", httpStatus: 500, advice: "")
    case .throttled: Failure(.throttled(wait: nil), code: "Throttling.User", httpStatus: 400, advice: "")
    case .throttledAsTold:
      Failure(.throttled(wait: .seconds(3)), code: "Throttling.User", httpStatus: 400, advice: "")
    case .skewed: Failure(.skew, code: "InvalidTimeStamp.Expired", httpStatus: 400, advice: "")
    case .forbidden: Failure(.permanent, code: "NoPermission", httpStatus: 403, advice: "")
    }
  }
}
