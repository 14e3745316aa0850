import Core
import HTTPServer
import Refresh
import RefreshBench
import TestSupport
import Testing
import Wire

@testable import SocketAPI

/// Lists, health and administrators' requests.
@Suite struct SocketAnswerTests {
  private let bench: SocketBench

  init() throws { bench = try SocketBench() }

  private func list(_ peer: Peer = SocketBench.reader) -> RoleList? {
    bench.ask("GET /v1/roles", peer).reply?.document()
  }

  @Test func `each caller gets the list of the roles it may read, administrators all of them`() throws {
    bench.add("b")
    bench.add("a")
    bench.refresher.add(Bench.role("c"))
    let (reader, admin) = (try #require(list()), try #require(list(SocketBench.admin)))
    #expect(reader.roles.map(\.name) == ["a", "b"] && !reader.isAdmin)
    #expect(admin.roles.map(\.name) == ["a", "b", "c"] && admin.isAdmin)
    #expect(list(SocketBench.stranger)?.roles.isEmpty == true)
  }

  @Test func `a list is cached for 200 ms, and no longer than its settings are in force`() {
    let role = bench.add("a")
    _ = list()
    bench.advance(.microseconds(199_999))
    _ = list(Peer(uid: 1000, gid: 1000, pid: 99, groups: []))
    #expect(bench.backend.statusCount == 1)
    // Whether its timer has fired yet or not.
    bench.scheduler.time = bench.scheduler.time + .microseconds(1)
    _ = list()
    #expect(bench.backend.statusCount == 2)
    bench.close(role)
    #expect(list()?.roles.isEmpty == true)
  }

  @Test func `everybody may ask for the health, which has counts but no names`() throws {
    bench.add("a")
    let well: HealthAnswer? = bench.ask("GET /healthz", SocketBench.stranger).reply?.document()
    #expect(well?.status == .ok && well?.roles == 1)
    bench.backend.overall = Health([.noSession(role: "a", code: "NoPermission")])
    #expect(bench.ask("GET /healthz").status == 200, "it is kept for 200 ms")
    #expect(bench.backend.healthCount == 1)
    bench.advance(.milliseconds(200))
    let ill = try #require(bench.ask("GET /healthz", SocketBench.stranger).problem)
    #expect(ill.kind == .noSession && ill.detail.hasPrefix("the only role has no valid session; rolekeeper status"))
    bench.backend.overall = Health([.output(role: "a", path: "/x", error: "full")])
    bench.service.settingsChanged()
    let degraded: HealthAnswer? = bench.ask("GET /healthz").reply?.document()
    #expect(degraded?.status == .degraded && degraded?.detail == "1 credential file can't be written")
  }

  @Test func `a role's health gives reasons, but those that may name other roles only to administrators`() throws {
    let role = bench.add("a")
    func ask(_ peer: Peer) -> HealthAnswer? { bench.ask("GET /v1/roles/a/healthz", peer).reply?.document() }
    #expect(ask(SocketBench.reader)?.status == .ok && ask(SocketBench.reader)?.detail == nil)
    bench.backend.healthOfRole = Health([
      .settings(refusedAt: UTCTime(seconds: 0), errors: ["other role"]), .incompleteSettings(["another role"]),
      .caFile(error: "gone"),
    ])
    let (reader, admin) = (try #require(ask(SocketBench.reader)), try #require(ask(SocketBench.admin)))
    #expect(reader.status == .degraded && reader.detail?.contains("other role") == false)
    #expect(reader.detail?.contains("another role") == false && reader.detail?.contains("gone") == true)
    #expect(admin.detail?.contains("other role") == true && admin.detail?.contains("another role") == true)
    bench.refresher.send(.refreshRequested, to: role)
    bench.refresh.fail(bench.cloud.waiting[0], .permanent, code: "NoPermission")
    bench.backend.healthOfRole = Health([.noSession(role: "a", code: "NoPermission")])
    let failing = try #require(bench.ask("GET /v1/roles/a/healthz").problem)
    #expect(failing.kind == .noSession && failing.code == "NoPermission" && failing.detail.hasPrefix("role 'a' has no"))
  }

  @Test func `a role's status, the daemon's and the metrics are as the daemon gives them`() throws {
    bench.add("a")
    let role: RoleStatus? = bench.ask("GET /v1/roles/a").reply?.document()
    #expect(role?.name == "a" && role?.state == .valid && role?.fetched == nil)
    let report: StatusReport? = bench.ask("GET /v1/status", SocketBench.admin).reply?.document()
    #expect(report?.isHealthy == true)
    let metrics = try #require(bench.ask("GET /metrics", SocketBench.admin).reply)
    #expect(
      metrics.body.contains("rolekeeper_generation{role=\"a\"} 1\n")
        && metrics.field("Content-Type")?.hasPrefix("text/plain") == true)
  }

  @Test(arguments: [("", false), ("?allow_removal=0", false), ("?allow_removal=1", true)])
  func `a reload is answered when it is done`(_ query: String, _ allowsRemoval: Bool) {
    let exchange = bench.ask("POST /v1/reload\(query)", SocketBench.admin)
    #expect(exchange.isOpen && bench.backend.reloads.map(\.allowsRemoval) == [allowsRemoval])
    bench.backend.reloads[0].completion(.done(warnings: ["one role less"]))
    let outcome: ReloadOutcome? = exchange.reply?.document()
    #expect(outcome?.warnings == ["one role less"] && outcome?.movedTo == nil)
  }

  @Test func `a reload that moves the socket is answered by the old server with the new path`() {
    let exchange = bench.ask("POST /v1/reload", SocketBench.admin)
    let server = RecordingSink()
    let unheard = Exchange(exchange.token)
    server.exchanges[exchange.token] = unheard
    bench.service.serve(on: server)
    bench.backend.socketPath = "/run/elsewhere.sock"
    bench.backend.reloads[0].completion(.done(warnings: []))
    let outcome: ReloadOutcome? = exchange.reply?.document()
    #expect(outcome?.movedTo == "/run/elsewhere.sock" && unheard.isOpen)
  }

  @Test func `a refused reload is answered with the errors`() {
    let exchange = bench.ask("POST /v1/reload", SocketBench.admin)
    bench.backend.reloads[0].completion(.refused(["a.toml:3: no"]))
    #expect(exchange.problem?.kind == .settingsRefused && exchange.problem?.errors == ["a.toml:3: no"])
  }
}
