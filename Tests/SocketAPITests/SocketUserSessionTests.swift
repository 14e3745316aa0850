import Core
import LocalSockets
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

  /// A session had the number in place of the name for as long as it was used, if the name service was slow once.
  @Test func `while the name service doesn't answer, no session is fetched, and the next read asks again`() throws {
    bench.scheduler.callsHang = true
    let reader = bench.read("a", "", SocketBench.stranger)
    let events = bench.ask("GET /v1/events?role=a", SocketBench.stranger)
    bench.advance(.seconds(3))
    #expect(reader.status == 503 && reader.problem?.detail.contains("wasn't found in time; ask again") == true)
    #expect(bench.cloud.orders.count == 1 && events.isFinished)
    bench.scheduler.callsHang = false
    bench.scheduler.settle()
    let again = bench.read("a", "", SocketBench.stranger)
    bench.scheduler.settle()
    bench.refresh.grantAll()
    #expect(try again.reply?.accessKeyID == "STS.2" && name(1) == "h-a-mallory")
  }

  @Test func `scopes are per user, too`() throws {
    bench.read("a", "?scope=encode")
    bench.read("a", "?scope=encode", SocketBench.other)
    bench.scheduler.settle()
    bench.refresh.grantAll()
    #expect(try [name(1), name(2)] == ["h-a-anna@encode", "h-a-u1001@encode"])
  }

  private func read(_ peer: Peer, _ query: String = "") -> Exchange {
    let reader = bench.read("a", query, peer)
    bench.scheduler.settle()
    bench.refresh.grantAll()
    return reader
  }

  private var users: Set<UInt32?> { Set(role.derivedSessions?.members.keys.map(\.uid) ?? []) }

  @Test func `beyond max_users the one that is idle longest makes room, if it is idle for a while`() throws {
    _ = read(SocketBench.reader)
    bench.advance(.minutes(1))
    _ = read(SocketBench.stranger)
    let refused = read(SocketBench.other)
    #expect(refused.status == 429 && refused.problem?.kind == .tooManyUsers)
    #expect(refused.reply?.field("Retry-After") == "241")
    #expect(refused.problem?.detail.contains("2 users have a session, as many as 'roles.a.max_users' allows") == true)
    #expect(bench.lines.all.filter { $0.contains("session for another user refused") }.count == 1)
    bench.advance(.minutes(4))
    #expect(read(SocketBench.other).status == 200)
    #expect(users == [1001, 2000])
    #expect(bench.read("a", "?scope=encode").isOpen, "scopes have room of their own")
  }

  /// One user of a group that may read the role has thousands of uids in a user namespace, and could keep all others out.
  @Test func `a user with a name takes the place of one without at once, and never the other way round`() {
    _ = read(SocketBench.other)
    _ = read(SocketBench.reader)
    #expect(read(SocketBench.stranger).status == 200)
    #expect(users == [1000, 2000])
    #expect(read(SocketBench.other).status == 429)
  }

  /// It stayed open and silent for ever.
  @Test func `a stream about a session for which there is no room is refused, or ended once that is known`() {
    _ = read(SocketBench.reader)
    _ = read(SocketBench.stranger)
    let early = bench.ask("GET /v1/events?role=a", SocketBench.other)
    bench.scheduler.settle()
    #expect(early.streamHead != nil && early.isFinished)
    let events = bench.ask("GET /v1/events?role=a", SocketBench.other)
    bench.scheduler.settle()
    #expect(events.status == 429 && events.streamHead == nil)
  }

  /// The stream was closed, and its reader didn't learn why.
  @Test func `a stream whose session makes room for another user's stays open, and goes on once there is room`() {
    let events = bench.ask("GET /v1/events?role=a", SocketBench.other)
    bench.scheduler.settle()
    bench.refresh.grantAll()
    #expect(events.events.last?.state == .valid)
    _ = read(SocketBench.reader)
    _ = read(SocketBench.stranger)
    #expect(users == [1000, 2000])
    #expect(events.events.last?.state == .lapsed && events.events.last?.accessKeyID == nil && !events.isFinished)
    let count = events.events.count
    bench.advance(.minutes(4))
    #expect(events.events.count == count && events.heartbeats.count >= 8 && !events.isFinished)
    bench.advance(.minutes(2))
    bench.refresh.grantAll()
    #expect(events.events.last?.state == .valid && events.events.last?.accessKeyID != nil && !events.isFinished)
    #expect(users.contains(1001))
  }

  /// Each one's look-up led to the other's.
  @Test func `the names of two users without room aren't looked up over and over`() {
    let own = Peer(uid: 990, gid: 990, pid: 75, groups: [])
    let streams = [SocketBench.other, own].map { bench.ask("GET /v1/events?role=a", $0) }
    bench.scheduler.settle()
    bench.refresh.grantAll()
    _ = read(SocketBench.reader)
    _ = read(SocketBench.stranger)
    #expect(users == [1000, 2000])
    bench.advance(.seconds(31))
    #expect((0..<20).contains { _ in !bench.scheduler.turn() })
    #expect(streams.allSatisfy { $0.events.last?.state == .lapsed && !$0.isFinished })
  }

  @Test func `a user without a name whom a stream follows makes room after one whom none does`() {
    let own = Peer(uid: 990, gid: 990, pid: 75, groups: [])
    _ = bench.ask("GET /v1/events?role=a", SocketBench.other)
    bench.scheduler.settle()
    bench.refresh.grantAll()
    bench.advance(.seconds(1))
    _ = read(own)
    #expect(read(SocketBench.reader).status == 200)
    #expect(users == [1000, 1001])
  }

  /// It waited for its whole time.
  @Test func `a reader that waits for a session which makes room for another user's is refused at once`() {
    let waiting = bench.read("a", "?wait=60", SocketBench.other)
    bench.scheduler.settle()
    #expect(waiting.isOpen && users == [1001])
    bench.read("a", "", SocketBench.reader)
    bench.read("a", "", SocketBench.stranger)
    bench.scheduler.settle()
    #expect(users == [1000, 2000] && waiting.status == 429)
  }

  @Test func `that there is no room is logged for each scope`() {
    for query in ["", "?scope=encode"] {
      for peer in [SocketBench.reader, SocketBench.stranger, SocketBench.other, SocketBench.other] {
        _ = read(peer, query)
      }
    }
    let lines = bench.lines.all.filter { $0.contains("session for another user refused") }
    #expect(lines.map { $0.contains("scope=encode") } == [false, true])
  }

  @Test func `a lower max_users counts from the reload on, for those that have been idle longest`() {
    _ = read(SocketBench.reader)
    bench.advance(.minutes(1))
    _ = read(SocketBench.other)
    reload { $0.users?.most = 1 }
    #expect(users == [1001])
  }

  @Test func `sessions that there are get their SourceIdentity, or lose it, at the reload that changes that`() {
    _ = read(SocketBench.reader)
    reload { $0.users?.isSourceIdentity = false }
    #expect(bench.cloud.orders.count == 3 && bench.cloud.orders[2].order.sourceIdentity == nil)
    bench.refresh.grantAll()
    #expect(read(SocketBench.reader).reply?.accessKeyID == "STS.3")
  }

  /// It was renewed for as long as `idle`, though nobody could have it.
  @Test func `after a reload that changes the readers, a session is renewed once somebody reads it again`() {
    _ = read(SocketBench.reader)
    var settings = role.settings
    let readers = settings.readers
    settings.readers = AccessRule(uids: [1001])
    bench.change(role, to: settings)
    let count = bench.cloud.orders.count
    bench.advance(.minutes(40))
    #expect(bench.cloud.orders.dropFirst(count).allSatisfy { $0.order.sourceIdentity == nil })
    settings.readers = readers
    bench.change(role, to: settings)
    #expect(bench.read("a").reply?.accessKeyID == "STS.2")
    bench.refresh.grantAll()
    #expect(bench.cloud.orders.last?.order.sourceIdentity == "anna")
  }

  @Test func `a session that a stream follows goes on being renewed after such a reload`() {
    _ = bench.ask("GET /v1/events?role=a")
    bench.refresh.grantAll()
    var settings = role.settings
    settings.readers = AccessRule(uids: [1000])
    bench.change(role, to: settings)
    let count = bench.cloud.orders.count
    bench.advance(.minutes(40))
    #expect(bench.cloud.orders.dropFirst(count).contains { $0.order.sourceIdentity == "anna" })
  }

  private func reload(_ change: (inout DerivedSettings) -> Void) {
    var settings = role.settings
    var derived = settings.derivation.settings!
    change(&derived)
    settings.derivation = Derivation(derived)
    bench.change(role, to: settings)
  }

  @Test func `calls for users leave the last of the client's connections to roles`() {
    reload { $0.users?.most = 100 }
    for uid in 3000..<3020 as Range<UInt32> { acquire(uid, "name\(uid)") }
    #expect(bench.cloud.waiting.count == 12)
    bench.refresher.send(.refreshRequested, to: role)
    #expect(bench.cloud.waiting.count == 13 && bench.cloud.orders.last?.order.sourceIdentity == nil)
    bench.refresh.grantAll()
    #expect(bench.cloud.orders.count == 22)
  }

  private func acquire(_ uid: UInt32, _ name: String?) {
    let role = bench.refresher.roles[role.name]!
    _ = bench.refresher.acquire(
      SessionKey(role: role.name, uid: uid), of: role, for: UserLabel(uid: uid, name: name))
  }

  /// The numbers of a session that was renewed more often than there were seconds went down.
  @Test func `generations go up when the role itself is replaced`() throws {
    _ = read(SocketBench.reader)
    let session = try #require(role.derivedSessions?.members.values.first)
    for _ in 0..<5 {
      bench.refresher.send(.refreshRequested, to: session)
      bench.refresh.grantAll()
    }
    let generation = session.generation
    let settings = role.settings
    bench.remove(role)
    bench.refresher.add(settings)
    bench.refresh.grantAll()
    let reply = try #require(read(SocketBench.reader).reply)
    #expect(UInt64(reply.field("Rolekeeper-Generation") ?? "") ?? 0 > generation)
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

  @Test func `nobody gets a name that another user had before`() throws {
    acquire(5, "anna")
    reload { $0.users = nil }
    reload { $0.users = UserSessions(most: 2) }
    acquire(6, "anna")
    #expect(try name(bench.cloud.orders.count - 1) == "h-a-anna-u6")
  }
}
