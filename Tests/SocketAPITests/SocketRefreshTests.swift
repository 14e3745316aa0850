import CloudAPI
import Core
import HTTPServer
import Refresh
import RefreshBench
import Settings
import TestSupport
import Testing
import Wire

@testable import SocketAPI

/// Administrators who request a new session, with or without waiting for the outcome.
@Suite struct SocketRefreshTests {
  private let bench: SocketBench

  init() throws { bench = try SocketBench() }

  private func refresh(_ role: String, _ query: String = "") -> Exchange {
    bench.ask("POST /v1/roles/\(role)/refresh\(query)", SocketBench.admin)
  }

  @Test(arguments: ["", "?wait=0"]) func `a refresh without waiting is answered 202`(_ query: String) {
    bench.add("a")
    let exchange = refresh("a", query)
    #expect(exchange.status == 202 && exchange.reply?.body == "{\"role\":\"a\",\"refresh\":\"requested\"}\n")
    #expect(bench.cloud.orders.count == 2)
    bench.refresh.grantAll()
    #expect(exchange.replies.count == 1)
  }

  @Test func `a waiting refresh gets the role's status with the new session`() {
    bench.add("a")
    bench.advance(.seconds(1))
    let exchange = refresh("a", "?wait=10")
    #expect(exchange.isOpen)
    bench.refresh.grantAll()
    let status: RoleStatus? = exchange.reply?.document()
    #expect(exchange.status == 200 && status?.accessKeyID == "STS.2" && status?.fetched?.accessKeyID == "STS.2")
    #expect(status?.fetched?.asked == .hours(1))
    bench.advance(.seconds(20))
    #expect(exchange.replies.count == 1)
  }

  @Test func `a fetched session is named even if another one that lives longer is handed out`() {
    bench.add("a")
    bench.advance(.seconds(1))
    let exchange = refresh("a", "?wait=10")
    bench.refresh.grant(bench.cloud.waiting[0], life: .minutes(30))
    let status: RoleStatus? = exchange.reply?.document()
    #expect(status?.accessKeyID == "STS.1" && status?.fetched?.accessKeyID == "STS.2")
  }

  /// It was reported as refreshed, also while no machine of the tier answered and the role's fallback wasn't due.
  @Test(arguments: [true, false]) func `a tier that has nothing newer is no success unless it answers`(
    _ isAway: Bool
  ) throws {
    var settings = SocketBench.settings("a")
    settings.tier = TierRole()
    bench.refresher.add(settings)
    bench.refresh.grantAll()
    bench.advance(.seconds(1))
    let failure = Failure(.transient, code: "Connect", advice: "look")
    bench.backend.source = RoleSource(
      name: "tier", state: .working, error: isAway ? LastError(failure, since: nil) : nil)
    let exchange = refresh("a", "?wait=10")
    var outcome = IssueOutcome(result: .refused(failure), date: nil, sent: bench.scheduler.time)
    outcome.fromTier = IssueOutcome.FromTier(isUnchanged: true)
    bench.cloud.answer(try #require(bench.cloud.waiting.first), outcome)
    bench.scheduler.settle()
    if isAway {
      let problem = try #require(exchange.problem)
      #expect(problem.kind == .refreshFailed && problem.code == "Connect" && !problem.isPermanent)
      #expect(problem.detail.contains("the current credential lasts"))
    } else {
      let status: RoleStatus? = exchange.reply?.document()
      #expect(exchange.status == 200 && status?.accessKeyID == "STS.1" && status?.fetched == nil)
    }
  }

  @Test func `a failure is the answer, with what readers still have`() throws {
    let role = bench.add("a")
    bench.add("b", granted: false)
    bench.advance(.seconds(1))
    let (a, b) = (refresh("a", "?wait=10"), refresh("b", "?wait=10"))
    for id in bench.cloud.waiting { bench.refresh.fail(id, .permanent, code: "NoPermission") }
    let (kept, bare) = (try #require(a.problem), try #require(b.problem))
    #expect(kept.kind == .refreshFailed && kept.code == "NoPermission" && kept.isPermanent)
    #expect(
      kept.detail.hasPrefix("role 'a': the refresh failed: NoPermission: look; the current credential lasts 59min"))
    #expect(bare.detail.hasSuffix("look; there is no valid credential"))
    let next = role.machine.nextAttempt - bench.scheduler.time
    #expect(kept.retryAfter == .seconds((next + .microseconds(999_999)).wholeSeconds))
  }

  @Test func `a failure that is retried at once isn't the outcome`() {
    bench.add("a")
    bench.advance(.seconds(1))
    let exchange = refresh("a", "?wait=10")
    bench.refresh.fail(bench.cloud.waiting[0], .nonceUsed, code: "SignatureNonceUsed")
    #expect(exchange.isOpen && bench.cloud.waiting.count == 1)
    bench.refresh.fail(bench.cloud.waiting[0], .transient, code: "Connect")
    #expect(exchange.problem?.kind == .refreshFailed && exchange.problem?.isPermanent == false)
  }

  /// The outcome of an earlier attempt was taken for its own.
  @Test(arguments: [true, false]) func `a refresh that aborts a reservation awaits its own outcome`(_ hasFailed: Bool) {
    let role = bench.add("a")
    if hasFailed {
      bench.refresher.send(.refreshRequested, to: role)
      bench.refresh.fail(bench.cloud.waiting[0], .permanent, code: "NoPermission")
    }
    bench.advance(.seconds(1))
    let reader = bench.read("a", "?min_ttl=7200&wait=30")
    bench.advance(.milliseconds(500))
    let exchange = refresh("a", "?wait=10")
    #expect(bench.cloud.cancelled.count == 1 && exchange.isOpen && reader.isOpen)
    bench.refresh.grantAll()
    #expect(exchange.status == 200 && reader.isOpen)
    bench.refresh.grantAll()
    #expect(reader.status == 200)
  }

  @Test func `a waiting refresh is answered 202 at its own deadline`() {
    bench.add("a")
    bench.add("b")
    bench.advance(.seconds(1))
    let start = bench.scheduler.time
    let asked = [(role: "a", wait: 8), (role: "a", wait: 2), (role: "b", wait: 5)].map {
      (exchange: refresh($0.role, "?wait=\($0.wait)"), wait: $0.wait)
    }
    for second in 0..<9 {
      bench.scheduler.advance(to: start + .seconds(Int64(second)) + .milliseconds(999))
      #expect(asked.allSatisfy { $0.exchange.isOpen == ($0.wait > second) }, "after \(second) s")
    }
    #expect(asked.allSatisfy { $0.exchange.status == 202 })
    bench.refresh.grantAll()
    #expect(asked.allSatisfy { $0.exchange.replies.count == 1 })
  }

  @Test func `waiting refreshes are answered when the role is removed from the settings`() {
    let (a, b) = (bench.add("a"), bench.add("b"))
    let (first, second) = (refresh("a", "?wait=10"), refresh("b", "?wait=10"))
    bench.remove(a)
    #expect(first.problem?.kind == .notFound && second.isOpen)
    bench.refresher.remove(b.name)
    bench.advance(.seconds(10))
    #expect(second.problem?.detail == "role 'b' was taken out of the settings")
  }

  @Test func `a client that left is forgotten, and so are all when the server is replaced`() {
    bench.add("a")
    bench.advance(.seconds(1))
    let (gone, left) = (refresh("a", "?wait=10"), refresh("a", "?wait=10"))
    bench.service.abandoned(gone.token)
    let server = RecordingSink()
    let unheard = Exchange(left.token)
    server.exchanges[left.token] = unheard
    bench.refresh.grantAll()
    #expect(gone.isOpen && left.status == 200)
    let late = refresh("a", "?wait=10")
    server.exchanges[late.token] = unheard
    bench.service.serve(on: server)
    bench.refresh.grantAll()
    bench.advance(.seconds(20))
    #expect(late.isOpen && unheard.isOpen)
  }

  @Test func `an administrator's refresh doesn't observe a wait requested from all roles`() {
    let role = bench.add("a")
    bench.add("b", granted: false)
    bench.refresh.fail(bench.cloud.waiting[0], .throttled(wait: nil), code: "Throttling", notBefore: .seconds(60))
    bench.refresher.send(.refreshRequested, to: role)
    #expect(bench.cloud.waiting.isEmpty)
    _ = refresh("a")
    #expect(bench.cloud.waiting.count == 1)
  }
}
