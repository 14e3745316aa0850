import Core
import TestSupport
import Testing

/// A role whose sessions come from a tier: attempts may show that there is no other session yet.
@Suite struct TierRoleMachineTests {
  private var generator = SeededGenerator(seed: 1)
  private let start = Timestamp(microseconds: 0)
  private var machine = RefreshMachine(
    timing: RoleTiming(duration: .hours(12), pool: 1, refreshAfter: .minutes(10)), at: Timestamp(microseconds: 0))

  private mutating func send(_ event: RefreshEvent, at now: Timestamp) -> [RefreshEffect] {
    machine.handle(event, at: now, using: &generator)
  }

  /// The attempt that is queued, started.
  private mutating func begin(_ effects: [RefreshEffect], at now: Timestamp) throws -> AttemptID {
    let attempt = try #require(
      effects.lazy.compactMap { if case .fetch(let attempt) = $0 { attempt } else { nil } }.first)
    _ = send(.attemptStarted(attempt.id), at: now)
    return attempt.id
  }

  private mutating func publish() throws {
    let id = try begin(send(.started, at: start), at: start)
    let session = Session(
      id: SessionID(number: 1), accessKeyID: "STS.a", expiration: UTCTime(seconds: 3000), issued: UTCTime(seconds: 0),
      sent: start, asked: .seconds(3000), clock: ServerClock(wallMicroseconds: 0, at: start))
    _ = send(.succeeded(id, session), at: start)
    #expect(machine.generation == 1)
  }

  @Test mutating func `the same session again is a success, and no rotation`() throws {
    try publish()
    let now = start + .seconds(100)
    let id = try begin(send(.refreshRequested, at: now), at: now)
    let effects = send(.unchanged(id), at: now)
    #expect(!effects.contains { if case .publish = $0 { true } else { false } })
    #expect(machine.generation == 1 && machine.lastSuccess == now && machine.nextAttempt == now + .minutes(10))
  }

  @Test mutating func `the same session after failures ends them`() throws {
    try publish()
    let now = start + .seconds(100)
    let failed = try begin(send(.refreshRequested, at: now), at: now)
    _ = send(.failed(failed, Failure(.transient, code: "Connect", advice: "look")), at: now)
    let id = try begin(send(.mayBeFixed, at: now), at: now)
    let effects = send(.unchanged(id), at: now)
    #expect(machine.lastFailure == nil)
    #expect(effects.contains { if case .report(.recovered) = $0 { true } else { false } })
  }

  @Test mutating func `the next attempt is when the tier has been asked, unless the role fails`() throws {
    try publish()
    let next = start + .seconds(42)
    let effects = send(.scheduled(next), at: start)
    #expect(machine.nextAttempt == next && effects == [.arm(next)])
    let id = try begin(send(.timerFired, at: next), at: next)
    _ = send(.failed(id, Failure(.transient, code: "Connect", advice: "look")), at: next)
    let retry = machine.nextAttempt
    _ = send(.scheduled(next + .hours(1)), at: next)
    #expect(machine.nextAttempt == retry)
  }

  @Test mutating func `an outcome of an attempt that isn't under way doesn't count`() throws {
    try publish()
    let before = machine.nextAttempt
    _ = send(.unchanged(AttemptID(number: 99)), at: start + .seconds(5))
    #expect(machine.nextAttempt == before && machine.lastSuccess == start)
  }
}
