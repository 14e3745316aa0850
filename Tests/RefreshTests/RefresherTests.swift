import CloudAPI
import Core
import RefreshBench
import Secrets
import SessionStore
import Settings
import Testing
import Wire

@testable import SocketAPI
@testable import Refresh

@Suite struct RefresherTests {
  @Test func `the roles are in the order of their names, whenever they came`() throws {
    let bench = try Bench()
    for name in ["m", "z", "b", "a", "n"] { bench.add(name) }
    #expect(bench.refresher.rolesInOrder.map(\.name.description) == ["a", "b", "m", "n", "z"])
    for name in ["a", "z", "m", "absent"] { bench.refresher.remove(RoleName(name)!) }
    #expect(bench.refresher.rolesInOrder.map(\.name.description) == ["b", "n"])
    bench.add("c")
    #expect(bench.refresher.rolesInOrder.map(\.name.description) == ["b", "c", "n"])
    #expect(bench.refresher.rolesInOrder.allSatisfy { bench.refresher.roles[$0.name] === $0 })
  }

  @Test func `each role's first session is issued at once and published`() throws {
    let bench = try Bench()
    var published: [String] = []
    bench.observer.published = { published.append($0.name.description) }
    let roles = ["a", "b"].map { bench.add($0) }
    bench.grantAll()
    #expect(published == ["a", "b"])
    #expect(roles.allSatisfy { $0.isValid(at: bench.now) })
  }

  @Test func `no more calls are under way than the cloud has room for, and the rest follow`() throws {
    let bench = try Bench()
    bench.cloud.room = 2
    for index in 0..<5 { bench.add("role\(index)") }
    #expect(bench.cloud.waiting.count == 2)
    #expect(bench.refresher.inFlight == 2)
    while let next = bench.cloud.waiting.first { bench.grant(next) }
    #expect(bench.cloud.orders.count == 5)
    #expect(bench.refresher.inFlight == 0)
  }

  @Test func `a removed role's call is cancelled and its outcome reaches nobody`() throws {
    let bench = try Bench()
    bench.add("a")
    let call = bench.cloud.waiting[0]
    bench.refresher.remove(RoleName("a")!)
    #expect(bench.cloud.cancelled == [call])
    #expect(bench.refresher.inFlight == 0)
    bench.advance(.hours(1))
    #expect(bench.cloud.orders.count == 1)
  }

  @Test func `a role in the place of a removed one has nothing of it`() throws {
    let bench = try Bench()
    bench.add("a")
    bench.add("b")
    bench.grantAll()
    bench.refresher.remove(RoleName("a")!)
    let other = bench.add("c")
    #expect(other.machine.generation == 0 && other.current == nil)
    bench.grantAll()
    #expect(other.isValid(at: bench.now))
    for _ in 0..<3 {
      bench.advance(.minutes(17))
      bench.grantAll()
    }
    let names = bench.cloud.orders.map(\.order.role.name.description)
    #expect(names.filter { $0 == "a" }.count == 1 && names.filter { $0 == "b" }.count == 4)
    #expect(names.filter { $0 == "c" }.count == 4)
  }

  @Test func `a call without an outcome is cancelled and made again`() throws {
    let bench = try Bench()
    let role = bench.add("a")
    bench.advance(.seconds(16))
    #expect(bench.cloud.cancelled.count == 1)
    #expect(role.outcomes == ["Abandoned": 1])
    bench.advance(.seconds(2))
    #expect(bench.cloud.orders.count == 2)
    bench.grantAll()
    #expect(role.isValid(at: bench.now))
  }

  @Test func `another time-out holds for roles that are there already`() throws {
    let bench = try Bench()
    bench.add("a")
    bench.refresher.attemptLimit = .seconds(45)
    bench.grantAll()
    bench.advance(.minutes(17))
    bench.advance(.seconds(40))
    #expect(bench.cloud.cancelled.isEmpty)
    bench.advance(.seconds(6))
    #expect(bench.cloud.cancelled.count == 1)
  }

  /// Superseded sessions once lost their secrets, so that a pool of two was one session and a half-empty promise.
  @Test func `the secrets of all sessions of the pool are kept, and of no others`() throws {
    let bench = try Bench()
    let role = bench.add("a")
    bench.grantAll()
    for _ in 0..<20 {
      bench.advance(.minutes(17))
      bench.grantAll()
    }
    #expect(role.machine.generation > 15)
    #expect(bench.refresher.sessions.count == 2)
    for id in role.machine.heldSessions {
      let session = try #require(bench.refresher.sessions[id])
      let number = session.accessKeyID.dropFirst("STS.".count)
      #expect(session.accessKeySecret.hasSameBytes(as: Secret(copying: Array("secret\(number)".utf8).span)))
      #expect(session.securityToken.hasSameBytes(as: Secret(copying: Array("token\(number)".utf8).span)))
    }
    #expect(bench.heldSecrets == 0, "what came from the cloud is held in the store alone")
    bench.refresher.remove(role.name)
    #expect(bench.refresher.sessions.count == 0)
  }

  @Test func `a superseded session's document goes as soon as nobody sends it`() throws {
    let bench = try Bench()
    let role = bench.add("a")
    bench.grantAll()
    weak let document = role.current?.document
    #expect(document != nil)
    bench.advance(.minutes(17))
    bench.grantAll()
    #expect(document == nil)
  }

  @Test func `no report pairs a generation with another session than the one published under it`() throws {
    let bench = try Bench()
    // They hold the bench.
    defer { bench.observer.forget() }
    let role = bench.add("a")
    var keys: [UInt64: String] = [:]
    bench.observer.published = { role in
      #expect(keys.updateValue(role.current!.session.accessKeyID, forKey: role.generation) == nil)
    }
    var events = 0
    bench.observer.reported = { role, _ in
      let event = role.event(.changed, at: bench.now, clock: bench.refresher.clock)
      if let key = event.accessKeyID { #expect(keys[event.generation] == key, "generation \(event.generation)") }
      events += 1
    }
    for round in 0..<30 {
      for id in bench.cloud.waiting { if round % 3 == 1 { bench.fail(id) } else { bench.grant(id) } }
      if round % 7 == 6, let current = role.current { bench.refresher.send(.condemned(current.session.id), to: role) }
      bench.advance(.minutes(round % 5 == 4 ? 70 : 17))
    }
    #expect(events > 30 && keys.count > 10)
  }

  enum Notice: CaseIterable {
    case published, reserved, abandoned
  }

  /// The event that was being carried out set the role's timer after the reader's request had: the fetch wasn't made before the
  /// role's next step, and all who waited for it timed out.
  @Test(arguments: Notice.allCases)
  func `a session that a reader requests as it learns of an event is fetched in its time`(_ notice: Notice) throws {
    let bench = try Bench()
    // They hold the bench.
    defer { bench.observer.forget() }
    let role = bench.add("a")
    var isRequested = false
    func request() {
      if isRequested { return }
      isRequested = true
      bench.refresher.send(.reservationRequested(.hours(7)), to: role)
      #expect(bench.refresher.schedule.instant(of: role.slot) == role.machine.armed)
    }
    switch notice {
    case .published: bench.observer.published = { _ in request() }
    case .reserved:
      bench.grantAll()
      bench.refresher.send(.reservationRequested(.hours(4)), to: role)
      bench.advance(.seconds(1))
      bench.observer.reserved = { _ in request() }
    case .abandoned:
      bench.observer.attempted = { _ in request() }
      bench.advance(.seconds(16))
    }
    if notice != .abandoned { bench.grantAll() }
    #expect(isRequested)
    #expect(bench.refresher.schedule.instant(of: role.slot) == role.machine.armed)
    for _ in 0..<4 {
      bench.advance(.seconds(16))
      bench.grantAll()
    }
    #expect(bench.cloud.orders.contains { $0.order.duration == .hours(7) })
  }

  /// Event readers were sent a rotation that wasn't one.
  @Test func `a new session that only stands by is no rotation for readers`() throws {
    let bench = try Bench()
    let role = bench.add("a")
    bench.grant(bench.cloud.waiting[0], life: .hours(1))
    var (published, refreshed) = (0, 0)
    bench.observer.published = { _ in published += 1 }
    bench.observer.reported = { _, report in
      if case .refreshed = report { refreshed += 1 }
      #expect(report.eventKind != .rotated)
    }
    bench.advance(.minutes(17))
    bench.grant(bench.cloud.waiting[0], life: .minutes(20))
    #expect(published == 0 && refreshed == 1 && role.current?.session.accessKeyID == "STS.1")
  }

  @Test func `while the pool has nothing readers, files and status have the reserved session alike`() throws {
    let bench = try Bench()
    let role = bench.add("a")
    bench.grantAll()
    bench.refresher.send(.reservationRequested(.hours(4)), to: role)
    bench.advance(.seconds(2))
    bench.grantAll()
    var published: [String] = []
    bench.observer.published = { published.append($0.current!.session.accessKeyID) }
    bench.refresher.send(.condemned(try #require(role.current).session.id), to: role)
    #expect(published == ["STS.2"])
    #expect(role.status(at: bench.now, clock: bench.refresher.clock).accessKeyID == "STS.2")
    #expect(role.current?.generation == 2 && role.isValid(at: bench.now))
    let query = ReaderQuery(minTTL: nil, since: bench.now, deadline: bench.now)
    guard case .session(let session) = bench.refresher.offer(of: role, to: query, at: bench.now) else {
      Issue.record("a plain read gets nothing")
      return
    }
    #expect(session.accessKeyID == "STS.2")
  }

  /// It was called lapsed, as if there had been one.
  @Test func `a role that has had no session is waiting for it, whatever has failed`() throws {
    let bench = try Bench()
    let role = bench.add("a")
    bench.fail(bench.cloud.waiting[0], .permanent, code: "NoPermission")
    #expect(role.state(at: bench.now) == .waiting)
    bench.advance(.minutes(2))
    bench.grantAll()
    bench.refresher.send(.condemned(try #require(role.current).session.id), to: role)
    #expect(role.state(at: bench.now) == .lapsed)
  }

  @Test func `an error has its own time beside the first failure's`() throws {
    let bench = try Bench()
    let role = bench.add("a")
    bench.fail(bench.cloud.waiting[0], .transient, code: "Connect")
    bench.advance(.seconds(2))
    bench.fail(bench.cloud.waiting[0], .permanent, code: "NoPermission")
    let error = try #require(role.status(at: bench.now, clock: bench.refresher.clock).lastError)
    #expect(error.code == "NoPermission")
    let (since, at) = (try #require(error.since), try #require(error.at))
    #expect(at.seconds - since.seconds == 2)
  }

  @Test func `the caller learns whether more sessions wait to be issued`() throws {
    let bench = try Bench()
    bench.cloud.room = 2
    for name in ["a", "b", "c"] { bench.add(name) }
    #expect(bench.cloud.saidThatMoreWait.last == true)
    bench.grantAll()
    bench.grantAll()
    #expect(bench.cloud.saidThatMoreWait.last == false)
  }

  @Test func `outcomes are counted by their code`() throws {
    let bench = try Bench()
    let role = bench.add("a")
    bench.fail(bench.cloud.waiting[0], .permanent, code: "NoPermission")
    bench.advance(.minutes(11))
    bench.grantAll()
    #expect(role.outcomes == ["NoPermission": 1, "Success": 1])
  }

  @Test func `a lapsed role hands out nothing and reports that`() throws {
    let bench = try Bench()
    var withdrawn = 0
    bench.observer.withdrawn = { _ in withdrawn += 1 }
    let role = bench.add("a")
    bench.grantAll()
    weak let document = role.current?.document
    #expect(document != nil)
    for _ in 0..<200 {
      bench.advance(.seconds(20))
      for id in bench.cloud.waiting { bench.fail(id) }
    }
    #expect(withdrawn == 1)
    #expect(role.current == nil)
    #expect(document == nil)
  }

  @Test func `another AccessKey lets roles of its source that failed try at once, and only these`() throws {
    let bench = try Bench()
    bench.add("a")
    bench.add("b", source: "other")
    for id in bench.cloud.waiting { bench.fail(id, .permanent, code: "InvalidAccessKeyId.NotFound") }
    bench.refresher.sourceChanged("main")
    #expect(bench.cloud.orders.map(\.order.role.name.description) == ["a", "b", "a"])
  }

  @Test
  func `a key that is accepted again lets only the roles that it failed try at once, and no call under way is in vain`()
    throws
  {
    let bench = try Bench()
    let hanging = bench.add("hanging")
    bench.add("key")
    bench.add("denied")
    for id in bench.cloud.waiting.dropFirst() {
      let name = bench.cloud.orders.first { $0.id == id }?.order.role.name.description
      bench.fail(id, .permanent, code: name == "key" ? "InvalidAccessKeyId.Inactive" : "NoPermission")
    }
    bench.refresher.keyAcceptedAgain("main")
    #expect(bench.cloud.orders.map(\.order.role.name.description) == ["hanging", "key", "denied", "key"])
    bench.fail(bench.cloud.waiting[0], .transient, code: "Timeout")
    #expect(hanging.machine.lastFailure?.code == "Timeout")
  }

  /// It had to wait for half a minute and more for an answer to the old key.
  @Test func `a call that another AccessKey has overtaken is made again at once if it fails, and counts for nothing`()
    throws
  {
    let bench = try Bench()
    let role = bench.add("a")
    bench.add("b", source: "other")
    bench.refresher.sourceChanged("main")
    for id in bench.cloud.waiting { bench.fail(id, .permanent, code: "InvalidAccessKeyId.NotFound") }
    #expect(bench.cloud.orders.map(\.order.role.name.description) == ["a", "b", "a"])
    #expect(role.machine.lastFailure == nil && !role.machine.hasHadOutcome)
    bench.fail(bench.cloud.waiting[0], .permanent, code: "NoPermission")
    bench.advance(.seconds(20))
    #expect(bench.cloud.orders.count == 3 && role.machine.lastFailure?.code == "NoPermission")
  }

  /// The roles that were answered wait for long, and another one for a minute.
  @Test func `what an endpoint asked for holds all roles until it is another one`() throws {
    let bench = try Bench()
    for name in ["a", "b", "c"] { bench.add(name) }
    bench.grant(bench.cloud.waiting[2])
    let late = bench.cloud.waiting[1]
    bench.fail(bench.cloud.waiting[0], notBefore: .seconds(200))
    bench.advance(.seconds(10))
    bench.refresher.sendToAll(.mayBeFixed)
    #expect(bench.cloud.orders.count == 3)
    bench.refresher.peerChanged()
    bench.refresher.sendToAll(.mayBeFixed)
    bench.advance(.seconds(5))
    // Whom the old one still answers to waits for nothing of it either.
    bench.fail(late, notBefore: .seconds(200))
    // No burst follows, and a role that fails with nothing to lose leaves the last token to those that work.
    bench.advance(.milliseconds(20))
    #expect(bench.cloud.orders.map(\.order.role.name.description) == ["a", "b", "c", "b", "a"])
  }

  @Test func `a lapsed identity is renewed once before the retry`() throws {
    let bench = try Bench()
    bench.add("a")
    bench.fail(bench.cloud.waiting[0], .identityLapsed, code: "InvalidSecurityToken.Expired")
    #expect(bench.cloud.identityRenewals == 1)
    bench.fail(bench.cloud.waiting[0], .identityLapsed, code: "InvalidSecurityToken.Expired")
    #expect(bench.cloud.identityRenewals == 1)
  }

  @Test func `a refused date makes the retry carry the server's time`() throws {
    let bench = try Bench()
    bench.add("a")
    let host = bench.cloud.orders[0].order.date
    let right = UTCTime(seconds: host.seconds + 86_400)
    bench.cloud.answer(
      bench.cloud.waiting[0],
      IssueOutcome(
        result: .refused(Failure(.skew, code: "InvalidTimeStamp.Expired", advice: "")), date: right, sent: bench.now))
    #expect(bench.cloud.orders.count == 2)
    #expect(bench.cloud.orders[1].order.date.seconds - right.seconds == 1)
  }

  @Test func `a role whose sessions stay good keeps them through a change of its timing`() throws {
    let bench = try Bench()
    let role = bench.add("a")
    bench.grantAll()
    var timing = role.settings.timing
    timing.floor = .minutes(50)
    bench.refresher.change(role, to: Bench.role("a", timing: timing))
    #expect(role.machine.generation == 1)
    #expect(role.machine.headroom(at: bench.now) < .minutes(11))
    #expect(bench.cloud.orders.count == 1)
  }

  @Test func `nothing is unserved while the timer is, and a forgotten timer is found`() throws {
    let bench = try Bench()
    bench.add("a")
    bench.grantAll()
    #expect(bench.refresher.unservedSince(bench.now) == nil)
    let later = bench.now + .hours(1)
    let since = try #require(bench.refresher.unservedSince(later))
    #expect(later - since > .minutes(30))
  }

  @Test func `a stepped wall clock moves nothing once the server has been heard`() throws {
    let bench = try Bench()
    let role = bench.add("a")
    bench.grantAll()
    let expires = role.current?.session.expires
    bench.refresher.wallClockStepped(toMicroseconds: (Bench.wall + 864_000) * 1_000_000)
    #expect(role.current?.session.expires == expires)
    #expect(role.isValid(at: bench.now))
  }

  @Test func `before the server has been heard a stepped wall clock signs the next request`() throws {
    let bench = try Bench()
    bench.add("a")
    bench.fail(bench.cloud.waiting[0])
    bench.refresher.wallClockStepped(toMicroseconds: (Bench.wall + 864_000) * 1_000_000)
    bench.advance(.seconds(2))
    #expect(bench.cloud.orders[1].order.date.seconds >= Bench.wall + 864_000)
  }
}
