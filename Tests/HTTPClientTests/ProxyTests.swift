import Core
import Glibc
import HTTPClient
import Secrets
import TestSupport
import Testing

/// Which requests go through an HTTP proxy, and which don't.
@Suite struct ProxyTests {
  let server: TLSServer
  let directory: TemporaryDirectory
  let proxy: BreakableRelay

  init() throws {
    server = try TLSServer.shared.get()
    directory = try TemporaryDirectory()
    proxy = try BreakableRelay(in: directory, named: "proxy")
  }

  func bench(user: String? = nil, password: String? = nil, url: String? = nil) throws -> Bench {
    var settings = HTTPClient.Settings.testing(
      caFile: server.caFile, connectTimeout: .milliseconds(700), timeout: .seconds(1))
    settings.proxy = HTTPClient.Proxy(url: url ?? "http://\(proxy.endpoint)", user: user)
    return try Bench(settings, proxyPassword: password.map { Secret(copying: Array($0.utf8).span) })
  }

  @Test func `a request goes through a tunnel, and the proxy sees only its host and port`() throws {
    let bench = try bench()
    let answer = try bench.post(server.url("/echo"), headers: ["Authorization: Signature=abc", "x-acs-version: 1"])
    #expect(answer.head?.status == 200)
    #expect(answer.body.contains("Authorization: Signature=abc") && !answer.body.contains("Proxy"))
    let place = server.url("").dropFirst("https://".count)
    let head = try proxy.heads().split(separator: "\n")
    #expect(head.first == "CONNECT \(place) HTTP/1.1")
    #expect(
      Set(head.dropFirst().map { $0.prefix { $0 != ":" } }).isSubset(of: ["Host", "Proxy-Connection"]), "\(head)")
  }

  @Test func `a proxy's own date and headers count for nothing`() throws {
    // The proxy's date is 03:04:05 of that day, too, so an answer without a date must stay without.
    #expect(try bench().post(server.url("/limit")).head == HTTPAnswer(status: 200))
  }

  @Test func `the environment can't exempt a host from the proxy`() throws {
    setenv("no_proxy", "*", 1)
    defer { unsetenv("no_proxy") }
    #expect(try bench().post(server.url("/ok")).head?.status == 200)
    #expect(try proxy.connections() == 1)
  }

  @Test func `an exempt host is connected to directly, others by the same client through the proxy`() throws {
    var settings = HTTPClient.Settings.testing(
      caFile: server.caFile, connectTimeout: .seconds(3), timeout: .seconds(10))
    settings.proxy = HTTPClient.Proxy(url: "http://\(proxy.endpoint)", exemptions: ProxyExemptions("localhost"))
    let bench = try Bench(settings)
    let named = "https://localhost:" + server.url("").split(separator: ":").last!
    for _ in 0..<2 {
      #expect(try bench.post(named + "/ok").head?.status == 200)
      #expect(try bench.post(server.url("/ok")).head?.status == 200)
    }
    let heads = try proxy.heads()
    #expect(heads.contains("CONNECT 127.0.0.1:") && !heads.contains("localhost"), "\(heads)")
    // The failure is that host's, not the proxy's.
    try proxy.become(.refuse)
    #expect(try bench.post("https://localhost:1/ok").failure?.kind == .connect)
  }

  @Test func `a proxy that requires credentials gets user and password, and takes only the right ones`() throws {
    try proxy.become(.password(user: "keeper", password: "a:b@c d%41"))
    #expect(try bench(user: "keeper", password: "a:b@c d%41").post(server.url("/ok")).head?.status == 200)
    for (user, password) in [("keeper", "wrong"), ("other", "a:b@c d%41"), (nil, nil)] {
      let failure = try bench(user: user, password: password).post(server.url("/ok")).failure
      #expect(failure?.kind == .proxyAuthentication, "\(user ?? "nobody")")
      #expect(failure?.text == "the proxy answered CONNECT with 407")
    }
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let mode: BreakableRelay.Mode
    let expect: TransportFailure.Kind
    var testDescription: String { name }
  }

  @Test(arguments: [
    Case(name: "nobody listens", mode: .refuse, expect: .proxyUnreachable),
    Case(name: "says nothing", mode: .silent, expect: .proxyBroken),
    Case(name: "ends the connection", mode: .cut, expect: .proxyBroken),
    Case(name: "speaks something else", mode: .garbage, expect: .proxyBroken),
    Case(name: "forbids the host", mode: .answer(403), expect: .proxyRefused),
    Case(name: "can't reach the host", mode: .answer(502), expect: .proxyRefused),
    Case(name: "ends the tunnel before the answer", mode: .cutAnswer, expect: .noAnswer),
    Case(name: "holds the answer back", mode: .holdAnswer, expect: .timeout),
  ])
  func `a proxy's failure is distinguished from a server's`(_ example: Case) throws {
    try proxy.become(example.mode)
    let failure = try bench().post(server.url("/ok")).failure
    #expect(failure?.kind == example.expect, "\(String(describing: failure))")
    #expect(failure?.text.contains("mail.example") == false)
  }

  @Test func `a proxy's Retry-After is kept, and isn't attributed to STS`() throws {
    try proxy.become(.later(503, retryAfter: "20"))
    let failure = try bench().post(server.url("/ok")).failure
    #expect(failure?.kind == .proxyRefused)
    #expect(failure?.retryAfter == "20" && failure?.date == "Fri, 02 Jan 2026 03:04:05 GMT")
    try proxy.become(.answer(502))
    #expect(try bench().post(server.url("/ok")).failure?.retryAfter == nil)
  }

  @Test func `a proxy that can't be resolved is reported differently from one that refuses connections`() throws {
    let failure = try bench(url: "http://proxy.invalid:3128").post(server.url("/ok")).failure
    #expect(failure?.kind == .proxyUnresolved && failure?.text.hasPrefix("no address for 'proxy.invalid': ") == true)
    try proxy.become(.refuse)
    let text = try bench().post(server.url("/ok")).failure?.text
    #expect(text?.hasPrefix("no connection to 127.0.0.1:") == true && text?.hasSuffix(": Connection refused") == true)
  }

  @Test func `a certificate is checked through the tunnel`() throws {
    #expect(try bench().post(server.url("/ok", at: "misnamed")).failure?.kind == .tlsVerification)
  }
}
