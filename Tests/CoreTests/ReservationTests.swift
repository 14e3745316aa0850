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

  private static func session(_ offer: Offer) throws -> Session {
    guard case .session(let session) = offer else { throw Missing(what: "a session, there is \(offer)") }
    return session
  }

  @Test func `a read that the pool can serve needs no fetch`() throws {
    let role = Self.running()
    let session = try Self.session(role.offer(.minutes(50)))
    #expect(session.id == role.published?.session.id)
  }

  @Test(arguments: [
    (Duration.hours(3), Duration.seconds(13_560)), (.hours(11), .hours(12)), (.minutes(60), .seconds(4560)),
  ])
  func `a longer session is fetched with a quarter and a minute to spare`(_ minTTL: Duration, _ fetched: Duration) {
    let role = Self.running()
    #expect(role.offer(minTTL) == .fetch(fetched, joins: false))
  }

  @Test func `more than the longest session less a minute is refused with the maximum`() {
    let role = Self.running()
    #expect(role.offer(.hours(12)) == .tooLong(most: .seconds(43_140)))
  }

  @Test func `a reserved session lasts as promised and serves every reader that needs no more`() throws {
    var role = Self.running()
    role.send(.reservationRequested(.seconds(13_560)))
    #expect(role.offer(.hours(2)) == .wait)
    role.run(for: .seconds(1))
    for hours in [3, 2] as [Int64] {
      let session = try Self.session(role.offer(.hours(hours)))
      #expect(session.expires - role.now >= .hours(hours))
    }
    #expect(role.attempts.count == 2)
  }

  /// Four jobs that started at once each caused a fetch of its own, so three were refused.
  @Test func `simultaneous requests share one fetch of the longest requested duration`() throws {
    var role = Self.running()
    for hours in [4, 6, 10, 8] as [Int64] {
      switch role.offer(.hours(hours), wait: .seconds(60)) {
      case .fetch(let duration, let joins):
        #expect(joins == (hours != 4))
        role.send(.reservationRequested(duration))
      case .wait: #expect(hours == 8)
      case let other: Issue.record("\(hours) h: \(other)")
      }
      role.run(for: .milliseconds(50))
    }
    role.run(for: .seconds(1))
    #expect(role.attempts.filter { $0.attempt.purpose == .reservation }.map(\.attempt.duration) == [.hours(12)])
    for hours in [4, 6, 8, 10] as [Int64] { _ = try Self.session(role.offer(.hours(hours))) }
  }

  /// For a minute after the key had been enabled again, its refusal was repeated to every reader that needed a longer session.
  @Test func `a refusal isn't repeated once STS accepts the role's calls`() {
    let disabled = Failure(.permanent, code: "InvalidAccessKeyId.Inactive", advice: "enable it")
    var role = Self.running()
    role.answer = { _, _ in .fails(disabled) }
    role.send(.reservationRequested(.hours(2)))
    role.run(for: .seconds(5))
    guard case .notInTime(_, failure: disabled) = role.offer(.hours(2)) else {
      Issue.record("\(role.offer(.hours(2)))")
      return
    }
    role.answer = { .grants($1.duration) }
    role.send(.refreshRequested)
    role.run(for: .seconds(1))
    #expect(role.offer(.hours(2)) == .fetch(.seconds(9060), joins: false))
  }

  @Test(arguments: [true, false])
  func `a new key voids a refusal of the old key, but not a refusal of the duration`(_ isOfKey: Bool) {
    let failure = Failure(
      .permanent, code: isOfKey ? "SignatureDoesNotMatch" : Failure.durationRefusedCode, advice: "a")
    var role = Self.running()
    role.answer = { _, _ in .fails(failure) }
    role.send(.reservationRequested(.hours(2)))
    role.run(for: .seconds(5))
    role.send(.mayBeFixed)
    let offer = role.offer(.hours(2))
    if isOfKey {
      #expect(offer == .fetch(.seconds(9060), joins: false))
    } else {
      #expect(offer == .refused(failure))
    }
  }

  @Test func `a role fetches one reservation a minute, and a reader that waits gets the next`() throws {
    var role = Self.running()
    role.send(.reservationRequested(.hours(2)))
    role.run(for: .seconds(10))
    let next = try #require(role.attempts.last).at + .seconds(60)
    #expect(role.offer(.hours(5), wait: .seconds(50)) == .notInTime(next: next, failure: nil))
    #expect(role.offer(.hours(5), wait: .seconds(51)) == .fetch(.seconds(22_560), joins: false))
    role.send(.reservationRequested(.seconds(22_560)))
    #expect(role.offer(.hours(4), wait: .seconds(10)) == .notInTime(next: next, failure: nil))
    #expect(role.offer(.hours(4), wait: .seconds(51)) == .wait)
    #expect(role.offer(.hours(7), wait: .seconds(51)) == .fetch(.seconds(31_560), joins: true))
    role.run(for: .seconds(51))
    _ = try Self.session(role.offer(.hours(5)))
  }

  @Test func `a failed reservation leaves the role as it was`() {
    var role = Self.running()
    role.answer = { _, attempt in attempt.purpose == .reservation ? .fails(.forbidden) : .grants(attempt.duration) }
    role.send(.reservationRequested(.hours(12)))
    role.run(for: .seconds(1))
    #expect(role.reports.contains(.reservationFailed(.forbidden)))
    #expect(role.machine.lastFailure == nil)
    #expect(role.published?.generation == 1)
    role.run(for: .minutes(20))
    #expect(role.published?.generation == 2)
  }

  @Test func `readers waiting for a fetch get its failure at once, unless another fetch may succeed`() {
    var role = Self.running()
    let since = role.now
    role.answer = { _, _ in .fails(.network) }
    role.send(.reservationRequested(.hours(5)))
    role.run(for: .seconds(1))
    let next = since + Duration.milliseconds(500) + .seconds(60)
    #expect(role.offer(.hours(4), wait: .seconds(10), since: since) == .notInTime(next: next, failure: .network))
    #expect(
      role.offer(.hours(4), wait: .seconds(61), since: since) == .fetch(.seconds(18_060), joins: false),
      "a reader with time enough has another one made")
    role.answer = { _, _ in .fails(.forbidden) }
    role.run(for: .seconds(60))
    role.send(.reservationRequested(.hours(5)))
    role.run(for: .seconds(1))
    #expect(role.offer(.hours(4), wait: .seconds(180), since: since) == .refused(.forbidden), "only a person can help")
  }

  @Test func `a fetch longer than STS grants fails only for readers that need so much`() throws {
    let refused = Failure(.permanent, code: "InvalidParameter.DurationSeconds", httpStatus: 400, advice: "ask for less")
    var role = Self.running()
    let since = role.now
    role.answer = { _, attempt in attempt.duration > .hours(6) ? .fails(refused) : .grants(attempt.duration) }
    role.send(.reservationRequested(.hours(12)))
    role.run(for: .seconds(1))
    #expect(role.offer(.hours(10), wait: .seconds(90), since: since) == .refused(refused))
    #expect(role.offer(.hours(4), wait: .seconds(90), since: since) == .fetch(.seconds(18_060), joins: false))
    // STS grants the pool's duration, though not a quarter more.
    role.answer = { _, attempt in attempt.duration > .hours(1) ? .fails(refused) : .grants(attempt.duration) }
    role.run(for: .minutes(12))
    let late = role.now
    role.send(.reservationRequested(.seconds(3960)))
    role.run(for: .seconds(1))
    #expect(role.offer(.minutes(52), wait: .seconds(90), since: late) == .fetch(.hours(1), joins: false))
  }

  /// The first reader was refused for good, the next one was asked to try again in a minute, and `wait` waited its whole time.
  @Test(arguments: [true, false])
  func `a refused duration stays refused for later readers until it is tried again`(_ isCut: Bool) throws {
    let refused = Failure(.permanent, code: Failure.durationRefusedCode, httpStatus: 400, advice: "ask for less")
    var role = Self.running()
    #expect(role.machine.longestUnrefused == nil)
    role.answer = { _, attempt in
      attempt.duration <= .hours(1) ? .grants(attempt.duration) : isCut ? .grants(.hours(1)) : .fails(refused)
    }
    role.send(.reservationRequested(.seconds(13_560)))
    role.run(for: .seconds(1))
    for wait in [0, 30, 60] as [Int64] {
      for hours in [3, 8] as [Int64] {
        guard case .refused(let failure) = role.offer(.hours(hours), wait: .seconds(wait)) else {
          Issue.record("\(hours) h, \(wait) s: \(role.offer(.hours(hours), wait: .seconds(wait)))")
          continue
        }
        #expect(failure.code == (isCut ? Failure.grantedLessCode : Failure.durationRefusedCode))
      }
    }
    // Not known to be refused.
    #expect(role.offer(.hours(2), wait: .seconds(60)) == .fetch(.seconds(9060), joins: false))
    let known = try #require(role.machine.longestUnrefused)
    #expect(known.minTTL == .hours(3) - .seconds(1))
    #expect(known.code == (isCut ? Failure.grantedLessCode : Failure.durationRefusedCode))

    role.run(for: .seconds(60))
    #expect(role.offer(.hours(3)) == .fetch(.seconds(13_560), joins: false), "somebody may have raised it meanwhile")
    let limited = FetchChances(queued: nil, reservation: role.now + .seconds(20))
    guard case .refused = role.offer(.hours(3), wait: .seconds(10), chances: limited) else {
      Issue.record("the refusal is still what is known")
      return
    }
    role.answer = { .grants($1.duration) }
    role.send(.reservationRequested(.seconds(13_560)))
    role.run(for: .seconds(1))
    #expect(role.machine.longestUnrefused == nil)
  }

  @Test func `a reader of a failing role waits for its next attempt or gets the failure`() throws {
    var role = SimulatedRole(Self.timing)
    role.answer = { _, _ in .fails(.forbidden) }
    role.start()
    #expect(role.offer(nil, wait: .seconds(10)) == .wait)
    role.run(for: .seconds(1))
    let next = role.machine.nextAttempt
    for minTTL in [nil, Duration.minutes(30)] {
      #expect(role.offer(minTTL, wait: .seconds(10)) == .notInTime(next: next, failure: .forbidden))
      #expect(role.offer(minTTL, wait: next - role.now) == .wait)
    }
  }

  @Test func `a reader of a role without an AccessKey waits, since the key's file is watched`() {
    var role = SimulatedRole(Self.timing)
    role.answer = { _, _ in .fails(Failure(.permanent, code: "NoAccessKey", advice: "put one there")) }
    role.start()
    role.run(for: .seconds(1))
    #expect(role.offer(nil, wait: .seconds(10)) == .wait)
    #expect(role.offer(.minutes(10), wait: .seconds(10)) == .wait)
  }

  @Test func `any held session that lives long enough is handed out, whatever the settings now say`() throws {
    var role = SimulatedRole(RoleTiming(duration: .hours(12)))
    role.start()
    role.run(for: .seconds(1))
    let long = try #require(role.published).session
    role.send(.timingChanged(RoleTiming(duration: .hours(1), floor: .minutes(5), surviveOutage: .minutes(5))))
    role.send(.requestChanged)
    role.run(for: .seconds(1))
    role.send(.timingChanged(RoleTiming(duration: .hours(1), pool: 1, floor: .minutes(5), surviveOutage: .minutes(5))))
    #expect(role.machine.heldSessions == [long.id], "readers keep the one that lives longest")
    for minTTL in [nil, .zero, Duration.minutes(30), .hours(11)] {
      #expect(try Self.session(role.offer(minTTL)).id == long.id)
    }
  }

  @Test func `a plain read gets the reserved session when the pool is empty`() throws {
    var role = Self.running()
    role.send(.reservationRequested(.hours(6)))
    role.run(for: .seconds(1))
    role.answer = { _, _ in .fails(.network) }
    for id in role.machine.heldSessions.dropLast() { role.send(.condemned(id)) }
    let session = try Self.session(role.offer(nil))
    #expect(session.expires - role.now > .hours(5))
    #expect(role.published?.session.id == session.id, "files, events and status say the same")
    #expect(role.published?.generation == 2)
    #expect(role.machine.headroom(at: role.now) > .hours(4))
  }

  @Test func `the pool's next session replaces a reserved one that was handed out, which stays held`()
    throws
  {
    var role = Self.running()
    role.send(.reservationRequested(.hours(6)))
    role.run(for: .seconds(1))
    let reserved = try #require(role.machine.reserved)
    role.answer = { _, _ in .fails(.forbidden) }
    role.run(for: .hours(2))
    #expect(role.published?.session.id == reserved.id)
    #expect(!role.reports.contains(.lapsed))
    #expect(role.reports.contains(.reservationServes(reserved, generation: role.machine.generation)))
    role.answer = { .grants($1.duration) }
    role.run(for: .minutes(11))
    #expect(role.published?.session.asked == .hours(1))
    #expect(role.machine.holds(reserved.id) && role.live.contains(reserved.id))
    role.answer = { _, _ in .fails(.forbidden) }
    role.run(for: .hours(6))
    #expect(role.published == nil && role.live.isEmpty)
    #expect(role.reports.count { $0 == .lapsed } == 1)
  }

  /// They waited until their deadline for a fetch that couldn't be made by then.
  @Test func `a wait shorter than the rate allows for the fetch is refused at once, with the time`() {
    var role = Self.running()
    func offer(_ minTTL: Duration?, wait: Duration, _ chances: FetchChances) -> Offer {
      role.machine.offer(
        to: ReaderQuery(minTTL: minTTL, since: role.now, deadline: role.now + wait), at: role.now, chances: chances)
    }
    let late = role.now + .seconds(30)
    let unqueued = FetchChances(queued: nil, reservation: late)
    #expect(offer(.hours(3), wait: .seconds(29), unqueued) == .rateTooLow(next: late))
    #expect(offer(.hours(3), wait: .seconds(30), unqueued) == .fetch(.seconds(13_560), joins: false))
    role.send(.reservationRequested(.hours(4)))
    #expect(offer(.hours(3), wait: .seconds(29), unqueued) == .rateTooLow(next: late), "one that joins others")
    #expect(offer(.hours(3), wait: .seconds(30), unqueued) == .wait)
    var queued = Self.running()
    queued.isQueueStopped = true
    queued.send(.reservationRequested(.hours(4)))
    queued.run(for: .seconds(1))
    let query = { ReaderQuery(minTTL: .hours(3), since: queued.now, deadline: queued.now + $0) }
    let chances = FetchChances(queued: queued.now + .seconds(30), reservation: queued.now)
    #expect(
      queued.machine.offer(to: query(.seconds(29)), at: queued.now, chances: chances)
        == .rateTooLow(next: queued.now + .seconds(30)))
    #expect(queued.machine.offer(to: query(.seconds(30)), at: queued.now, chances: chances) == .wait)
  }

  @Test func `a reservation under way is aborted for the pool's step and fetched after it`() {
    var role = Self.running()
    role.run(for: .minutes(13))
    var rings = 0
    role.answer = { _, attempt in
      if attempt.purpose == .pool { rings += 1 }
      return rings == 0 ? .never : .grants(attempt.duration)
    }
    let ringAttempts = { (role: SimulatedRole) in role.attempts.filter { $0.attempt.purpose == .pool } }
    while ringAttempts(role).count < 2 {
      role.send(.reservationRequested(.hours(12)))
      role.run(for: .seconds(10))
    }
    let steps = ringAttempts(role).map(\.at)
    #expect(steps[1] - steps[0] <= .seconds(991), "the pool's step was late by the reservation")
    #expect(role.effects.contains { if case .abandon = $0 { true } else { false } })
    #expect(role.effects.contains { if case .offerReserved = $0 { true } else { false } })
  }

  @Test func `a reservation that STS grants too short fails, and a longer one already held stays`() throws {
    var role = Self.running()
    role.send(.reservationRequested(.hours(6)))
    role.run(for: .seconds(61))
    role.answer = { _, _ in .grants(.hours(2)) }
    role.send(.reservationRequested(.hours(12)))
    role.run(for: .seconds(1))
    let codes = role.reports.compactMap { if case .reservationFailed(let failure) = $0 { failure.code } else { nil } }
    #expect(codes == ["GrantedLess"])
    #expect(role.reports.count { if case .reserved = $0 { true } else { false } } == 1, "the first one's")
    let session = try Self.session(role.offer(.hours(5)))
    #expect(session.expires - role.now > .hours(5))
    #expect(role.live.count == 2)
  }

  @Test func `a longer request that comes while a fetch is under way is fetched a minute after it`() throws {
    var role = Self.running()
    role.latency = .seconds(5)
    role.send(.reservationRequested(.hours(2)))
    role.run(for: .seconds(1))
    role.send(.reservationRequested(.hours(7)))
    role.run(for: .seconds(70))
    _ = try Self.session(role.offer(.hours(6)))
    let fetches = role.attempts.filter { $0.attempt.purpose == .reservation }.map(\.at)
    #expect(fetches.count == 2 && fetches[1] - fetches[0] == .seconds(60))
  }

  /// Whichever call was refused, the role's next fetch waits as long as STS requested.
  @Test(arguments: [
    Failure(.transient, code: "ServiceUnavailable", notBefore: .seconds(200), advice: ""),
    Failure(.throttled(wait: .seconds(200)), code: "Throttling.User", advice: ""),
  ])
  func `a wait that STS requests applies to reservations and to the pool`(_ failure: Failure) {
    var role = Self.running()
    role.answer = { _, _ in .fails(failure) }
    role.send(.reservationRequested(.hours(2)))
    role.run(for: .seconds(100))
    guard case .notInTime(let next, _) = role.offer(.hours(2)) else {
      Issue.record("expected a wait")
      return
    }
    #expect((.seconds(99)...(.seconds(102))).contains(next - role.now))
    #expect(role.machine.nextAttempt - role.now >= .seconds(99))

    // And the reverse, for a reservation that is already requested.
    var other = Self.running()
    other.answer = { _, _ in .fails(failure) }
    other.send(.refreshRequested)
    other.send(.reservationRequested(.hours(2)))
    other.run(for: .seconds(190))
    #expect(other.attempts.count == 2, "the first session's and the refresh's")
    other.run(for: .seconds(60))
    #expect(other.attempts.count > 2)
  }

  @Test func `a uid may cause four fetches a minute`() {
    var limits = ReservationLimits()
    let start = Timestamp(microseconds: 0)
    for second in 0..<4 { #expect(limits.admit(uid: 7, at: start + .seconds(second)) == nil) }
    #expect(limits.admit(uid: 7, at: start + .seconds(10)) == .seconds(50))
    #expect(limits.admit(uid: 8, at: start + .seconds(10)) == nil)
    #expect(limits.admit(uid: 7, at: start + .seconds(61)) == nil)
  }
}
