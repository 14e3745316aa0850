import Core
import Simulation
import TestSupport
import Testing

/// A machine that resumes with the sessions of an earlier process.
@Suite struct ResumptionTests {
  private static let now = Timestamp(microseconds: 10_000_000_000)

  private func session(_ id: UInt64, age: Duration, life: Duration = .hours(1)) -> Session {
    let sent = Self.now - age
    return Session(
      id: SessionID(number: id), accessKeyID: "STS.\(id)", expiration: UTCTime(seconds: 1_800_000_000),
      issued: UTCTime(seconds: 1_799_990_000), sent: sent, asked: life, expires: sent + life)
  }

  private func resume(
    _ held: HeldSessions, timing: RoleTiming = RoleTiming(), generation: UInt64 = 7
  ) -> (machine: RefreshMachine, effects: [RefreshEffect]) {
    var machine = RefreshMachine(timing: timing, generation: generation, at: Self.now)
    var generator = SeededGenerator(seed: 1)
    let effects = machine.handle(.resumed(held), at: Self.now, using: &generator)
    return (machine, effects)
  }

  private func published(_ effects: [RefreshEffect]) -> [UInt64: UInt64] {
    effects.reduce(into: [:]) { all, effect in
      if case .publish(let session, let generation) = effect { all[session.id.number] = generation }
    }
  }

  private func discarded(_ effects: [RefreshEffect]) -> [UInt64] {
    effects.compactMap { if case .discard(let id) = $0 { id.number } else { nil } }
  }

  private func fetches(_ effects: [RefreshEffect]) -> Int {
    effects.count { if case .fetch = $0 { true } else { false } }
  }

  @Test func `the session in use keeps its generation, and the next step comes when due`() throws {
    let pool = [session(1, age: .minutes(20)), session(2, age: .minutes(5))]
    let (machine, effects) = resume(HeldSessions(pool: pool, published: pool[1].id))
    #expect(published(effects) == [2: 7] && machine.generation == 7 && machine.publishedID == pool[1].id)
    #expect(discarded(effects).isEmpty && fetches(effects) == 0 && machine.hasHadOutcome)
    #expect(machine.heldSessions == pool.map(\.id))
    // A/N is 15 min, ±10 %.
    let step = machine.nextAttempt - pool[1].sent
    #expect(step >= .seconds(810) && step <= .seconds(990))
    #expect(machine.armed == machine.nextAttempt)
  }

  /// The earlier process had judged them by a clock that was corrected in between.
  @Test func `of two sessions that expire within a second the one in use stays`() {
    let pool = [session(1, age: .milliseconds(900)), session(2, age: .milliseconds(300))]
    for (published, number) in [(pool[0].id, UInt64(1)), (pool[1].id, 2)] {
      let (machine, effects) = resume(HeldSessions(pool: pool, published: published))
      #expect(self.published(effects) == [number: 7] && machine.publishedID == published)
    }
    let apart = [session(1, age: .milliseconds(1300)), session(2, age: .milliseconds(300))]
    #expect(published(resume(HeldSessions(pool: apart, published: apart[0].id)).effects) == [2: 8])
  }

  @Test func `a step that fell due meanwhile is made at once`() {
    let only = session(1, age: .minutes(30))
    let (machine, effects) = resume(HeldSessions(pool: [only], published: only.id))
    #expect(published(effects) == [1: 7] && fetches(effects) == 1 && machine.nextAttempt == Self.now)
  }

  @Test func `if the session in use has ended, its standby gets the next generation`() {
    let pool = [session(1, age: .hours(1)), session(2, age: .minutes(5))]
    let (machine, effects) = resume(HeldSessions(pool: pool, published: pool[0].id))
    #expect(published(effects) == [2: 8] && discarded(effects) == [1] && machine.generation == 8)
  }

  @Test func `if the generation is in doubt, the session in use gets the next one`() {
    let only = session(1, age: .minutes(5))
    #expect(published(resume(HeldSessions(pool: [only])).effects) == [1: 8])
  }

  @Test func `without any valid session it starts as a new role does`() {
    let ended = session(1, age: .hours(1))
    for held in [HeldSessions(), HeldSessions(pool: [ended], published: ended.id)] {
      let (machine, effects) = resume(held)
      #expect(published(effects).isEmpty && fetches(effects) == 1 && !machine.hasHadOutcome)
      #expect(machine.attempt?.urgency == .first && machine.generation == 7)
    }
  }

  @Test func `a smaller pool keeps the newest sessions`() {
    let pool = [session(1, age: .minutes(20)), session(2, age: .minutes(12)), session(3, age: .minutes(5))]
    let (machine, effects) = resume(HeldSessions(pool: pool, published: pool[2].id), timing: RoleTiming(pool: 2))
    #expect(discarded(effects) == [1] && machine.heldSessions == [pool[1].id, pool[2].id])
  }

  @Test func `a reserved session is kept beside the pool, and is handed out while the pool is empty`() {
    let reserved = session(9, age: .minutes(20), life: .hours(12))
    let pool = [session(1, age: .minutes(5))]
    let (beside, effects) = resume(HeldSessions(pool: pool, reserved: reserved, published: pool[0].id))
    #expect(published(effects) == [1: 7] && beside.reserved == reserved && fetches(effects) == 0)
    let (alone, others) = resume(HeldSessions(reserved: reserved, published: reserved.id))
    #expect(published(others) == [9: 7] && alone.handsOutReservation && fetches(others) == 1)
  }
}
