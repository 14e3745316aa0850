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

  /// Judges the date of a successful answer that is `off` seconds off; `life` is the lifetime by its Expiration.
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
    #expect(Self.weigh(&schedule, 900) == .odd(isNews: true, needsConfirmation: true))
    #expect(Self.weigh(&schedule, 901) == .corrects(shift: .seconds(901)))
  }

  /// The first odd date counted as news, and used up the early answer.
  @Test func `a clock that shifts after an impossible date is confirmed early all the same`() {
    var schedule = Self.schedule()
    #expect(Self.weigh(&schedule, 0, life: 90_000) == .odd(isNews: true, needsConfirmation: false))
    #expect(Self.weigh(&schedule, 900) == .odd(isNews: false, needsConfirmation: true))
    #expect(Self.weigh(&schedule, 900) == .corrects(shift: .seconds(901)))
  }

  @Test func `a clock that shifts after another odd date, or after both, is confirmed early, too`() {
    var schedule = Self.schedule()
    #expect(Self.weigh(&schedule, -5000) == .odd(isNews: true, needsConfirmation: true))
    #expect(Self.weigh(&schedule, 0, life: -1) == .odd(isNews: false, needsConfirmation: false))
    #expect(Self.weigh(&schedule, 900) == .odd(isNews: false, needsConfirmation: true))
    #expect(Self.weigh(&schedule, 900) == .corrects(shift: .seconds(901)))
  }

  @Test func `a server whose dates differ each time is asked early only a few times`() {
    var schedule = Self.schedule()
    var early = 0
    for round in 1...20 as ClosedRange<Int64> {
      if case .odd(_, true) = Self.weigh(&schedule, round * 1000) { early += 1 }
    }
    #expect(early == 3)
    #expect(Self.weigh(&schedule, 0) == .refutes)
    #expect(Self.weigh(&schedule, 0) == .agrees)
    #expect(Self.weigh(&schedule, 900) == .odd(isNews: true, needsConfirmation: true))
  }

  // MARK: - Roles that fail while others succeed

  private static let network = Failure(.transient, code: "InternalError", httpStatus: 500, advice: "")

  /// One call of a role: queued and started at `seconds`.
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

  /// A source that was down took the rate and the burst of the healthy ones.
  @Test(arguments: [Failure.sourceNotReadyCode, Failure.noAccessKeyCode, Failure.identityTokenFileCode])
  func `an attempt that nobody could sign costs the other roles nothing`(_ code: String) {
    var schedule = HostSchedule(
      queue: FetchQueue(rate: 1, burst: 3, at: Self.start),
      clock: ServerClock(wallMicroseconds: Self.wall * 1_000_000, at: Self.start))
    for attempt in 1...30 {
      #expect(Self.call(&schedule, 1, at: 0) != nil, "attempt \(attempt)")
      schedule.learn(
        from: Failure(.transient, code: code, advice: "x"), of: 1, date: nil, sent: Self.start, at: Self.start)
    }
    for slot in 2...4 { #expect(Self.call(&schedule, slot, at: 0) != nil) }
    #expect(Self.call(&schedule, 5, at: 0) == nil, "the burst is spent")
  }

  @Test func `a role that fails while others succeed gets only spare calls`() {
    var schedule = Self.schedule()
    Self.fail(&schedule, 1, sent: 0, at: 1)
    schedule.learnSuccess(of: 2, sent: Self.start + .seconds(2))
    #expect(Self.call(&schedule, 1, at: 10) != .spare, "it may be over by now")
    Self.fail(&schedule, 1, sent: 10, at: 11)
    #expect(Self.call(&schedule, 1, at: 20) == .spare)
    schedule.learnSuccess(of: 1, sent: Self.start + .seconds(20))
    #expect(Self.call(&schedule, 1, at: 30) != .spare)
  }

  @Test func `calls under way when an outage begins or ends single out no role`() {
    var schedule = Self.schedule()
    // Made before the outage, answered in it.
    Self.fail(&schedule, 1, sent: 0, at: 1)
    schedule.learnSuccess(of: 2, sent: Self.start)
    #expect(Self.call(&schedule, 1, at: 10) != .spare)
    // The other role's call is made after the outage ended, and answered before this one has failed.
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

  /// Sessions granted after and before the request to wait.
  @Test(arguments: [(2, true), (0, false)])
  func `a session that STS grants ends the wait of all roles`(_ sent: Int64, _ ends: Bool) {
    var schedule = Self.schedule()
    Self.hold(&schedule, for: 50, at: 1)
    #expect(Self.call(&schedule, 1, at: 3) == nil)
    schedule.learnSuccess(of: 2, sent: Self.start + .seconds(sent))
    #expect((Self.call(&schedule, 1, at: 4) != nil) == ends)
  }

  @Test(arguments: [Failure.Kind.permanent, .identityLapsed])
  func `a wait requested in a refusal of one role's request applies to that role only`(_ kind: Failure.Kind) {
    var schedule = Self.schedule()
    Self.hold(&schedule, for: 50, kind)
    #expect(Self.call(&schedule, 1, at: 1) != nil)
  }

  @Test(arguments: [(20, 20), (86_400, 60), (-5, 0)])
  func `a wait requested from one role holds all roles, for at most a minute`(_ asked: Int64, _ held: Int64) {
    var schedule = Self.schedule()
    Self.hold(&schedule, for: asked)
    if held > 0 { #expect(Self.call(&schedule, 1, at: held - 1) == nil) }
    #expect(Self.call(&schedule, 1, at: held) != nil)
  }
}
