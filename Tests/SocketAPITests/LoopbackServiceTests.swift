import Core
import LocalSockets
import Logs
import Refresh
import RefreshBench
import Settings
import Systemd
import TestSupport
import Testing
import Wire

@testable import HTTPServer
@testable import SocketAPI

/// The loopback URI with manual time, callers as the test has them, and a user database of the test's.
@Suite struct LoopbackServiceTests {
  private final class Sink: LoopbackSink {
    let recorder: RecordingSink
    var caller: Result<UInt32, CallerDoubt> = .success(1000)

    init(_ recorder: RecordingSink) { self.recorder = recorder }

    func callerUID(of token: ResponseToken) -> Result<UInt32, CallerDoubt> { caller }
    func complete(_ token: ResponseToken, _ response: Response) { recorder.complete(token, response) }
    func process(of token: ResponseToken) -> PeerProcess? { nil }
    func note(_ note: Int, for token: ResponseToken) {}
    func beginStream(_ token: ResponseToken, head: any ResponseBytes) -> Bool { false }
    func send(_ token: ResponseToken, _ bytes: any ResponseBytes) -> Bool { false }
    func finish(_ token: ResponseToken) {}
    func backlog(of token: ResponseToken) -> Int { 0 }
  }

  private let bench: SocketBench
  private let sink: Sink
  private let service: LoopbackService

  init() throws {
    bench = try SocketBench()
    sink = Sink(bench.sink)
    let scheduler = bench.scheduler
    bench.service.groups = try UserGroups(scheduler: scheduler) { uid in
      uid == 3000 ? [3000, 500] : uid == 3001 ? nil : []
    }
    service = try LoopbackService(LoopbackAddress("127.0.0.1:7180")!, of: bench.service, scheduler: scheduler)
    service.serve(on: sink)
    bench.service.loopback = [service]
  }

  @discardableResult
  private func ask(_ request: String, host: String? = "127.0.0.1:7180", _ headers: String = "", as uid: UInt32? = nil)
    -> Exchange
  {
    if let uid { sink.caller = .success(uid) }
    let exchange = Exchange(ResponseToken(slot: 1, serial: UInt64(bench.sink.exchanges.count + 1)), .unidentified)
    bench.sink.exchanges[exchange.token] = exchange
    let version = host == nil ? "HTTP/1.0" : "HTTP/1.1"
    var bytes = Array("\(request) \(version)\r\n\(host.map { "Host: \($0)\r\n" } ?? "")\(headers)\r\n".utf8)
    let fields = SocketBench.parse(&bytes)
    bytes.withUnsafeBufferPointer {
      if let response = service.respond(to: RequestHead(fields, $0), from: .unidentified, token: exchange.token) {
        exchange.replies.append(Reply(response))
      }
    }
    return exchange
  }

  @Test func `an allowed user gets the credential document, and its twin for AWS tools`() throws {
    let role = bench.add("a")
    let exchange = ask("GET /a")
    #expect(exchange.status == 200 && exchange.reply?.accessKeyID == "STS.1")
    #expect(exchange.reply?.body.contains(#""Code":"Success""#) == true)
    #expect(exchange.reply?.field("Cache-Control") == "no-store")
    let twin = ask("GET /a/aws")
    #expect(twin.status == 200 && twin.reply?.accessKeyID == "STS.1")
    #expect(twin.reply?.body.contains(#""Token":""#) == true && twin.reply?.body.contains("SecretAccessKey") == true)
    #expect(role.handouts.lines.map(\.uid) == [1000] && role.handouts.lines[0].count == 2)
    let line = try #require(bench.lines.all.first { $0.contains("credential handed out") })
    #expect(line.contains(" via=loopback") && line.contains(" uid=1000 user=anna") && !line.contains(" pid="))
  }

  /// Root and administrators read everything on the socket.
  @Test(arguments: [0, 990, 50, 2000, 65534] as [UInt32])
  func `nobody has a right that the role's allow doesn't name`(uid: UInt32) {
    bench.add("a")
    let exchange = ask("GET /a", as: uid)
    #expect(exchange.problem?.kind == .forbidden && exchange.reply?.body.contains("STS.") == false)
  }

  @Test func `root is served where allow names it`() {
    let role = bench.add("a")
    var settings = role.settings
    settings.readers = AccessRule(uids: [0])
    bench.change(role, to: settings)
    #expect(ask("GET /a", as: 0).status == 200)
    #expect(ask("GET /a", as: 1000).status == 403)
  }

  @Test func `units don't count, and the refusal says so`() {
    bench.add("a", for: ["*.service"], andUIDs: [])
    #expect(ask("GET /a").problem?.detail.contains("units don't count here") == true)
  }

  @Test(arguments: [CallerDoubt.gone, .other, .failed(2), .malformed])
  func `a caller who can't be identified gets nothing, of whatever role`(doubt: CallerDoubt) {
    bench.add("a")
    sink.caller = .failure(doubt)
    for path in ["/a", "/a/aws", "/unknown"] {
      let exchange = ask("GET \(path)")
      #expect(exchange.problem?.kind == .forbidden && exchange.problem?.detail.contains("can't be identified") == true)
    }
    let lines = bench.lines.all.filter { $0.contains("request refused") }
    #expect(lines == ["warning: request refused reason=\(doubt.description) via=loopback"], "the others are summed up")
  }

  /// A role that the members of group 500 may read; 3000 is one.
  private func addForGroup() -> ManagedRole {
    let role = bench.add("a")
    var settings = role.settings
    settings.readers = AccessRule(gids: [500])
    bench.change(role, to: settings)
    return role
  }

  private func settleCalls() {
    bench.scheduler.callsHang = false
    bench.scheduler.settle()
  }

  private static let member = Peer(uid: 3000, gid: 3000, pid: 76, groups: [500])

  /// The daemon crashed when a reload took the address away meanwhile.
  @Test func `a look-up of groups may outlive the address`() throws {
    _ = addForGroup()
    var second: LoopbackService? = try LoopbackService(
      LoopbackAddress("127.0.0.1:7181")!, of: bench.service, scheduler: bench.scheduler)
    second?.serve(on: sink)
    sink.caller = .success(3000)
    bench.scheduler.callsHang = true
    let exchange = Exchange(ResponseToken(slot: 2, serial: 1), .unidentified)
    bench.sink.exchanges[exchange.token] = exchange
    var bytes = Array("GET /a HTTP/1.1\r\nHost: 127.0.0.1:7181\r\n\r\n".utf8)
    let fields = SocketBench.parse(&bytes)
    bytes.withUnsafeBufferPointer {
      #expect(second?.respond(to: RequestHead(fields, $0), from: .unidentified, token: exchange.token) == nil)
    }
    second?.stopListening()
    #expect(exchange.status == 503)
    second = nil
    settleCalls()
    #expect(exchange.replies.count == 1)
  }

  /// It never was.
  @Test func `who asks for the URI of a role that is removed meanwhile is answered`() {
    let role = addForGroup()
    bench.scheduler.callsHang = true
    let exchange = bench.ask("GET /v1/roles/a/uri", Self.member)
    bench.remove(role)
    settleCalls()
    #expect(exchange.status == 404)
  }

  @Test func `who asks for the URI is judged by the settings after the look-up, and answered when the daemon ends`() {
    let role = addForGroup()
    bench.scheduler.callsHang = true
    let judged = bench.ask("GET /v1/roles/a/uri", Self.member)
    var settings = role.settings
    settings.readers = AccessRule(uids: [1000])
    bench.change(role, to: settings)
    settleCalls()
    #expect(judged.status == 403)
    settings.readers = AccessRule(gids: [500])
    bench.change(role, to: settings)
    bench.scheduler.callsHang = true
    let ended = bench.ask("GET /v1/roles/a/uri", Self.member)
    bench.service.endWaiting()
    #expect(ended.status == 503)
    settleCalls()
    #expect(ended.replies.count == 1)
  }

  @Test func `a request isn't answered later than it is ready to wait, though its caller's groups aren't found`() {
    _ = addForGroup()
    bench.scheduler.callsHang = true
    let exchange = ask("GET /a?wait=1", as: 3000)
    bench.advance(.seconds(1) + .milliseconds(20))
    #expect(exchange.status == 403)
  }

  @Test func `no more than 256 wait for groups, and a failed look-up counts for some seconds`() {
    _ = addForGroup()
    #expect(ask("GET /a", as: 3001).isOpen)
    bench.scheduler.settle()
    #expect(ask("GET /a", as: 3001).status == 403)
    bench.advance(.seconds(6))
    #expect(ask("GET /a", as: 3001).isOpen)
    bench.scheduler.settle()
    bench.scheduler.callsHang = true
    let all = (0..<256).map { ask("GET /a", as: 4000 + $0) }
    #expect(all.allSatisfy { $0.isOpen })
    #expect(ask("GET /a", as: 5000).status == 403)
  }

  @Test func `groups are those of the user database`() {
    let role = bench.add("a")
    var settings = role.settings
    settings.readers = AccessRule(gids: [500])
    bench.change(role, to: settings)
    let member = ask("GET /a", as: 3000)
    #expect(member.isOpen, "they are looked up elsewhere")
    bench.scheduler.settle()
    #expect(member.status == 200)
    #expect(ask("GET /a", as: 3000).status == 200, "they are known for a while")
    let other = ask("GET /a", as: 3002)
    bench.scheduler.settle()
    #expect(other.status == 403)
    let unknown = ask("GET /a", as: 3001)
    bench.scheduler.settle()
    #expect(unknown.problem?.detail.contains("weren't found") == true)
  }

  @Test func `a user database that doesn't answer holds up nobody for more than two seconds`() {
    let role = bench.add("a")
    var settings = role.settings
    settings.readers = AccessRule(uids: [1000], gids: [500])
    bench.change(role, to: settings)
    bench.scheduler.callsHang = true
    let waiting = ask("GET /a", as: 3000)
    #expect(ask("GET /a", as: 1000).status == 200)
    bench.advance(.milliseconds(2100))
    #expect(waiting.status == 403)
  }

  @Test(arguments: ["Origin: http://127.0.0.1:7180\r\n", "Origin: null\r\n", "Sec-Fetch-Site: same-origin\r\n"])
  func `a web page's request is refused before anything else`(headers: String) {
    bench.add("a")
    for request in ["GET /a", "GET /nothing", "OPTIONS /a", "POST /a", "GET /a?x=y"] {
      #expect(ask(request, headers).problem?.detail.contains("web pages") == true)
    }
    #expect(bench.lines.all.contains("warning: request refused reason=browser via=loopback"))
  }

  @Test(arguments: ["localhost", "localhost:7180", "evil.example:7180", "127.0.0.1:80", "", nil])
  func `a Host that isn't a loopback literal with our port is refused`(host: String?) {
    bench.add("a")
    #expect(ask("GET /a", host: host).problem?.kind == .forbidden)
  }

  @Test(arguments: ["127.0.0.1", "127.0.0.1:7180", "[::1]", "127.0.0.2:7180"])
  func `a loopback literal without a port or with ours is a Host`(host: String) {
    bench.add("a")
    #expect(ask("GET /a", host: host).status == 200)
  }

  @Test(arguments: ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
  func `only GET is taken`(method: String) {
    bench.add("a")
    let exchange = ask("\(method) /a")
    #expect(exchange.status == 405 && exchange.reply?.field("Allow") == "GET")
  }

  @Test(arguments: ["/", "/b", "/a/", "/a/aws/", "/a/json", "/v1/roles", "/healthz", "/A", "/a%2Faws"])
  func `other paths aren't there`(path: String) {
    bench.add("a")
    let exchange = ask("GET \(path)")
    #expect(exchange.problem?.kind == .notFound && exchange.status == 404)
  }

  @Test func `a similar name is proposed if the caller may read that role`() {
    bench.add("uploader")
    #expect(ask("GET /uploadr").problem?.suggestion == "uploader")
    #expect(ask("GET /uploadr", as: 2000).problem?.suggestion == nil)
  }

  @Test(arguments: ["/a?wait=5", "/a?wait=x", "/a?min_ttl=60", "/a?scopes=x"])
  func `an unknown parameter or a longer wait is refused`(path: String) {
    bench.add("a")
    #expect(ask("GET \(path)").problem?.kind == .malformed)
  }

  @Test func `a session that counts as expired isn't handed out at either path`() throws {
    let role = bench.add("a")
    let end = try #require(role.current).session.expires
    bench.scheduler.advance(to: end - .seconds(15) - .microseconds(1))
    #expect(ask("GET /a").status == 200 && ask("GET /a/aws").status == 200)
    bench.scheduler.advance(to: end - .seconds(15))
    for path in ["/a", "/a/aws"] {
      let exchange = ask("GET \(path)?wait=0")
      #expect(exchange.problem?.kind == .noSession && exchange.reply?.body.contains("STS.") == false)
    }
  }

  @Test func `a request for a role without a session waits four seconds at most`() {
    bench.add("a", granted: false)
    let waiting = ask("GET /a")
    let impatient = ask("GET /a?wait=0")
    #expect(waiting.isOpen && impatient.problem?.kind == .noSession)
    bench.advance(.milliseconds(3900))
    #expect(waiting.isOpen)
    bench.advance(.milliseconds(200))
    #expect(waiting.status == 503 && waiting.reply?.field("Retry-After") != nil)
  }

  @Test func `a waiting request gets the first session, if its caller is still there and may`() {
    let role = bench.add("a", granted: false)
    let first = ask("GET /a")
    bench.refresh.grantAll()
    #expect(first.reply?.accessKeyID == "STS.1")
    let other = bench.add("b", granted: false)
    let gone = ask("GET /b")
    sink.caller = .failure(.gone)
    bench.refresh.grantAll()
    #expect(gone.problem?.kind == .forbidden)
    _ = (role, other)
  }

  @Test func `a waiting request of a caller whose right was taken, or whose role is gone, is answered at once`() {
    let role = bench.add("a", granted: false)
    let waiting = ask("GET /a")
    bench.close(role)
    #expect(waiting.status == 403)
    let next = bench.add("b", granted: false)
    let left = ask("GET /b")
    bench.remove(next)
    #expect(left.status == 404)
  }

  @Test func `a client that leaves is forgotten, and a stop answers the others`() {
    bench.add("a", granted: false)
    let gone = ask("GET /a")
    let waiting = ask("GET /a")
    service.abandoned(gone.token)
    bench.service.endWaiting()
    #expect(gone.isOpen && waiting.problem?.kind == .stopping)
  }

  // MARK: - Sessions of users and of scopes

  private func addPerUser(most: Int = 2) -> ManagedRole {
    var settings = SocketBench.settings("u")
    settings.sessionName = .standardWithUser
    settings.readers = AccessRule(uids: [1000, 1001, 2000], gids: [500])
    settings.derivation = Derivation(DerivedSettings(users: UserSessions(most: most)))
    bench.refresher.add(settings)
    bench.refresh.grantAll()
    return bench.refresher.roles[settings.name]!
  }

  @Test func `each user gets a session of its own, never the role's`() throws {
    let role = addPerUser()
    #expect(role.current?.session.accessKeyID == "STS.1")
    let anna = ask("GET /u")
    #expect(anna.isOpen && bench.cloud.orders.count == 2, "it is fetched on demand")
    bench.refresh.grantAll()
    let other = ask("GET /u/aws", as: 1001)
    bench.scheduler.settle()
    bench.refresh.grantAll()
    #expect([anna, other].map { $0.reply?.accessKeyID } == ["STS.2", "STS.3"])
    let names = try bench.cloud.orders.map { made in
      try made.order.role.sessionName.expand(host: "h", role: made.order.role.name, slot: "0")
    }
    #expect(names == ["h-u-0", "h-u-anna", "h-u-u1001"])
    #expect(ask("GET /u", as: 1000).reply?.accessKeyID == "STS.2")
    #expect(bench.read("u").reply?.accessKeyID == "STS.2", "the socket hands out the same")
    #expect(bench.cloud.orders.count == 3)
  }

  @Test func `a user whose name is looked up, or whose groups are, gets its session, too`() {
    _ = addPerUser()
    for (uid, keyID) in [(2000, "STS.2"), (3000, "STS.3")] as [(UInt32, String)] {
      let reader = ask("GET /u", as: uid)
      #expect(reader.isOpen)
      bench.scheduler.settle()
      bench.refresh.grantAll()
      #expect(reader.reply?.accessKeyID == keyID)
    }
  }

  @Test func `a session of a user that doesn't come within four seconds is a 503`() {
    _ = addPerUser()
    let waiting = ask("GET /u")
    let impatient = ask("GET /u?wait=0")
    #expect(waiting.isOpen && impatient.status == 503)
    bench.advance(.milliseconds(3900))
    #expect(waiting.isOpen)
    bench.advance(.milliseconds(200))
    #expect(waiting.status == 503 && waiting.problem?.kind == .noSession)
    #expect(waiting.reply?.body.contains("STS.") == false)
  }

  @Test func `a failed fetch for a user is reported at once, and a user too many is refused`() {
    _ = addPerUser(most: 1)
    let anna = ask("GET /u")
    bench.refresh.fail(bench.cloud.waiting[0], .permanent, code: "NoPermission")
    #expect(anna.status == 503 && anna.problem?.code == "NoPermission")
    let other = ask("GET /u", as: 1001)
    bench.scheduler.settle()
    #expect(other.problem?.kind == .tooManyUsers)
  }

  @Test func `after a reload to one session for all, a waiting request gets the role's`() {
    let role = addPerUser()
    let waiting = ask("GET /u")
    var settings = role.settings
    (settings.derivation, settings.sessionName) = (.none, .standard)
    bench.change(role, to: settings)
    #expect(waiting.reply?.accessKeyID == "STS.1")
  }

  private func addScopes() -> ManagedRole {
    var settings = SocketBench.settings("s")
    settings.derivation = Derivation(
      DerivedSettings(scopes: [
        ScopeSettings(name: RoleName("encode")!, policy: Array("[1]".utf8), readers: AccessRule(uids: [2000])),
        ScopeSettings(name: RoleName("list")!, policy: Array("[2]".utf8), readers: AccessRule(gids: [500])),
      ]))
    bench.refresher.add(settings)
    bench.refresh.grantAll()
    return bench.refresher.roles[settings.name]!
  }

  @Test(arguments: ["/s?scope=encode", "/s/aws?scope=encode"])
  func `a scope's session is for the readers of the role and of the scope`(path: String) {
    _ = addScopes()
    let reader = ask("GET \(path)")
    #expect(reader.isOpen && bench.cloud.orders.last?.order.role.policy == Array("[1]".utf8))
    bench.refresh.grantAll()
    #expect(reader.reply?.accessKeyID == "STS.2")
    #expect(ask("GET \(path)", as: 2000).reply?.accessKeyID == "STS.2")
    let whole = ask("GET /s", as: 2000)
    #expect(whole.status == 403 && whole.problem?.detail.contains("; use '--scope encode', which is open") == true)
    #expect(ask("GET \(path)", as: 2001).problem?.detail.contains("--scope") == false)
    #expect(ask("GET /s", as: 1000).reply?.accessKeyID == "STS.1")
    for uid in [0, 50, 990, 2001] as [UInt32] {
      let refused = ask("GET \(path)", as: uid)
      #expect(refused.problem?.kind == .forbidden)
      #expect(refused.problem?.detail.contains("'roles.s.scopes.encode.allow'") == true)
    }
  }

  @Test func `a scope is open to members of its groups, and to no reader of another scope`() {
    _ = addScopes()
    let member = ask("GET /s?scope=list", as: 3000)
    bench.scheduler.settle()
    bench.refresh.grantAll()
    #expect(member.reply?.accessKeyID == "STS.2")
    #expect(ask("GET /s?scope=encode", as: 3000).status == 403)
    let other = ask("GET /s?scope=list", as: 2000)
    bench.scheduler.settle()
    #expect(other.status == 403)
  }

  @Test func `an unknown scope is named with those that the caller may have, and to nobody else`() {
    _ = addScopes()
    let reader = ask("GET /s?scope=encod")
    #expect(reader.status == 404 && reader.problem?.kind == .scopeNotFound && reader.problem?.suggestion == "encode")
    #expect(ask("GET /s?scope=").status == 404)
    let stranger = ask("GET /s?scope=encod", as: 2001)
    bench.scheduler.settle()
    #expect(stranger.status == 403 && stranger.reply?.body.contains("encode") == false)
  }

  @Test func `requests and refusals are counted, by few reasons`() {
    bench.add("a")
    ask("GET /a")
    ask("GET /a", as: 2000)
    ask("GET /a", "Origin: null\r\n")
    ask("GET /a", host: "localhost")
    sink.caller = .failure(.gone)
    ask("GET /a")
    let figures = bench.service.loopbackFigures
    #expect(figures.requests == 3 && figures.refusals == [.notAllowed: 1, .request: 2, .caller: 1])
    #expect(bench.service.refusals == 0, "those are the socket's")
  }

  // MARK: - The URI, on the socket

  @Test func `the socket names a scope's URIs to whoever may use them`() throws {
    _ = addScopes()
    for peer in [SocketBench.reader, SocketBench.stranger] {
      let exchange = bench.ask("GET /v1/roles/s/uri?scope=encode", peer)
      let uri: LoopbackURI = try #require(exchange.reply?.document())
      #expect(uri.uri == "http://127.0.0.1:7180/s?scope=encode")
      #expect(uri.awsURI == "http://127.0.0.1:7180/s/aws?scope=encode")
    }
    #expect(bench.ask("GET /v1/roles/s/uri?scope=list", SocketBench.stranger).status == 403)
    #expect(bench.ask("GET /v1/roles/s/uri?scope=none").problem?.kind == .scopeNotFound)
  }

  @Test func `the socket names the role's URIs to whoever may use them`() throws {
    bench.add("a")
    let exchange = bench.ask("GET /v1/roles/a/uri")
    let uri: LoopbackURI = try #require(exchange.reply?.document())
    #expect(uri.uri == "http://127.0.0.1:7180/a" && uri.awsURI == "http://127.0.0.1:7180/a/aws")
    let admin = bench.ask("GET /v1/roles/a/uri", SocketBench.admin)
    #expect(admin.problem?.kind == .forbidden && admin.problem?.detail.contains("roles.a.allow") == true)
  }

  @Test func `where the URI is off, the answer says how to switch it on`() {
    bench.add("a")
    bench.service.loopback = []
    let problem = bench.ask("GET /v1/roles/a/uri").problem
    #expect(problem?.kind == .loopbackOff && problem?.status == 404)
    #expect(problem?.detail.contains("loopback.conf") == true && problem?.detail.contains("[loopback]") == true)
  }
}
