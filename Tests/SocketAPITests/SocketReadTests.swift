import Core
import HTTPServer
import Refresh
import RefreshBench
import TestSupport
import Testing
import Wire

@testable import SocketAPI

/// Requests that are answered in the turn in which they arrive.
@Suite struct SocketReadTests {
  private let bench: SocketBench

  init() throws { bench = try SocketBench() }

  @Test func `a repeated read carries its role, until the settings revoke the right`() throws {
    let role = bench.add("a")
    let request = "GET /v1/roles/a/credentials"
    #expect(bench.ask(request).status == 200)
    let note = try #require(bench.sink.latestNote)
    #expect(bench.ask(request, note: note).status == 200 && bench.ask(request, note: note).status == 200)
    bench.close(role)
    #expect(bench.ask(request, note: note).status == 403)
    #expect(bench.ask(request, SocketBench.admin, note: note).status == 200)
    bench.remove(role)
    #expect(bench.ask(request, note: note).status == 404)
  }

  @Test func `a plain read gets the credential at once, and a user's first read of a session is logged`() throws {
    let role = bench.add("a")
    bench.run(nil, "/usr/bin/curl", as: SocketBench.reader)
    let reply = try #require(bench.read("a").reply)
    #expect(reply.status == 200 && reply.accessKeyID == "STS.1")
    #expect(reply.field("Rolekeeper-Generation") == "1" && reply.field("Rolekeeper-Below-Floor") == nil)
    let line =
      "notice: credential handed out access_key_id=STS.1 generation=1 pid=71 program=/usr/bin/curl role=a uid=1000 user=anna via=socket"
    #expect(bench.lines.all == [line])
    bench.read("a")
    #expect(bench.lines.all == [line])
    #expect(role.handouts.count(of: 1000) == 2)
    // Another user, and then another session.
    bench.read("a", "", SocketBench.other)
    bench.advance(.zero)
    #expect(
      bench.lines.all.dropFirst() == [
        "notice: credential handed out access_key_id=STS.1 generation=1 pid=72 role=a uid=1001 via=socket"
      ])
    bench.advance(.seconds(1))
    bench.refresher.send(.refreshRequested, to: role)
    bench.refresh.grantAll()
    bench.read("a")
    #expect(bench.lines.all.last?.hasPrefix("notice: credential handed out access_key_id=STS.2 generation=2") == true)
    #expect(bench.lines.all.count == 3 && bench.service.belowFloorAnswers == 0)
  }

  @Test func `a HEAD is answered like a GET and hands out nothing, also below the floor and with a query`() throws {
    let role = bench.add("a")
    for query in ["", "?wait=0", "?min_ttl=60"] {
      let exchange = bench.ask("HEAD /v1/roles/a/credentials\(query)")
      #expect(exchange.reply?.field("Rolekeeper-Generation") == "1")
    }
    let end = try #require(role.current).session.expires
    bench.scheduler.advance(to: end - .minutes(5))
    #expect(bench.ask("HEAD /v1/roles/a/credentials").reply?.field("Rolekeeper-Below-Floor") == "300")
    #expect(role.handouts.lines.isEmpty && bench.lines.all.isEmpty && bench.service.belowFloorAnswers == 0)
  }

  @Test func `below the floor each answer has the remaining time and is counted, after the lapse there is none`()
    throws
  {
    let role = bench.add("a")
    let end = try #require(role.current).session.expires
    bench.scheduler.advance(to: end - .minutes(20) - .microseconds(1))
    #expect(bench.read("a").reply?.field("Rolekeeper-Below-Floor") == nil)
    #expect(bench.service.belowFloorAnswers == 0)
    bench.scheduler.advance(to: end - .minutes(20))
    for query in ["", "?wait=3"] {
      #expect(bench.read("a", query).reply?.field("Rolekeeper-Below-Floor") == "1200")
    }
    #expect(bench.service.belowFloorAnswers == 2)
    bench.scheduler.advance(to: end - .seconds(15))
    let problem = try #require(bench.read("a").problem)
    #expect(problem.kind == .noSession && problem.detail.hasPrefix("role 'a' has no valid session; "))
    #expect(bench.service.belowFloorAnswers == 2)
  }

  @Test func `a session that lives long enough satisfies min_ttl at once`() {
    bench.add("a")
    #expect(bench.read("a", "?min_ttl=3000").reply?.accessKeyID == "STS.1")
    #expect(bench.cloud.orders.count == 1)
  }

  @Test func `without a session a read gets the reason and the time of the next attempt`() throws {
    let role = bench.add("a", granted: false)
    let waiting = try #require(bench.read("a").problem)
    #expect(waiting.kind == .noSession && waiting.retryAfter == .seconds(1) && waiting.code == nil)
    #expect(waiting.detail == "role 'a' has no valid session; a session is being fetched")
    bench.refresh.fail(bench.cloud.waiting[0], .permanent, code: "NoPermission")
    let failed = try #require(bench.read("a").problem)
    let next = role.machine.nextAttempt - bench.scheduler.time
    #expect(
      failed.code == "NoPermission" && failed.retryAfter == .seconds((next + .microseconds(1_999_999)).wholeSeconds))
    #expect(failed.detail.contains("; the last attempt failed: NoPermission: look; the next attempt is in "))
  }

  @Test func `if this process is about to end, the next attempt is the next process's`() throws {
    let role = bench.add("a", granted: false)
    bench.refresh.fail(bench.cloud.waiting[0], .permanent, code: "NoPermission")
    bench.service.restart = { [unowned bench] in bench.scheduler.time + .seconds(5) }
    let problem = try #require(bench.read("a").problem)
    #expect(problem.retryAfter == .seconds(6) && problem.detail.hasSuffix("the next attempt is in 5s"))
    // A later one changes nothing.
    let next = role.machine.nextAttempt
    bench.service.restart = { next + .seconds(1) }
    #expect(bench.service.nextAttempt(of: role) == next)
  }

  @Test func `a role whose attempt is queued reports that`() throws {
    let bench = try SocketBench(rate: 0.1, burst: 1)
    bench.add("a")
    bench.add("b", granted: false)
    let problem = try #require(bench.read("b").problem)
    #expect(problem.detail == "role 'b' has no valid session; the next attempt waits for its turn")
    // The rate allows it in ten seconds.
    #expect(problem.retryAfter == .seconds(11))
  }

  struct Refusal: Sendable, CustomTestStringConvertible {
    let request: String
    var peer = SocketBench.reader
    let kind: Problem.Kind
    let words: String
    var allowed: String?
    var testDescription: String { "\(request) by \(peer.uid)" }
  }

  @Test(arguments: [
    Refusal(request: "GET /v1/roles/b/credentials", kind: .notFound, words: "there is no role 'b'"),
    Refusal(request: "GET /v1/roles/B%3F/credentials", kind: .notFound, words: "there is no role 'B?'"),
    Refusal(request: "GET /v1/roles/a/credential", kind: .notFound, words: "paths are /v1/roles, /v1/roles/NAME,"),
    Refusal(request: "GET /", kind: .notFound, words: "/v1/reload, /healthz and /metrics"),
    Refusal(request: "GET /v2/roles", kind: .notFound, words: "paths are"),
    Refusal(request: "GET /v1/status/", kind: .notFound, words: "paths are"),
    Refusal(
      request: "GET /v1/roles/a/credentials", peer: SocketBench.stranger, kind: .forbidden,
      words: "name that user or one of its groups in 'roles.a.allow'"),
    Refusal(request: "GET /v1/roles/a", peer: SocketBench.stranger, kind: .forbidden, words: "uid 2000"),
    Refusal(request: "GET /v1/roles/a/healthz", peer: SocketBench.stranger, kind: .forbidden, words: "uid 2000"),
    Refusal(request: "POST /v1/roles/a/report", peer: SocketBench.stranger, kind: .forbidden, words: "uid 2000"),
    Refusal(
      request: "POST /v1/roles/a/refresh", kind: .forbidden, words: "name uid 1000 (anna) in 'access.admin_users'"),
    Refusal(request: "GET /v1/status", kind: .forbidden, words: "this is for administrators"),
    Refusal(request: "GET /metrics", kind: .forbidden, words: "this is for administrators"),
    Refusal(request: "POST /v1/reload", kind: .forbidden, words: "this is for administrators"),
    Refusal(request: "POST /v1/roles/a/credentials", kind: .methodNotAllowed, words: "GET, HEAD", allowed: "GET, HEAD"),
    Refusal(request: "DELETE /v1/roles", kind: .methodNotAllowed, words: "GET, HEAD", allowed: "GET, HEAD"),
    Refusal(request: "GET /v1/roles/a/report", kind: .methodNotAllowed, words: "POST", allowed: "POST"),
    Refusal(
      request: "GET /v1/roles/a/refresh", peer: SocketBench.admin, kind: .methodNotAllowed, words: "POST",
      allowed: "POST"),
    Refusal(request: "GET /v1/roles/a/credentials?waits=3", kind: .malformed, words: "did you mean 'wait'?"),
    Refusal(request: "GET /v1/roles/a/credentials?x=3", kind: .malformed, words: "takes 'min_ttl' and 'wait'"),
    Refusal(request: "GET /v1/roles?wait=3", kind: .malformed, words: "this path takes none"),
    Refusal(request: "GET /v1/roles/a/credentials?wait=61", kind: .malformed, words: "write whole seconds, 0 to 60"),
    Refusal(request: "GET /v1/roles/a/credentials?min_ttl=1h", kind: .malformed, words: "'min_ttl' is '1h'; write"),
    Refusal(
      request: "POST /v1/roles/a/refresh?wait=x", peer: SocketBench.admin, kind: .malformed, words: "'wait' is 'x'"),
    Refusal(
      request: "POST /v1/reload?allow_removal=yes", peer: SocketBench.admin, kind: .malformed,
      words: "'allow_removal' is 'yes'; write 0 or 1"),
  ])
  func `a bad request is refused with what to write instead`(_ row: Refusal) {
    bench.add("a")
    let exchange = bench.ask(row.request, row.peer)
    #expect(exchange.problem?.kind == row.kind && exchange.status == row.kind.status)
    #expect(exchange.problem?.detail.contains(row.words) == true, "\(exchange.problem?.detail ?? "")")
    #expect(exchange.reply?.field("Allow") == row.allowed)
    #expect(bench.service.refusals == (row.kind == .forbidden ? 1 : 0))
  }

  @Test func `for a misspelled role name the nearest that the caller may read is suggested`() throws {
    bench.add("uploader")
    let near = try #require(bench.ask("GET /v1/roles/uplaoder/credentials", SocketBench.reader).problem)
    #expect(near.kind == .notFound && near.suggestion == "uploader")
    #expect(near.detail.hasPrefix("there is no role 'uplaoder'; did you mean 'uploader'? GET /v1/roles"))
    let far = try #require(bench.ask("GET /v1/roles/reports", SocketBench.reader).problem)
    #expect(far.suggestion == nil && far.detail.hasPrefix("there is no role 'reports'; GET"))
    let foreign = try #require(bench.ask("GET /v1/roles/uplaoder", SocketBench.stranger).problem)
    #expect(foreign.kind == .notFound && foreign.suggestion == nil && !foreign.detail.contains("uploader"))
  }

  @Test(arguments: [
    SocketBench.reader, SocketBench.other, SocketBench.admin, Peer(uid: 0, gid: 0, pid: 1, groups: []),
    Peer(uid: 990, gid: 990, pid: 1, groups: []),
  ])
  func `a role is read by its allowed users, root, the daemon's own user and administrators`(_ peer: Peer) {
    bench.add("a")
    #expect(bench.read("a", "", peer).status == 200)
  }
}
