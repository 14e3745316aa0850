import Testing

@testable import Core

@Suite struct HostScheduleTests {
  private static let wall: Int64 = 1_800_000_000
  private static let start = Timestamp(microseconds: 1_000_000)

  private static func schedule() -> HostSchedule {
    HostSchedule(
      queue: FetchQueue(rate: 100, burst: 100, at: start),
      clock: ServerClock(wallMicroseconds: wall * 1_000_000, at: start))
  }

  /// What a good answer's date, so many seconds off, is good for; `life` is what its Expiration says.
  private static func weigh(_ schedule: inout HostSchedule, _ off: Int64, life: Int64 = 3600)
    -> HostSchedule.DateFinding
  {
    schedule.weigh(
      date: UTCTime(seconds: wall + off), expiration: UTCTime(seconds: wall + off + life), asked: .hours(1), sent: start
    )
  }

  // MARK: - Dates

  @Test func `a date that may be right is to be confirmed by an early second answer`() {
    var schedule = Self.schedule()
    #expect(Self.weigh(&schedule, 0) == .agrees)
    #expect(Self.weigh(&schedule, 900) == .odd(isNews: true, wantsConfirmation: true))
    #expect(Self.weigh(&schedule, 901) == .corrects(shift: .seconds(901)))
  }

  /// The one that came first took the news, and with it the early answer.
  @Test func `a clock that shifts after an impossible date is confirmed early all the same`() {
    var schedule = Self.schedule()
    #expect(Self.weigh(&schedule, 0, life: 90_000) == .odd(isNews: true, wantsConfirmation: false))
    #expect(Self.weigh(&schedule, 900) == .odd(isNews: false, wantsConfirmation: true))
    #expect(Self.weigh(&schedule, 900) == .corrects(shift: .seconds(901)))
  }

  @Test func `so is one that shifts after another odd date, or after both`() {
    var schedule = Self.schedule()
    #expect(Self.weigh(&schedule, -5000) == .odd(isNews: true, wantsConfirmation: true))
    #expect(Self.weigh(&schedule, 0, life: -1) == .odd(isNews: false, wantsConfirmation: false))
    #expect(Self.weigh(&schedule, 900) == .odd(isNews: false, wantsConfirmation: true))
    #expect(Self.weigh(&schedule, 900) == .corrects(shift: .seconds(901)))
  }

  @Test func `a server that says something else each time is asked early a few times only`() {
    var schedule = Self.schedule()
    var early = 0
    for round in 1...20 as ClosedRange<Int64> {
      if case .odd(_, true) = Self.weigh(&schedule, round * 1000) { early += 1 }
    }
    #expect(early == 3)
    #expect(Self.weigh(&schedule, 0) == .refutes)
    #expect(Self.weigh(&schedule, 0) == .agrees)
    #expect(Self.weigh(&schedule, 900) == .odd(isNews: true, wantsConfirmation: true))
  }

  // MARK: - Roles that fail while others get through

  private static let network = Failure(.transient, code: "InternalError", httpStatus: 500, advice: "")

  /// One call of a role: queued and let go at `seconds`.
  private static func call(_ schedule: inout HostSchedule, _ slot: Int, at seconds: Int64) -> FetchQueue.Urgency? {
    let now = start + .seconds(seconds)
    let attempt = Attempt(
      id: AttemptID(number: 1), purpose: .pool, duration: .hours(1),
      urgency: .retry(floorReached: start + .hours(1)))
    _ = schedule.perform(.fetch(attempt), of: slot)
    return schedule.nextCall(at: now)?.urgency
  }

  private static func fail(_ schedule: inout HostSchedule, _ slot: Int, sent: Int64, at seconds: Int64) {
    schedule.learn(
      from: network, of: slot, date: nil, sent: start + .seconds(sent), at: start + .seconds(seconds))
  }

  @Test func `a role that fails while others get through has to be content with what they leave`() {
    var schedule = Self.schedule()
    Self.fail(&schedule, 1, sent: 0, at: 1)
    schedule.learnSuccess(of: 2, sent: Self.start + .seconds(2))
    #expect(Self.call(&schedule, 1, at: 10) != .spare, "it may be over by now")
    Self.fail(&schedule, 1, sent: 10, at: 11)
    #expect(Self.call(&schedule, 1, at: 20) == .spare)
    schedule.learnSuccess(of: 1, sent: Self.start + .seconds(20))
    #expect(Self.call(&schedule, 1, at: 30) != .spare)
  }

  @Test func `calls that were on their way as an outage began or ended blame nobody`() {
    var schedule = Self.schedule()
    // Made before the outage, answered in it.
    Self.fail(&schedule, 1, sent: 0, at: 1)
    schedule.learnSuccess(of: 2, sent: Self.start)
    #expect(Self.call(&schedule, 1, at: 10) != .spare)
    // Another one's call is made after its end, and answered before this one has failed.
    schedule.learnSuccess(of: 2, sent: Self.start + .seconds(12))
    Self.fail(&schedule, 1, sent: 10, at: 20)
    #expect(Self.call(&schedule, 1, at: 30) != .spare)
  }

  // MARK: - Retry-After

  private static func hold(
    _ schedule: inout HostSchedule, for seconds: Int64, _ kind: Failure.Kind = .transient, at instant: Int64 = 0
  ) {
    let failure = Failure(
      kind, code: "ServiceUnavailable", httpStatus: 503, notBefore: .seconds(seconds), advice: "")
    let now = start + .seconds(instant)
    schedule.learn(from: failure, of: 0, date: nil, sent: now, at: now)
  }

  /// A session granted after the request to wait, and one granted before.
  @Test(arguments: [(2, true), (0, false)])
  func `a session that STS grants ends the wait of all`(_ sent: Int64, _ ends: Bool) {
    var schedule = Self.schedule()
    Self.hold(&schedule, for: 50, at: 1)
    #expect(Self.call(&schedule, 1, at: 3) == nil)
    schedule.learnSuccess(of: 2, sent: Self.start + .seconds(sent))
    #expect((Self.call(&schedule, 1, at: 4) != nil) == ends)
  }

  @Test(arguments: [Failure.Kind.permanent, .identityLapsed])
  func `a wait that is asked for with a refusal of one role's request is that role's`(_ kind: Failure.Kind) {
    var schedule = Self.schedule()
    Self.hold(&schedule, for: 50, kind)
    #expect(Self.call(&schedule, 1, at: 1) != nil)
  }

  @Test(arguments: [(20, 20), (86_400, 60), (-5, 0)])
  func `what one role is asked to wait all wait, at most a minute`(_ asked: Int64, _ held: Int64) {
    var schedule = Self.schedule()
    Self.hold(&schedule, for: asked)
    if held > 0 { #expect(Self.call(&schedule, 1, at: held - 1) == nil) }
    #expect(Self.call(&schedule, 1, at: held) != nil)
  }
}
