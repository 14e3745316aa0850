import Core
import TestSupport
import Testing
import Wire

@testable import HTTPServer
@testable import SocketAPI

/// The answers while there are no usable settings.
@Suite struct UnconfiguredServiceTests {
  private static let root = Peer(uid: 0, gid: 0, pid: 1, groups: [])
  private static let own = Peer(uid: 990, gid: 990, pid: 2, groups: [])
  private static let reader = Peer(uid: 1000, gid: 1000, pid: 3, groups: [])

  private let scheduler = VirtualScheduler()
  private let lines = LogRecorder()
  private let sink = RecordingSink()
  private let service: UnconfiguredService
  private let reloads = Reloads()

  private final class Reloads {
    var waiting: [(Bool) -> Void] = []
  }

  init() throws {
    let names = try UserNames(
      scheduler: scheduler, sources: UserNames.Sources(local: { _ in "anna" }, remote: { _ in nil }))
    service = try UnconfiguredService(
      StartProblem(place: "/etc/rolekeeper/rolekeeper.toml:14", errors: ["one: fix it", "two: fix it"]),
      access: AccessPolicy(ownUID: 990, admins: AccessRule()), scheduler: scheduler,
      callers: CallerLog(log: lines.log, names: names, program: { _, _ in nil })
    ) { [reloads] in reloads.waiting.append($0) }
    service.serve(on: sink)
  }

  private func ask(_ request: String, _ peer: Peer) -> Exchange {
    let exchange = Exchange(ResponseToken(slot: 0, serial: 1))
    sink.exchanges[exchange.token] = exchange
    var bytes = Array("\(request) HTTP/1.1\r\nHost: x\r\n\r\n".utf8)
    var span = bytes.mutableSpan
    guard let fields = try? HeadParser.parse(&span) else {
      preconditionFailure("a request that the server would refuse")
    }
    bytes.withUnsafeBufferPointer {
      if let response = service.respond(to: RequestHead(fields, $0, note: nil), from: peer, token: exchange.token) {
        exchange.replies.append(Reply(response))
      }
    }
    return exchange
  }

  @Test(arguments: ["GET /v1/roles/uploader/credentials", "GET /healthz", "GET /metrics", "GET /v1/reload", "POST /x"])
  func `any request gets administrators all errors, and others the place of the first`(request: String) throws {
    for peer in [Self.root, Self.own] {
      let problem = try #require(ask(request, peer).problem)
      #expect(
        problem.status == 503 && problem.kind == .settingsUnusable && problem.errors == ["one: fix it", "two: fix it"])
    }
    let exchange = ask(request, Self.reader)
    let problem = try #require(exchange.problem)
    #expect(exchange.status == 503 && problem.errors.isEmpty)
    #expect(
      problem.detail
        == "the daemon can't use its settings: /etc/rolekeeper/rolekeeper.toml:14; an administrator corrects what "
        + "'sudo rolekeeper check' lists, then runs: sudo systemctl reload rolekeeper")
    #expect(reloads.waiting.isEmpty)
  }

  @Test func `only administrators may reload`() {
    #expect(ask("POST /v1/reload", Self.reader).status == 503 && reloads.waiting.isEmpty)
    #expect(ask("POST /v1/reload", Self.own).isOpen && reloads.waiting.count == 1)
  }

  @Test func `a reload with good settings succeeds, one with bad settings is answered with the errors`()
    throws
  {
    let failed = ask("POST /v1/reload", Self.root)
    service.problem = StartProblem(place: "/etc/x:2", errors: ["three"])
    reloads.waiting.removeFirst()(false)
    #expect(
      failed.status == 503 && failed.problem?.errors == ["three"] && failed.problem?.detail.contains("/etc/x:2") == true
    )
    let done = ask("POST /v1/reload?allow_removal=1", Self.root)
    reloads.waiting.removeFirst()(true)
    let outcome: ReloadOutcome? = done.reply?.document()
    #expect(done.status == 200 && outcome?.warnings == [])
  }

  @Test func `a refused connection is logged with its user`() {
    service.refused(Self.reader, .userConnections)
    service.flushLog()
    #expect(lines.all.count == 1, "\(lines.all)")
  }
}
