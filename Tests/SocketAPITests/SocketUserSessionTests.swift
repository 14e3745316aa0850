import Core
import Refresh
import RefreshBench
import Settings
import TestSupport
import Testing
import Wire

@testable import SocketAPI

/// Roles with a session for each user.
@Suite struct SocketUserSessionTests {
  private let bench: SocketBench
  private let role: ManagedRole

  init() throws {
    bench = try SocketBench()
    var settings = SocketBench.settings("a")
    settings.sessionName = .standardWithUser
    settings.readers = AccessRule(uids: [1000, 1001, 2000])
    settings.derivation = Derivation(
      DerivedSettings(
        scopes: [ScopeSettings(name: RoleName("encode")!, policy: Array("[1]".utf8))],
        users: UserSessions(most: 2, isSourceIdentity: true)))
    bench.refresher.add(settings)
    bench.refresh.grantAll()
    role = bench.refresher.roles[settings.name]!
  }

  private func name(_ place: Int) throws -> String {
    let order = bench.cloud.orders[place].order
    return try order.role.sessionName.expand(host: "h", role: order.role.name, slot: "0")
  }

  @Test func `each user gets a session of its own, under its name`() throws {
    let anna = bench.read("a")
    #expect(anna.isOpen && bench.cloud.orders.count == 2)
    bench.refresh.grantAll()
    let other = bench.read("a", "", SocketBench.other)
    bench.scheduler.settle()
    bench.refresh.grantAll()
    #expect([anna, other].map { $0.reply?.accessKeyID } == ["STS.2", "STS.3"])
    #expect(try [name(0), name(1), name(2)] == ["h-a-0", "h-a-anna", "h-a-u1001"])
    #expect(bench.cloud.orders.map(\.order.sourceIdentity) == [nil, "anna", "u1001"])
    #expect(bench.read("a").reply?.accessKeyID == "STS.2")
    #expect(role.current?.session.accessKeyID == "STS.1", "for files and units")
  }

  @Test func `a user of a name service has its name, too`() throws {
    let reader = bench.read("a", "", SocketBench.stranger)
    bench.scheduler.settle()
    bench.refresh.grantAll()
    #expect(try reader.reply?.accessKeyID == "STS.2" && name(1) == "h-a-mallory")
  }

  @Test func `without an answer of the name service the number does`() throws {
    bench.scheduler.callsHang = true
    let reader = bench.read("a", "", SocketBench.stranger)
    bench.advance(.seconds(3))
    bench.refresh.grantAll()
    #expect(try reader.reply?.accessKeyID == "STS.2" && name(1) == "h-a-u2000")
  }

  @Test func `scopes are per user, too`() throws {
    bench.read("a", "?scope=encode")
    bench.read("a", "?scope=encode", SocketBench.other)
    bench.scheduler.settle()
    bench.refresh.grantAll()
    #expect(try [name(1), name(2)] == ["h-a-anna@encode", "h-a-u1001@encode"])
  }

  @Test func `beyond max_users the one that is idle longest makes room, if it is idle for a while`() throws {
    bench.read("a")
    bench.refresh.grantAll()
    bench.advance(.minutes(1))
    bench.read("a", "", SocketBench.other)
    bench.scheduler.settle()
    bench.refresh.grantAll()
    let refused = bench.read("a", "", SocketBench.stranger)
    bench.scheduler.settle()
    #expect(refused.status == 429 && refused.problem?.kind == .tooManyUsers)
    #expect(refused.reply?.field("Retry-After") == "241")
    #expect(refused.problem?.detail.contains("2 users have a session, as many as 'roles.a.max_users' allows") == true)
    #expect(bench.lines.all.filter { $0.contains("session for another user refused") }.count == 1)
    bench.advance(.minutes(4))
    let reader = bench.read("a", "", SocketBench.stranger)
    bench.scheduler.settle()
    bench.refresh.grantAll()
    #expect(reader.status == 200)
    #expect(Set(role.derivedSessions!.members.keys.map(\.uid)) == [1001, 2000])
    #expect(bench.read("a", "?scope=encode").isOpen, "scopes have room of their own")
  }

  @Test func `a user's events are for the user and for admins`() {
    let anna = bench.ask("GET /v1/events?role=a")
    let other = bench.ask("GET /v1/events?role=a", SocketBench.other)
    let all = bench.ask("GET /v1/events", SocketBench.other)
    let admin = bench.ask("GET /v1/events", SocketBench.admin)
    bench.refresh.grantAll()
    #expect(anna.events.map(\.uid) == [1000] && other.events.isEmpty && all.events.isEmpty)
    #expect(admin.events.map(\.uid) == [1000])
    bench.scheduler.settle()
    bench.refresh.grantAll()
    #expect(anna.events.count == 1 && other.events.map(\.uid) == [1001] && all.events.map(\.uid) == [1001])
    #expect(admin.events.count == 2)
  }

  @Test func `nobody reports another user's session`() {
    bench.read("a")
    bench.refresh.grantAll()
    #expect(bench.ask("POST /v1/roles/a/report?access_key_id=STS.2", SocketBench.other).status == 404)
    #expect(bench.ask("POST /v1/roles/a/report?access_key_id=STS.2").isOpen)
  }

  @Test func `the status counts the users, and shows a reader its own session`() throws {
    bench.read("a")
    bench.refresh.grantAll()
    let own: RoleStatus = try #require(bench.ask("GET /v1/roles/a").reply?.document())
    #expect(own.userSessions?.count == 1 && own.userSessions?.most == 2 && own.userSessions?.accessKeyID == "STS.2")
    let other: RoleStatus = try #require(bench.ask("GET /v1/roles/a", SocketBench.other).reply?.document())
    #expect(other.userSessions?.count == 1 && other.userSessions?.accessKeyID == nil)
  }

  @Test func `after a reload to one session for all, users' sessions are gone`() {
    bench.read("a")
    bench.refresh.grantAll()
    var settings = role.settings
    (settings.derivation, settings.sessionName) = (.none, .standard)
    bench.change(role, to: settings)
    #expect(bench.read("a").reply?.accessKeyID == "STS.1" && role.derivedSessions?.members.isEmpty == true)
  }

  @Test func `two users that the host calls the same have different names`() throws {
    let key = { (uid: UInt32) in SessionKey(role: RoleName("a")!, uid: uid) }
    _ = bench.refresher.acquire(key(5), of: role, for: UserLabel(uid: 5, name: "anna"))
    _ = bench.refresher.acquire(key(6), of: role, for: UserLabel(uid: 6, name: "anna"))
    #expect(try [name(1), name(2)] == ["h-a-anna", "h-a-anna-u6"])
  }
}
