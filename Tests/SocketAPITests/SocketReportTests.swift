import Core
import HTTPServer
import Refresh
import RefreshBench
import TestSupport
import Testing
import Wire

@testable import SocketAPI

/// Readers who report that a session is dead.
@Suite struct SocketReportTests {
  private let bench: SocketBench

  /// A role with a session in use, STS.2, and its standby.
  init() throws {
    bench = try SocketBench()
    let role = bench.add("a")
    bench.advance(.seconds(1))
    bench.refresher.send(.refreshRequested, to: role)
    bench.refresh.grantAll()
  }

  private func report(_ id: String, _ peer: Peer = SocketBench.reader) -> Exchange {
    bench.ask("POST /v1/roles/a/report?access_key_id=\(id)", peer)
  }

  private func result(_ exchange: Exchange) -> SessionCheckResult? { exchange.reply?.document() }

  private static let dead = Failure(.permanent, code: "InvalidAccessKeyId.NotFound", httpStatus: 404, advice: "look")

  @Test func `a report must name a session that the role holds`() {
    let rule = "name the session: ?access_key_id=STS.…, the AccessKeyId of its credential"
    #expect(bench.ask("POST /v1/roles/a/report").problem?.detail == rule)
    #expect(report("").problem?.detail == "'access_key_id' is ''; \(rule)")
    #expect(report("").problem?.kind == .malformed)
    #expect(report("STS.7").problem?.kind == .sessionNotHeld)
    #expect(bench.cloud.checks.isEmpty)
  }

  @Test func `the reader is answered when STS answers, and reports in the next 30 s get the same at once`() {
    let exchanges = [report("STS.2"), report("STS.2", SocketBench.other)]
    #expect(exchanges.allSatisfy { $0.isOpen } && bench.cloud.checks.map(\.accessKeyID) == ["STS.2"])
    bench.advance(.seconds(1))
    bench.cloud.answerCheck(.inUse)
    #expect(exchanges.map { result($0)?.result } == [.inUse, .inUse])
    let line =
      "info: a reader reported this session as refused, but STS accepts it access_key_id=STS.2 code=none role=a"
    #expect(bench.lines.all == [line])
    // Counted from the request to STS.
    bench.advance(.milliseconds(28_999))
    #expect(result(report("STS.2"))?.result == .inUse)
    #expect(bench.cloud.checks.count == 1)
    bench.advance(.milliseconds(1))
    #expect(report("STS.2").isOpen && bench.cloud.checks.count == 2)
  }

  @Test func `a dead session is replaced before its reader is answered`() {
    let exchange = report("STS.2")
    var readThen: String?
    bench.sink.answered = { [unowned bench] _ in readThen = bench.read("a").reply?.accessKeyID }
    bench.cloud.answerCheck(.condemned(Self.dead))
    #expect(result(exchange)?.result == .condemned && readThen == "STS.1")
    #expect(report("STS.2").problem?.kind == .sessionNotHeld)
  }

  @Test func `a check without an answer is given up after nine seconds`() {
    let first = report("STS.2")
    bench.advance(.seconds(5))
    let (second, third) = (report("STS.1"), report("STS.2"))
    bench.advance(.milliseconds(3999))
    #expect(first.isOpen && third.isOpen)
    bench.advance(.milliseconds(1))
    #expect(result(first)?.code == "CheckTimeout" && result(third)?.code == "CheckTimeout" && second.isOpen)
    #expect(result(first)?.result == .unchecked && result(first)?.retryAfter == .seconds(21))
    #expect(bench.cloud.cancelled.count == 1)
    bench.advance(.seconds(5))
    #expect(result(second)?.code == "CheckTimeout")
    #expect(bench.lines.all.count == 2 && bench.lines.all[0].hasPrefix("warning: "))
    #expect(result(report("STS.2"))?.retryAfter == .seconds(16))
  }

  @Test func `a check that had no turn isn't remembered: the next report asks again`() throws {
    let bench = try SocketBench(rate: 0.1, burst: 1)
    bench.add("a")
    let first = bench.ask("POST /v1/roles/a/report?access_key_id=STS.1")
    bench.advance(.seconds(9))
    let result: SessionCheckResult? = first.reply?.document()
    #expect(result?.code == "CheckWaiting" && result?.retryAfter == nil && result?.checkedAt == nil)
    #expect(bench.ask("POST /v1/roles/a/report?access_key_id=STS.1").isOpen)
  }

  @Test func `the answer comes from the server that was asked`() {
    let exchange = report("STS.2")
    let server = RecordingSink()
    let unheard = Exchange(exchange.token)
    server.exchanges[exchange.token] = unheard
    bench.service.serve(on: server)
    bench.cloud.answerCheck(.inUse)
    #expect(result(exchange)?.result == .inUse && unheard.isOpen)
  }
}
