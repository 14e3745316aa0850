import Core
import Refresh
import RefreshBench
import Settings
import TestSupport
import Testing
import Wire

@testable import SocketAPI

/// Sessions for tasks: who gets them, and what becomes of them.
@Suite struct SocketScopeTests {
  private let bench: SocketBench
  private let role: ManagedRole
  /// May read the scope `encode` and nothing else.
  private static let encoder = SocketBench.stranger

  init() throws {
    bench = try SocketBench()
    var settings = SocketBench.settings("a")
    settings.policy = Array("{}".utf8)
    settings.derivation = Self.derivation()
    bench.refresher.add(settings)
    bench.refresh.grantAll()
    role = bench.refresher.roles[settings.name]!
  }

  private static func derivation(_ policy: String = "[1]", scopes: [String] = ["encode", "list"]) -> Derivation {
    Derivation(
      DerivedSettings(
        scopes: scopes.map { name in
          ScopeSettings(
            name: RoleName(name)!, policy: Array(policy.utf8),
            readers: name == "encode" ? AccessRule(uids: [encoder.uid]) : nil)
        }))
  }

  /// Lets time pass in a cloud that answers within seconds.
  private func pass(_ span: Duration) {
    let end = bench.scheduler.time + span
    while bench.scheduler.time < end {
      bench.advance(.seconds(5))
      bench.refresh.grantAll()
    }
  }

  private func reload(_ derivation: Derivation) {
    var settings = role.settings
    settings.derivation = derivation
    bench.change(role, to: settings)
  }

  @Test func `the first read fetches a session with the scope's policy, later reads get the same`() throws {
    let reader = bench.read("a", "?scope=encode")
    #expect(reader.isOpen && bench.cloud.orders.count == 2)
    let order = try #require(bench.cloud.orders.last?.order)
    #expect(order.role.policy == Array("[1]".utf8))
    #expect(try order.role.sessionName.expand(host: "h", role: order.role.name, slot: "0") == "h-a-encode")
    bench.refresh.grantAll()
    #expect(reader.reply?.accessKeyID == "STS.2")
    #expect(bench.read("a", "?scope=encode", Self.encoder).reply?.accessKeyID == "STS.2")
    #expect(bench.read("a").reply?.accessKeyID == "STS.1", "the role's own session is another one")
    #expect(bench.cloud.orders.count == 2)
    bench.scheduler.settle()
    let lines = bench.lines.all.filter { $0.contains("credential handed out") && $0.contains("scope=encode") }
    #expect(lines.count == 2 && lines.allSatisfy { $0.contains("role=a") && $0.contains("access_key_id=STS.2") })
  }

  @Test func `a reader that isn't ready to wait learns that the session is on its way`() {
    let reader = bench.read("a", "?scope=encode&wait=0")
    #expect(reader.problem?.kind == .noSession)
    #expect(reader.problem?.detail == "scope 'encode' of role 'a' has no valid session; a session is being fetched")
    bench.refresh.grantAll()
    #expect(bench.read("a", "?scope=encode&wait=0").reply?.accessKeyID == "STS.2")
  }

  @Test func `a reader of the scope alone gets nothing else of the role`() throws {
    #expect(bench.read("a", "", Self.encoder).status == 403)
    let other = bench.read("a", "?scope=list", Self.encoder)
    #expect(other.status == 403 && other.problem?.detail.contains("'roles.a.scopes.list.allow'") == true)
    #expect(bench.ask("GET /v1/roles/a", Self.encoder).status == 403)
    #expect(bench.ask("GET /v1/roles/a/healthz", Self.encoder).status == 403)
    #expect(bench.ask("POST /v1/roles/a/report?access_key_id=STS.1", Self.encoder).status == 403)
    #expect(bench.ask("GET /v1/events?role=a", Self.encoder).status == 403)
    #expect(bench.cloud.orders.count == 1, "nobody was fetched a session")
    let list: RoleList = try #require(bench.ask("GET /v1/roles", Self.encoder).reply?.document())
    #expect(list.roles.isEmpty)
    #expect(list.scopes == [ScopeStatus(role: "a", name: "encode")])
  }

  /// The advice was to name the user in the role's allow, which opens all of the role.
  @Test func `a refusal names the scope that is open to the reader`() {
    let open =
      "; use '--scope encode', which is open to that user; otherwise name that user or one of its groups in 'roles.a."
    for query in ["", "?scope=list"] {
      let answer = bench.read("a", query, Self.encoder)
      #expect(answer.status == 403 && answer.problem?.detail.contains(open) == true, "\(answer.problem?.detail ?? "")")
    }
    #expect(SocketService.instead([]).isEmpty)
    let two = SocketService.instead([RoleName("a")!, RoleName("b")!])
    #expect(two == "use '--scope a' or '--scope b', which are open to that user; otherwise ")
  }

  @Test func `who may read neither the role nor the scope isn't shown which scopes there are`() throws {
    let nobody = Peer(uid: 3000, gid: 3000, pid: 75, groups: [])
    for scope in ["encode", "none"] {
      let answer = bench.read("a", "?scope=\(scope)", nobody)
      #expect(answer.status == 403 && answer.problem?.detail.contains("list") == false)
    }
    let list: RoleList = try #require(bench.ask("GET /v1/roles", nobody).reply?.document())
    #expect(list.roles.isEmpty && list.scopes.isEmpty)
  }

  @Test func `an unknown scope is named with the ones that the reader may have`() {
    let reader = bench.read("a", "?scope=encod")
    #expect(reader.status == 404 && reader.problem?.kind == .scopeNotFound)
    #expect(reader.problem?.detail == "role 'a' has no scope 'encod'; did you mean 'encode'? it has 'encode', 'list'")
    let stranger = bench.read("a", "?scope=lists", Self.encoder)
    #expect(stranger.problem?.detail == "role 'a' has no scope 'lists'; it has 'encode'")
    #expect(bench.read("a", "?scope=").status == 404)
    #expect(bench.ask("POST /v1/roles/a/refresh?scope=encode", SocketBench.admin).status == 400)
  }

  @Test func `the status of a role has its scopes, and that of a scope is to be had alone`() throws {
    bench.read("a", "?scope=encode")
    bench.refresh.grantAll()
    let status: RoleStatus = try #require(bench.ask("GET /v1/roles/a").reply?.document())
    #expect(status.scopes.map(\.name) == ["encode", "list"])
    #expect(status.scopes.map(\.accessKeyID) == ["STS.2", nil] && status.scopes.map(\.state) == [.valid, nil])
    let scope: ScopeStatus = try #require(bench.ask("GET /v1/roles/a?scope=encode", Self.encoder).reply?.document())
    #expect(scope == status.scopes[0])
  }

  @Test func `a failed fetch is the scope's alone`() {
    let reader = bench.read("a", "?scope=encode")
    bench.refresh.fail(bench.cloud.waiting[0], .permanent, code: "NoPermission")
    #expect(reader.status == 503 && reader.problem?.code == "NoPermission")
    #expect(role.machine.lastFailure == nil && role.outcomes == ["Success": 1])
    #expect(role.derivedSessions?.fetches.all == ["NoPermission": 1])
    #expect(bench.read("a").reply?.accessKeyID == "STS.1")
  }

  // MARK: - Use

  @Test func `a session is renewed while it is used, and dropped with its secrets when it isn't any more`() throws {
    bench.read("a", "?scope=encode")
    bench.refresh.grantAll()
    let secrets = bench.refresh.heldSecrets
    var ids: Set<String> = []
    for _ in 0..<12 {
      pass(.minutes(10))
      ids.insert(try #require(bench.read("a", "?scope=encode").reply?.accessKeyID))
    }
    #expect(ids.count > 4, "renewed as often as the role's own")
    #expect(bench.refresher.sessionCount == 3)
    pass(.minutes(119))
    #expect(role.derivedSessions?.members.count == 1, "not idle for long enough")
    bench.advance(.minutes(2))
    #expect(role.derivedSessions?.members.isEmpty == true && bench.refresher.sessionCount == 2)
    #expect(bench.refresh.heldSecrets < secrets + 2)
  }

  @Test func `a session that nobody reads at present has no document`() throws {
    bench.read("a", "?scope=encode")
    bench.refresh.grantAll()
    let session = try #require(role.derivedSessions?.members.values.first)
    #expect(session.current != nil)
    bench.advance(.minutes(2))
    bench.refresh.grantAll()
    #expect(session.current == nil && session.isValid(at: bench.scheduler.time))
    let reply = try #require(bench.read("a", "?scope=encode").reply)
    #expect(reply.status == 200 && reply.field("Rolekeeper-Generation") == "\(session.generation)")
    #expect(session.current != nil)
  }

  @Test func `generations go up, over a session that was dropped, too`() throws {
    bench.read("a", "?scope=encode")
    bench.refresh.grantAll()
    let first = try #require(role.derivedSessions?.members.values.first?.generation)
    reload(Self.derivation("[2]"))
    bench.read("a", "?scope=encode")
    bench.refresh.grantAll()
    #expect(try #require(role.derivedSessions?.members.values.first?.generation) > first)
  }

  @Test func `a longer session is fetched for a reader of the scope alone`() throws {
    bench.read("a", "?scope=encode")
    bench.refresh.grantAll()
    let reader = bench.read("a", "?scope=encode&min_ttl=7200")
    bench.advance(.milliseconds(500))
    let order = try #require(bench.cloud.orders.last?.order)
    #expect(order.duration == .seconds(9060) && order.role.policy == Array("[1]".utf8))
    bench.refresh.grantAll()
    #expect(reader.reply?.accessKeyID == "STS.3" && role.machine.reserved == nil)
  }

  @Test func `a dead session is reported by its reader and replaced`() {
    bench.read("a", "?scope=encode", Self.encoder)
    bench.refresh.grantAll()
    #expect(bench.ask("POST /v1/roles/a/report?access_key_id=STS.1&scope=encode", Self.encoder).status == 404)
    let report = bench.ask("POST /v1/roles/a/report?access_key_id=STS.2&scope=encode", Self.encoder)
    bench.cloud.answerCheck(.condemned(Failure(.permanent, code: "InvalidSecurityToken.Expired", advice: "")))
    #expect(report.status == 200)
    bench.refresh.grantAll()
    #expect(bench.read("a", "?scope=encode", Self.encoder).reply?.accessKeyID == "STS.4")
    #expect(role.machine.freshest?.accessKeyID == "STS.1")
  }

  // MARK: - Events

  @Test func `a stream about a scope has its lines alone, and fetches its session`() throws {
    let events = bench.ask("GET /v1/events?role=a&scope=encode", Self.encoder)
    #expect(events.snapshot.map(\.scope) == ["encode"] && events.snapshot.map(\.state) == [.waiting])
    bench.refresh.grantAll()
    #expect(events.events.map(\.accessKeyID) == ["STS.2"] && events.kinds == [.rotated])
    bench.refresher.send(.refreshRequested, to: role)
    bench.refresh.grantAll()
    #expect(events.kinds == [.rotated])
    // Followed, it isn't idle.
    pass(.minutes(150))
    #expect(role.derivedSessions?.members.count == 1)
    #expect(events.events.allSatisfy { $0.scope == "encode" } && events.events.count > 4)
  }

  @Test func `a stream about all has the scopes that its reader may read`() {
    let all = bench.ask("GET /v1/events")
    let encoder = bench.ask("GET /v1/events", Self.encoder)
    let role = bench.ask("GET /v1/events?role=a")
    bench.read("a", "?scope=encode")
    bench.read("a", "?scope=list")
    bench.refresh.grantAll()
    #expect(all.events.map(\.scope) == ["encode", "list"] && encoder.events.map(\.scope) == ["encode"])
    #expect(role.events.isEmpty)
    #expect(bench.ask("GET /v1/events").snapshot.map(\.scope) == [nil, "encode", "list"])
  }

  // MARK: - Reload

  @Test func `another policy drops the scope's session, and a followed one is fetched again`() throws {
    bench.read("a", "?scope=encode")
    bench.read("a", "?scope=list")
    bench.refresh.grantAll()
    let events = bench.ask("GET /v1/events?role=a&scope=encode")
    reload(Self.derivation("[2]"))
    #expect(events.events.map(\.state) == [.lapsed])
    #expect(bench.cloud.orders.count == 4 && bench.cloud.orders.last?.order.role.policy == Array("[2]".utf8))
    bench.refresh.grantAll()
    #expect(events.events.last?.accessKeyID == "STS.4" && !events.isFinished)
    #expect(bench.read("a", "?scope=list&wait=0").status == 503, "no session with the old policy is handed out")
    #expect(bench.read("a").reply?.accessKeyID == "STS.1")
  }

  @Test func `a reader that waits goes on waiting for the session with the new policy`() {
    let reader = bench.read("a", "?scope=encode")
    let call = bench.cloud.waiting[0]
    reload(Self.derivation("[2]"))
    #expect(bench.cloud.cancelled == [call] && reader.isOpen)
    bench.refresh.grantAll()
    #expect(reader.reply?.accessKeyID == "STS.3")
  }

  @Test func `a scope that is removed answers those that wait, and ends its streams`() {
    let reader = bench.read("a", "?scope=encode")
    let events = bench.ask("GET /v1/events?role=a&scope=encode")
    reload(Self.derivation(scopes: ["list"]))
    #expect(reader.status == 404 && reader.problem?.kind == .scopeNotFound)
    #expect(events.isFinished)
    #expect(bench.read("a", "?scope=encode").status == 404)
    #expect(bench.cloud.waiting.isEmpty)
  }

  @Test func `a right that is revoked counts for those that wait`() {
    let reader = bench.read("a", "?scope=encode", Self.encoder)
    reload(
      Derivation(DerivedSettings(scopes: [ScopeSettings(name: RoleName("encode")!, policy: Array("[1]".utf8))])))
    #expect(reader.status == 403)
  }

  @Test func `a removed role takes its scopes along`() {
    let reader = bench.read("a", "?scope=encode")
    bench.remove(role)
    #expect(reader.status == 404 && bench.cloud.waiting.isEmpty && bench.refresher.sessionCount == 0)
  }

  @Test func `changed timing keeps the sessions of scopes`() {
    bench.read("a", "?scope=encode")
    bench.refresh.grantAll()
    var settings = role.settings
    settings.timing.floor = .minutes(10)
    bench.change(role, to: settings)
    #expect(bench.read("a", "?scope=encode").reply?.accessKeyID == "STS.2")
    #expect(role.derivedSessions?.members.values.first?.machine.timing.floor == .minutes(10))
  }
}
