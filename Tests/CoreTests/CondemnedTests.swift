import Core
import Testing

/// Sessions that STS no longer accepts.
@Suite struct CondemnedTests {
  private static func running(pool: Int) -> SimulatedRole {
    var role = SimulatedRole(RoleTiming(maxDuration: .hours(12), pool: pool))
    role.start()
    role.run(for: .hours(1))
    return role
  }

  @Test func `a condemned session's standby is published by the same event with a higher generation`() throws {
    var role = Self.running(pool: 2)
    let before = try #require(role.published)
    let standby = try #require(role.machine.heldSessions.first { $0 != before.session.id })
    role.answer = { _, _ in .fails(.network) }
    let fetches = role.attempts.count
    role.send(.condemned(before.session.id))
    #expect(role.published?.session.id == standby)
    #expect(role.published?.generation == before.generation + 1)
    #expect(role.machine.heldSessions == [standby] && role.live == [standby])
    #expect(role.attempts.count == fetches + 1, "a new session is fetched at once")
    role.run(for: .minutes(10))
    #expect(role.published?.session.id == standby, "it serves while STS is down")
  }

  @Test func `without a standby a condemned session is withdrawn until a new one arrives`() throws {
    var role = Self.running(pool: 1)
    let before = try #require(role.published)
    role.send(.condemned(before.session.id))
    #expect(role.published == nil && role.live.isDisjoint(with: [before.session.id]))
    role.run(for: .seconds(1))
    #expect(role.published?.generation == before.generation + 1)
    #expect(role.published?.session.id != before.session.id)
  }

  @Test func `condemning a standby changes nothing for readers, and it is replaced`() throws {
    var role = Self.running(pool: 2)
    let before = try #require(role.published)
    let standby = try #require(role.machine.heldSessions.first { $0 != before.session.id })
    let publications = role.publications
    role.send(.condemned(standby))
    #expect(role.published?.session.id == before.session.id && role.publications == publications)
    role.run(for: .seconds(1))
    #expect(role.machine.heldSessions.count == 2 && !role.machine.heldSessions.contains(standby))
  }

  @Test func `a condemned reservation is never handed out again, and another may be fetched at once`() throws {
    var role = Self.running(pool: 2)
    role.send(.reservationRequested(.hours(4)))
    role.run(for: .seconds(1))
    guard case .session(let reserved) = role.offer(.hours(3)) else { throw Missing(what: "a reservation") }
    role.send(.condemned(reserved.id))
    #expect(!role.live.contains(reserved.id))
    #expect(role.offer(.hours(3)) == .fetch(.seconds(13_560), joins: false))
  }

  /// The wait that STS had requested was forgotten.
  @Test func `a condemned session's successor is fetched after the wait that STS requested`() throws {
    var role = Self.running(pool: 2)
    role.answer = { _, _ in .fails(Failure(.throttled(wait: .seconds(100)), code: "Throttling.User", advice: "")) }
    role.send(.refreshRequested)
    role.run(for: .seconds(1))
    let fetches = role.attempts.count
    role.send(.condemned(try #require(role.published).session.id))
    for event in [RefreshEvent.mayBeFixed, .requestChanged, .timingChanged(RoleTiming(maxDuration: .hours(12)))] {
      role.send(event)
    }
    role.run(for: .seconds(98))
    #expect(role.attempts.count == fetches)
    role.run(for: .seconds(20))
    #expect(role.attempts.count == fetches + 1)
    role.send(.refreshRequested)
    role.run(for: .seconds(1))
    #expect(role.attempts.count == fetches + 2, "an administrator doesn't wait")
  }

  @Test func `a condemned reservation that is handed out is withdrawn`() throws {
    var role = Self.running(pool: 1)
    role.send(.reservationRequested(.hours(4)))
    role.run(for: .seconds(1))
    role.answer = { _, _ in .fails(.forbidden) }
    role.send(.condemned(try #require(role.published).session.id))
    let reserved = try #require(role.published).session
    #expect(reserved.asked == .hours(4) && role.machine.handsOutReservation)
    role.send(.condemned(reserved.id))
    #expect(role.published == nil && role.machine.heldSessions.isEmpty)
  }

  @Test func `a session that isn't held is not condemned`() {
    var role = Self.running(pool: 2)
    let (held, effects) = (role.machine.heldSessions, role.effects.count)
    role.send(.condemned(SessionID(number: 999)))
    #expect(role.machine.heldSessions == held && role.effects.count == effects)
  }

  @Test func `every session is held once and discarded once`() {
    var role = Self.running(pool: 3)
    for hour in 0..<20 as Range<Int64> {
      if hour % 3 == 0 { role.send(.reservationRequested(.hours(2 + hour % 5))) }
      if hour % 4 == 1, let id = role.machine.heldSessions.randomElement() { role.send(.condemned(id)) }
      role.run(for: .minutes(37))
    }
    let held = role.effects.compactMap { if case .hold(let session) = $0 { session.id } else { nil } }
    let discarded = role.effects.compactMap { if case .discard(let id) = $0 { id } else { nil } }
    #expect(Set(held).count == held.count && Set(discarded).count == discarded.count)
    #expect(Set(held).subtracting(discarded) == Set(role.machine.heldSessions))
  }
}
