import Core
import HTTPServer
import Refresh
import RefreshBench
import Systemd
import TestSupport
import Testing

@testable import SocketAPI

/// Which callers are logged, how soon and how often.
@Suite struct SocketCallerTests {
  private let bench: SocketBench

  init() throws { bench = try SocketBench() }

  private static let first = "warning: request refused path=/metrics pid=71 program=/usr/bin/curl uid=1000 user=anna"

  @Test func `a refused client is logged at once, and then once a minute while it goes on`() {
    for _ in 0..<3 { bench.ask("GET /metrics") }
    #expect(bench.lines.all == [Self.first] && bench.service.refusals == 3)
    bench.advance(.milliseconds(59_999))
    #expect(bench.lines.all.count == 1)
    bench.advance(.milliseconds(1))
    let again = "warning: more requests refused in the last minute count=2 path=/metrics uid=1000 user=anna"
    #expect(bench.lines.all == [Self.first, again])
    bench.ask("GET /metrics")
    #expect(bench.lines.all.count == 2)
    bench.advance(.seconds(60))
    #expect(bench.lines.all.count == 3 && bench.lines.all.last?.contains("count=1") == true)
    // After a quiet minute it is logged at once again.
    bench.advance(.seconds(60))
    #expect(bench.lines.all.count == 3)
    bench.ask("GET /metrics")
    #expect(bench.lines.all.count == 4 && bench.lines.all.last == Self.first)
  }

  @Test func `each user is logged for each role and path`() {
    bench.add("a")
    bench.add("b")
    for name in ["a", "b", "a"] { bench.read(name, "", SocketBench.stranger) }
    bench.ask("GET /metrics", SocketBench.other)
    bench.ask("GET /metrics")
    bench.advance(.zero)
    #expect(
      bench.lines.all.sorted() == [
        Self.first, "warning: request refused path=/metrics pid=72 uid=1001",
        "warning: request refused pid=73 role=a uid=2000 user=mallory",
        "warning: request refused pid=73 role=b uid=2000 user=mallory",
      ])
  }

  @Test func `refused connections and accept floods are logged, too`() {
    bench.service.refused(SocketBench.reader, .malformed)
    bench.service.acceptFlood(by: 1000, 71)
    bench.service.acceptFlood(by: 1000, 71)
    #expect(
      bench.lines.all == [
        "warning: request refused pid=71 program=/usr/bin/curl reason=malformed uid=1000 user=anna",
        "warning: accept flood: one user opens connections faster than they can be accepted pid=71 program=/usr/bin/curl uid=1000 user=anna",
      ])
    bench.advance(.seconds(60))
    #expect(
      bench.lines.all.dropFirst(2) == [
        "warning: accept flood continues uid=1000 user=anna"
      ])
    #expect(bench.service.refusals == 0, "these are the server's")
  }

  @Test func `a line waits two seconds for a name service, then goes without the name`() {
    bench.scheduler.callsHang = true
    bench.ask("GET /metrics", SocketBench.stranger)
    bench.advance(.seconds(1))
    bench.ask("GET /v1/status", SocketBench.other)
    bench.advance(.milliseconds(999))
    #expect(bench.lines.all.isEmpty)
    bench.advance(.milliseconds(1))
    #expect(bench.lines.all == ["warning: request refused path=/metrics pid=73 uid=2000"])
    bench.advance(.seconds(1))
    #expect(bench.lines.all.dropFirst() == ["warning: request refused path=/v1/status pid=72 uid=1001"])
    // Its late answer is used by later lines, without waiting.
    bench.scheduler.callsHang = false
    bench.scheduler.settle()
    #expect(bench.lines.all.count == 2)
    bench.ask("GET /v1/status", SocketBench.stranger)
    #expect(bench.lines.all.last == "warning: request refused path=/v1/status pid=73 uid=2000 user=mallory")
  }

  @Test func `when the process ends, lines don't wait`() {
    bench.scheduler.callsHang = true
    bench.ask("GET /metrics", SocketBench.stranger)
    bench.service.flushLog()
    #expect(bench.lines.all == ["warning: request refused path=/metrics pid=73 uid=2000"])
    bench.scheduler.callsHang = false
    bench.advance(.seconds(3))
    #expect(bench.lines.all.count == 1)
  }

  @Test func `without a free thread lines go without names`() {
    bench.scheduler.callRefusal = LoopError(attempt: "start a thread", errno: 11)
    bench.ask("GET /metrics", SocketBench.stranger)
    #expect(bench.lines.all == ["warning: request refused path=/metrics pid=73 uid=2000"])
  }

  @Test func `administrators may use the reserved connections`() {
    #expect(bench.service.isPrivileged(SocketBench.admin) && !bench.service.isPrivileged(SocketBench.reader))
    bench.service.access = AccessPolicy(ownUID: 990, admins: AccessRule(uids: [1000]))
    #expect(!bench.service.isPrivileged(SocketBench.admin) && bench.service.isPrivileged(SocketBench.reader))
  }
}
