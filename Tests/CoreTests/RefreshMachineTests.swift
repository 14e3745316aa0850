import Core
import Simulation
import TestSupport
import Testing

@Suite struct RefreshMachineTests {
  @Test func `the first attempt is made at once and its session is published as generation 1`() {
    var role = SimulatedRole()
    role.start()
    role.run(for: .seconds(1))
    #expect(role.attempts.count == 1)
    #expect(role.published?.generation == 1)
    #expect(role.machine.hasHadOutcome)
  }

  @Test func `the next instant is armed before an attempt is made`() throws {
    var generator = SeededGenerator(seed: 1)
    var machine = RefreshMachine(timing: RoleTiming(), at: Timestamp(microseconds: 0))
    let effects = machine.handle(.started, at: Timestamp(microseconds: 0), using: &generator)
    guard case .fetch(let attempt) = effects.first else { throw Missing(what: "a fetch") }
    let started = machine.handle(.attemptStarted(attempt.id), at: Timestamp(microseconds: 5), using: &generator)
    #expect(started == [.arm(Timestamp(microseconds: 5) + .seconds(15))])
  }

  @Test func `an attempt without an outcome counts as failed and is made again`() {
    var role = SimulatedRole()
    role.answer = { at, attempt in at == Timestamp(microseconds: 0) ? .never : .grants(attempt.duration) }
    role.start()
    role.run(for: .seconds(20))
    #expect(role.effects.contains { if case .abandon = $0 { true } else { false } })
    #expect(role.attempts.count == 2)
    #expect(role.published?.generation == 1)
  }

  @Test func `an outcome after the timeout is ignored and its secrets are dropped`() throws {
    var generator = SeededGenerator(seed: 1)
    let start = Timestamp(microseconds: 0)
    let clock = ServerClock(wallMicroseconds: 0, at: start)
    var machine = RefreshMachine(timing: RoleTiming(), at: start)
    let late = Session(
      id: SessionID(number: 7), accessKeyID: "STS.late", expiration: UTCTime(seconds: 3600),
      issued: UTCTime(seconds: 0), sent: start, asked: .hours(1), clock: clock)
    guard case .fetch(let attempt) = machine.handle(.started, at: start, using: &generator).first else {
      throw Missing(what: "a fetch")
    }
    _ = machine.handle(.attemptStarted(attempt.id), at: start, using: &generator)
    _ = machine.handle(.timerFired, at: start + .seconds(15), using: &generator)
    let effects = machine.handle(.succeeded(attempt.id, late), at: start + .seconds(16), using: &generator)
    #expect(effects.contains(.discard(late.id)))
    #expect(machine.freshest == nil)
  }

  /// A role that could no longer be assumed counted as ok until its last session lapsed.
  @Test func `a permanent failure is lasting at once, a transient one within the budget never`() {
    var role = SimulatedRole(RoleTiming(floor: .hours(2)))
    role.start()
    role.run(for: .seconds(1))
    func fails(_ failure: Failure) -> [Bool] {
      role.answer = { _, _ in .fails(failure) }
      role.send(.refreshRequested)
      // The outcome comes after 50 ms, and no transient failure is tried again within 100 ms.
      let seen = (0..<2).map { _ in
        role.run(for: .milliseconds(60))
        return role.machine.failsLastingly(at: role.now)
      }
      role.answer = { .grants($1.duration) }
      role.send(.refreshRequested)
      role.run(for: .seconds(1))
      #expect(!role.machine.failsLastingly(at: role.now), "after a success")
      return seen
    }
    #expect(fails(.forbidden) == [true, true])
    #expect(fails(.network) == [false, false], "even below the floor")
    #expect(fails(.busy) == [false, false])
    // Tried again at once with a renewed identity.
    #expect(fails(Failure(.identityLapsed, code: "InvalidSecurityToken.Expired", advice: "")) == [false, true])
  }

  @Test(arguments: [(Duration.minutes(20), Duration.seconds(2200)), (.hours(2), .seconds(2460))])
  func `an outage is lasting once it outlives the outage budget, or the floor is reached`(
    budget: Duration, lasting: Duration
  ) {
    var role = SimulatedRole(RoleTiming(surviveOutage: budget))
    role.answer = { at, attempt in at < Timestamp(microseconds: 1) ? .grants(attempt.duration) : .fails(.network) }
    role.start()
    role.run(for: .seconds(2000))
    #expect(role.machine.lastFailure != nil && !role.machine.failsLastingly(at: role.now))
    role.run(for: lasting - .seconds(2000))
    #expect(role.machine.failsLastingly(at: role.now))
    role.answer = { .grants($1.duration) }
    role.run(for: .seconds(70))
    #expect(!role.machine.failsLastingly(at: role.now))
  }

  /// With 12 s for each hour requested, a short session is no problem as long as the floor is kept.
  @Test(arguments: [
    (Duration.minutes(20), Duration.hours(1), false), (.minutes(20), .minutes(10), true),
    (.minutes(20), .minutes(27), true), (.minutes(20), .minutes(28), false), (.seconds(4), .seconds(12), false),
    (.zero, .minutes(10), false),
  ])
  func `a lifetime too short for the floor is detected as soon as it is granted`(
    floor: Duration, granted: Duration, isTooShort: Bool
  ) {
    var role = SimulatedRole(RoleTiming(floor: floor, lapseMargin: .seconds(1)))
    role.answer = { _, _ in .grants(granted) }
    role.start()
    role.run(for: .seconds(2))
    #expect((role.machine.sessionBelowFloor != nil) == isTooShort)
    role.answer = { _, _ in .fails(.network) }
    role.send(.refreshRequested)
    role.run(for: .milliseconds(60))
    #expect(role.machine.sessionBelowFloor == nil, "the failure is the trouble now")
    role.answer = { .grants($1.duration) }
    role.send(.refreshRequested)
    role.run(for: .seconds(1))
    #expect(role.machine.sessionBelowFloor == nil)
  }

  @Test func `the last good session serves through failures until it lapses and never after`() {
    var role = SimulatedRole()
    role.answer = { at, attempt in at < Timestamp(microseconds: 1) ? .grants(attempt.duration) : .fails(.network) }
    role.start()
    role.run(for: .seconds(3584))
    #expect(role.published?.generation == 1, "15 s before its end it still serves")
    role.run(for: .seconds(2))
    #expect(role.published == nil)
    #expect(role.reports.contains(.lapsed))
    #expect(role.live.isEmpty, "a lapsed session's secrets are dropped")
    role.answer = { .grants($1.duration) }
    role.run(for: .seconds(120))
    #expect(role.published?.generation == 2, "it comes back by itself")
  }

  @Test func `a pool of N holds N live sessions and replaces the oldest`() {
    var role = SimulatedRole(RoleTiming(pool: 3))
    role.start()
    role.run(for: .hours(3))
    #expect(role.machine.heldSessions.count == 3)
    #expect(role.live.count == 3)
  }

  @Test func `steps are spread by ten per cent around A over N`() {
    var role = SimulatedRole()
    role.start()
    role.run(for: .hours(1000))
    let gaps = zip(role.attempts.dropFirst(), role.attempts).map { ($0.at - $1.at).inSeconds - 0.05 }
    let (least, most) = (gaps.min() ?? 0, gaps.max() ?? 0)
    #expect(least >= 0.9 * 899 && least < 0.91 * 900, "least \(least) s")
    #expect(most <= 1.1 * 900 && most > 1.09 * 900, "most \(most) s")
  }

  @Test func `two roles with different seeds don't step together`() {
    var roles = [SimulatedRole(seed: 1), SimulatedRole(seed: 2)]
    for index in roles.indices {
      roles[index].start()
      roles[index].run(for: .hours(10))
    }
    #expect(roles[0].attempts.dropFirst().map(\.at) != roles[1].attempts.dropFirst().map(\.at))
  }

  @Test func `a shorter lifetime than requested shortens the steps in proportion and is reported once`() {
    var role = SimulatedRole(RoleTiming(floor: .seconds(2), surviveOutage: .zero, lapseMargin: .seconds(1)))
    role.answer = { _, _ in .grants(.seconds(12)) }
    role.start()
    role.run(for: .seconds(60))
    #expect(role.attempts.count > 18 && role.attempts.count < 26, "\(role.attempts.count) attempts in 60 s, A/N is 3 s")
    #expect(role.reports.filter { if case .grantedLess = $0 { true } else { false } }.count == 1)
    #expect(!role.reports.contains(.lapsed))
  }

  @Test func `a session that would lapse on arrival is a failure, not a credential`() {
    var role = SimulatedRole()
    role.answer = { _, _ in .grants(.seconds(10)) }
    role.start()
    role.run(for: .seconds(1))
    #expect(role.published == nil)
    #expect(role.machine.lastFailure?.code == "SessionTooShort")
    #expect(role.live.isEmpty)
  }

  @Test func `each fall below the floor is reported once`() {
    var role = SimulatedRole()
    role.answer = { at, attempt in at < Timestamp(microseconds: 1) ? .grants(attempt.duration) : .fails(.network) }
    role.start()
    role.run(for: .minutes(50))
    #expect(role.belowFloorReports == 1)
    role.answer = { .grants($1.duration) }
    role.run(for: .minutes(2))
    role.answer = { _, _ in .fails(.network) }
    role.run(for: .minutes(50))
    #expect(role.belowFloorReports == 2)
  }

  @Test func `a failure is reported at once, then every ten minutes, then its end`() {
    var role = SimulatedRole()
    role.answer = { _, _ in .fails(.forbidden) }
    role.start()
    role.run(for: .hours(1))
    let failing = role.reports.filter { if case .failing = $0 { true } else { false } }
    let summaries = role.reports.filter { if case .stillFailing = $0 { true } else { false } }
    #expect(failing.count == 1)
    #expect(summaries.count >= 3 && summaries.count <= 6, "\(summaries.count) summaries in an hour")
    role.answer = { .grants($1.duration) }
    role.run(for: .minutes(11))
    #expect(role.reports.contains { if case .recovered = $0 { true } else { false } })
  }

  @Test func `a change of the failure's code is reported`() {
    var role = SimulatedRole()
    role.answer = { at, _ in .fails(at < Timestamp(microseconds: 60_000_000) ? .network : .forbidden) }
    role.start()
    role.run(for: .minutes(5))
    let codes = role.reports.compactMap { if case .failing(let failure, _) = $0 { failure.code } else { nil } }
    #expect(codes == ["ConnectTimeout", "NoPermission"])
  }

  @Test func `a possible fix ends a long wait, but makes no healthy role ask again`() {
    var role = SimulatedRole()
    role.answer = { _, _ in .fails(.forbidden) }
    role.start()
    role.run(for: .seconds(1))
    role.answer = { .grants($1.duration) }
    role.send(.mayBeFixed)
    role.run(for: .seconds(1))
    #expect(role.published?.generation == 1)
    role.send(.mayBeFixed)
    role.run(for: .seconds(1))
    #expect(role.attempts.count == 2)
  }

  @Test func `an administrator's refresh makes one attempt, however often it is asked for`() {
    var role = SimulatedRole()
    role.start()
    role.run(for: .seconds(1))
    for _ in 1...5 { role.send(.refreshRequested) }
    role.run(for: .seconds(1))
    #expect(role.attempts.count == 2)
    #expect(role.published?.generation == 2)
  }

  @Test func `a corrected clock ends at once any session that has already lapsed`() {
    var role = SimulatedRole()
    role.start()
    role.run(for: .seconds(1))
    role.send(.clockCorrected(ServerClock(wallMicroseconds: 1_800_004_000_000_000, at: role.now)))
    #expect(role.published == nil)
  }

  @Test func `a role that a corrected clock leaves without a session fetches one at once`() {
    var role = SimulatedRole()
    role.start()
    role.run(for: .seconds(1))
    role.send(.clockCorrected(ServerClock(wallMicroseconds: 1_800_004_000_000_000, at: role.now)))
    role.run(for: .seconds(1))
    #expect(role.attempts.count == 2)
  }

  @Test func `a longer duration that comes while an attempt is under way leaves no gap`() {
    var role = SimulatedRole()
    role.latency = .seconds(5)
    role.start()
    role.run(for: .seconds(1))
    role.send(.timingChanged(RoleTiming(duration: .hours(12))))
    role.send(.requestChanged)
    role.run(for: .hours(2))
    #expect(!role.reports.contains(.lapsed))
    #expect(
      role.attempts.dropFirst().first?.attempt.duration == .hours(12), "the outdated attempt is followed by one more")
    #expect(role.belowFloorReports == 0)
  }

  enum Change: CaseIterable {
    case request, key
  }

  /// It waited for 30 s and more with a request that was no longer in force, and then made another, needless call.
  @Test(arguments: Change.allCases, [Failure.forbidden, .network, .busy])
  func `an attempt that fails after its request or key was replaced is made again at once, once`(
    _ change: Change, _ failure: Failure
  ) {
    var role = SimulatedRole()
    role.answer = { _, _ in .fails(failure) }
    role.start()
    role.send(change == .key ? .mayBeFixed : .requestChanged)
    role.answer = { .grants($1.duration) }
    role.run(for: .seconds(1))
    #expect(role.attempts.count == 2, "one at once, and no more")
    #expect(role.published?.generation == 1)
    #expect(!role.reports.contains { if case .failing = $0 { true } else { false } }, "its failure counted")
    role.run(for: .minutes(10))
    #expect(role.attempts.count == 2)
  }

  /// STS was asked again at once.
  @Test(
    arguments: Change.allCases,
    [
      Failure(.transient, code: "ServiceUnavailable", notBefore: .seconds(20), advice: ""),
      Failure(.throttled(wait: .seconds(20)), code: "Throttling.User", advice: ""),
    ])
  func `an attempt with an old request or key is made again after the wait that its answer requested`(
    _ change: Change, _ failure: Failure
  ) {
    var role = SimulatedRole()
    role.answer = { _, _ in .fails(failure) }
    role.start()
    role.send(change == .key ? .mayBeFixed : .requestChanged)
    role.answer = { .grants($1.duration) }
    role.run(for: .seconds(20))
    #expect(role.attempts.count == 1)
    role.run(for: .seconds(3))
    #expect(role.attempts.count == 2 && role.published?.generation == 1)
    #expect(!role.reports.contains { if case .failing = $0 { true } else { false } }, "its failure counted")
  }

  @Test func `a wait requested by one endpoint doesn't apply to the one that replaces it`() {
    var role = SimulatedRole()
    role.answer = { _, _ in
      .fails(Failure(.transient, code: "ServiceUnavailable", notBefore: .seconds(200), advice: ""))
    }
    role.start()
    role.run(for: .seconds(5))
    #expect(role.attempts.count == 1)
    role.answer = { .grants($1.duration) }
    role.send(.peerChanged)
    role.send(.mayBeFixed)
    role.run(for: .seconds(1))
    #expect(role.attempts.count == 2 && role.published?.generation == 1)
  }

  @Test func `a failure with the new key counts, too`() {
    var role = SimulatedRole()
    role.answer = { _, _ in .fails(.forbidden) }
    role.start()
    role.send(.mayBeFixed)
    role.run(for: .seconds(20))
    #expect(role.attempts.count == 2)
    #expect(role.machine.lastFailure == .forbidden)
  }

  @Test func `a call with an old key that times out is made again at once`() {
    var role = SimulatedRole()
    role.answer = { _, _ in .never }
    role.start()
    role.send(.mayBeFixed)
    role.answer = { .grants($1.duration) }
    role.run(for: .milliseconds(15_100))
    #expect(role.attempts.count == 2 && role.machine.lastFailure == nil)
  }

  @Test func `a session fetched with an old key is as good as any`() {
    var role = SimulatedRole()
    role.start()
    role.send(.mayBeFixed)
    role.run(for: .minutes(10))
    #expect(role.attempts.count == 1)
  }

  @Test(arguments: Change.allCases)
  func `a reservation that fails after its request or key was replaced is fetched again at once`(
    _ change: Change
  ) {
    var role = SimulatedRole(RoleTiming(maxDuration: .hours(12)))
    role.start()
    role.run(for: .seconds(1))
    role.latency = .seconds(2)
    role.answer = { _, _ in .fails(.forbidden) }
    role.send(.reservationRequested(.hours(5)))
    role.run(for: .seconds(1))
    role.answer = { .grants($1.duration) }
    role.send(change == .key ? .mayBeFixed : .requestChanged)
    role.run(for: .seconds(6))
    #expect(role.effects.contains { if case .offerReserved = $0 { true } else { false } })
    #expect(!role.reports.contains { if case .reservationFailed = $0 { true } else { false } })
  }

  @Test func `a role goes first until its first attempt has ended, then by when it reaches its floor`() throws {
    var role = SimulatedRole()
    role.answer = { _, _ in .fails(.network) }
    role.start()
    role.run(for: .seconds(3))
    #expect(role.attempts.map(\.attempt.urgency).prefix(2) == [.first, .late])
    role.answer = { .grants($1.duration) }
    role.run(for: .minutes(1))
    let floor = try #require(role.machine.freshest).expires - RoleTiming().floor
    role.answer = { _, attempt in .fails(attempt.purpose == .pool ? .network : .forbidden) }
    role.run(for: .minutes(18))
    let urgencies = role.attempts.map(\.attempt.urgency).drop { $0 != .due(floorReached: floor) }
    #expect(urgencies.count > 1 && urgencies.dropFirst().allSatisfy { $0 == .retry(floorReached: floor) })
    role.answer = { _, _ in .fails(.forbidden) }
    role.run(for: .minutes(5))
    #expect(role.attempts.last?.attempt.urgency == .spare, "a person has to help")
    role.send(.mayBeFixed)
    #expect(role.attempts.last?.attempt.urgency == .retry(floorReached: floor), "somebody may have helped")
  }

  @Test func `changed timing keeps the sessions and moves the next step`() {
    var role = SimulatedRole()
    role.start()
    role.run(for: .seconds(1))
    role.send(.timingChanged(RoleTiming(refreshAfter: .minutes(10))))
    #expect(role.published?.generation == 1)
    role.run(for: .minutes(6))
    #expect(role.published?.generation == 2)
  }

  @Test(arguments: 1...2) func `over a year with random failures the freshest is never older than 1.1 A over N`(
    _ seed: UInt64
  ) {
    let timing = RoleTiming()
    var chance = SeededGenerator(seed: seed &* 7919)
    var fails: [Bool] = []
    for _ in 0..<200_000 { fails.append(Double.random(in: 0...1, using: &chance) < 0.2) }
    var role = SimulatedRole(timing, seed: seed)
    let script = fails
    var made = 0
    role.answer = { _, attempt in
      made += 1
      return script[made % script.count] ? .fails(made % 3 == 0 ? .busy : .network) : .grants(attempt.duration)
    }
    role.start()
    var lastSuccess: Timestamp?
    var oldest = Duration.zero
    for _ in 0..<(365 * 24 * 4) {
      role.run(for: .minutes(15))
    }
    // The pool promises when it fetches: the first attempt after a success comes no later than 1.1·A/N after it.
    var previousFailed = true
    var index = 0
    for (at, _) in role.attempts {
      index += 1
      if !previousFailed, let lastSuccess { oldest = max(oldest, at - lastSuccess) }
      previousFailed = script[index % script.count]
      if !previousFailed { lastSuccess = at + role.latency }
    }
    let promise = timing.step * 11 / 10
    #expect(
      oldest <= promise, "seed \(seed): asked \(oldest.inSeconds) s after a success, promised \(promise.inSeconds) s")
    #expect(!role.reports.contains(.lapsed), "seed \(seed): a session lapsed although outages were short")
    #expect(role.belowFloorReports == 0, "seed \(seed): fell below the floor although outages were short")
    #expect(role.publications > 30_000)
  }
}

struct Missing: Error {
  let what: String
}

extension SimulatedRole {
  var belowFloorReports: Int { reports.filter { if case .belowFloor = $0 { true } else { false } }.count }
}
