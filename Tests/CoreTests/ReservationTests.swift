import Core
import Testing

@Suite struct ReservationTests {
  private static let timing = RoleTiming(maxDuration: .hours(12))

  private static func running() -> SimulatedRole {
    var role = SimulatedRole(timing)
    role.start()
    role.run(for: .seconds(1))
    return role
  }

  @Test func `what the ring has needs no draw`() {
    let role = Self.running()
    guard case .ready(let session) = role.machine.reservation(minTTL: .minutes(50), at: role.now) else {
      Issue.record("expected the ring's session")
      return
    }
    #expect(session.id == role.published?.session.id)
  }

  @Test(arguments: [
    (Duration.hours(3), Duration.seconds(13_560)), (.hours(11), .hours(12)), (.minutes(60), .seconds(4560)),
  ])
  func `a longer life is drawn with a quarter and a minute to spare`(_ minTTL: Duration, _ drawn: Duration) {
    let role = Self.running()
    #expect(role.machine.reservation(minTTL: minTTL, at: role.now) == .draw(drawn))
  }

  @Test func `more than the longest session less a minute is refused with the figure that can be had`() {
    let role = Self.running()
    #expect(role.machine.reservation(minTTL: .hours(12), at: role.now) == .tooLong(most: .seconds(43_140)))
  }

  @Test func `a reserved session lasts as promised and is shared by all who need no more`() {
    var role = Self.running()
    role.send(.reservationRequested(.seconds(13_560)))
    #expect(role.machine.reservation(minTTL: .hours(2), at: role.now) == .underWay)
    role.run(for: .seconds(1))
    for hours in [3, 2] as [Int64] {
      guard case .ready(let session) = role.machine.reservation(minTTL: .hours(hours), at: role.now) else {
        Issue.record("expected the reserved session")
        return
      }
      #expect(session.expires - role.now >= .hours(hours))
    }
    #expect(role.attempts.count == 2)
  }

  @Test func `a role draws one reservation a minute`() {
    var role = Self.running()
    role.send(.reservationRequested(.hours(2)))
    role.run(for: .seconds(10))
    #expect(role.machine.reservation(minTTL: .hours(5), at: role.now) == .tooSoon(wait: .seconds(50)))
    role.run(for: .seconds(51))
    #expect(role.machine.reservation(minTTL: .hours(5), at: role.now) == .draw(.seconds(22_560)))
  }

  @Test func `a failed reservation leaves the role as it was`() {
    var role = Self.running()
    role.answer = { _, attempt in attempt.purpose == .reservation ? .fails(.forbidden) : .grants(attempt.duration) }
    role.send(.reservationRequested(.hours(12)))
    role.run(for: .seconds(1))
    #expect(role.effects.contains(.failReservation(.forbidden)))
    #expect(role.machine.lastFailure == nil)
    #expect(role.published?.generation == 1)
    role.run(for: .minutes(20))
    #expect(role.published?.generation == 2)
  }

  @Test func `a reservation under way gives way to the ring's step and is drawn after it`() {
    var role = Self.running()
    role.run(for: .minutes(13))
    var rings = 0
    role.answer = { _, attempt in
      if attempt.purpose == .ring { rings += 1 }
      return rings == 0 ? .never : .grants(attempt.duration)
    }
    let ringAttempts = { (role: SimulatedRole) in role.attempts.filter { $0.attempt.purpose == .ring } }
    while ringAttempts(role).count < 2 {
      role.send(.reservationRequested(.hours(12)))
      role.run(for: .seconds(10))
    }
    let steps = ringAttempts(role).map(\.at)
    #expect(steps[1] - steps[0] <= .seconds(991), "the ring's step was late by the reservation")
    #expect(role.effects.contains { if case .abandon = $0 { true } else { false } })
    #expect(role.effects.contains { if case .offerReserved = $0 { true } else { false } })
  }

  @Test func `a reservation that STS cuts short fails, and a longer one that is there stays`() {
    var role = Self.running()
    role.send(.reservationRequested(.hours(6)))
    role.run(for: .seconds(61))
    role.answer = { _, _ in .grants(.hours(2)) }
    role.send(.reservationRequested(.hours(12)))
    role.run(for: .seconds(1))
    let codes = role.effects.compactMap { if case .failReservation(let failure) = $0 { failure.code } else { nil } }
    #expect(codes == ["GrantedLess"])
    guard case .ready(let session) = role.machine.reservation(minTTL: .hours(5), at: role.now) else {
      Issue.record("the six-hour session is gone")
      return
    }
    #expect(session.expires - role.now > .hours(5))
    #expect(role.live.count == 2)
  }

  @Test func `a longer wish that comes while a draw is under way is drawn after it`() {
    var role = Self.running()
    role.latency = .seconds(5)
    role.send(.reservationRequested(.hours(2)))
    role.send(.reservationRequested(.hours(7)))
    role.run(for: .seconds(20))
    guard case .ready = role.machine.reservation(minTTL: .hours(6), at: role.now) else {
      Issue.record("the longer wish was forgotten")
      return
    }
  }

  @Test func `a uid may cause four draws a minute`() {
    var limits = ReservationLimits()
    let start = Timestamp(microseconds: 0)
    for second in 0..<4 { #expect(limits.admit(uid: 7, at: start + .seconds(second)) == nil) }
    #expect(limits.admit(uid: 7, at: start + .seconds(10)) == .seconds(50))
    #expect(limits.admit(uid: 8, at: start + .seconds(10)) == nil)
    #expect(limits.admit(uid: 7, at: start + .seconds(61)) == nil)
  }
}
