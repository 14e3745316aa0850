import Core
import Glibc
import HTTPClient
import Systemd
import TestSupport
import Testing

@testable import struct HTTPClient.Authorities

@Suite struct HTTPClientTests {
  let server: TLSServer

  init() throws { server = try TLSServer.shared.get() }

  func bench(timeout: Duration = .seconds(10)) throws -> Bench {
    try Bench(HTTPClient.Settings.testing(caFile: server.caFile, connectTimeout: .milliseconds(700), timeout: timeout))
  }

  @Test func `an answer has its status, the server's date, the requested wait and its body`() throws {
    let answer = try bench().post(server.url("/ok"))
    #expect(answer.head == HTTPAnswer(status: 200, date: "Fri, 02 Jan 2026 03:04:05 GMT", retryAfter: "1500"))
    #expect(answer.body == #"{"RequestId":"1"}"#)
  }

  @Test func `a status above 400 is an answer, and an ambiguous date is left out`() throws {
    let answer = try bench().post(server.url("/throttled"))
    #expect(answer.head == HTTPAnswer(status: 503, retryAfter: "soon"))
  }

  @Test func `a server's Retry-After is kept`() throws {
    let answer = try bench().post(server.url("/later"))
    #expect(
      answer.head
        == HTTPAnswer(
          status: 503, date: "Fri, 02 Jan 2026 03:04:05 GMT", standardRetryAfter: "Fri, 02 Jan 2026 03:04:25 GMT"))
  }

  /// A gateway compressed its answers without being asked to, and they could never be used.
  @Test func `a body that arrives compressed unasked is read, within the same limit`() throws {
    let bench = try bench()
    #expect(try bench.post(server.url("/gzip")).body == #"{"RequestId":"1"}"#)
    #expect(try bench.post(server.url("/bomb?size=65536")).body.utf8.count == HTTPClient.bodyLimit)
    #expect(try bench.post(server.url("/bomb?size=65537")).failure?.kind == .bodyTooLarge)
    #expect(try bench.post(server.url("/bomb?size=50000000")).failure?.kind == .bodyTooLarge)
    #expect(try bench.post(server.url("/bombs")).failure?.kind == .bodyTooLarge)
    #expect(try bench.post(server.url("/badgzip")).failure?.kind == .protocolViolation)
  }

  @Test func `a client with a larger limit reads larger bodies, and none above that`() throws {
    var settings = HTTPClient.Settings.testing(
      caFile: server.caFile, connectTimeout: .milliseconds(700), timeout: .seconds(10))
    settings.bodyLimit = 200_000
    let bench = try Bench(settings)
    #expect(try bench.post(server.url("/bomb?size=200000")).body.utf8.count == 200_000)
    let failure = try bench.post(server.url("/bomb?size=200001")).failure
    #expect(failure?.kind == .bodyTooLarge && failure?.text == "the answer's body is over 200000 bytes")
  }

  @Test func `the headers of an interim answer don't count`() throws {
    let answer = try bench().post(server.url("/interim"))
    #expect(answer.head == HTTPAnswer(status: 200, date: "Fri, 02 Jan 2026 03:04:05 GMT"))
  }

  @Test func `a request is a POST with exactly the headers given and no body`() throws {
    let answer = try bench().post(
      server.url("/echo?Action=AssumeRole"),
      headers: ["Authorization: ACS3-HMAC-SHA256 Signature=abc", "x-acs-version: 2015-04-01"])
    let lines = Set(answer.body.split(separator: "\r\n").map(String.init))
    let port = server.url("").split(separator: ":").last!
    #expect(
      lines == [
        "POST /echo?Action=AssumeRole HTTP/1.1", "Host: 127.0.0.1:\(port)", "Accept: */*", "Content-Length: 0",
        "Accept-Encoding: identity",
        "Authorization: ACS3-HMAC-SHA256 Signature=abc", "x-acs-version: 2015-04-01",
      ])
  }

  @Test func `headers of one request don't stay for the next`() throws {
    let bench = try bench()
    _ = try bench.post(server.url("/echo"), headers: ["Authorization: first", "content-type: text/plain"])
    let answer = try bench.post(server.url("/echo"))
    #expect(answer.head?.status == 200)
    #expect(!answer.body.contains("first") && !answer.body.lowercased().contains("content-type"))
  }

  @Test func `a redirect is an answer and isn't followed`() throws {
    #expect(try bench().post(server.url("/redirect")).head?.status == 302)
  }

  @Test func `a proxy named by the environment isn't used`() throws {
    // 127.0.0.1:1 refuses connections; no other test looks at this variable.
    setenv("https_proxy", "http://127.0.0.1:1", 1)
    defer { unsetenv("https_proxy") }
    #expect(try bench().post(server.url("/ok")).head?.status == 200)
  }

  @Test func `the largest body allowed arrives whole`() throws {
    #expect(try bench().post(server.url("/limit")).body.utf8.count == HTTPClient.bodyLimit)
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    var path = "/ok"
    var port = "good"
    let expect: TransportFailure.Kind
    var testDescription: String { name }
  }

  @Test(arguments: [
    Case(name: "an authority that isn't ours", port: "foreign", expect: .tlsVerification),
    Case(name: "a certificate for another name", port: "misnamed", expect: .tlsVerification),
    Case(name: "an expired certificate", port: "expired", expect: .tlsVerification),
    Case(name: "nothing above TLS 1.1", port: "old", expect: .tlsOther),
    Case(name: "a body over the limit that says so", path: "/over", expect: .bodyTooLarge),
    Case(name: "a body over the limit in chunks", path: "/stream", expect: .bodyTooLarge),
    // It was reported as out of memory, and the hint was to raise TasksMax=.
    Case(name: "a head with an endless line", path: "/longhead", expect: .bodyTooLarge),
    Case(name: "cut off in the middle", path: "/cut", expect: .cut),
    Case(name: "closed without an answer", path: "/nothing", expect: .noAnswer),
    Case(name: "something that isn't HTTP", path: "/garbage", expect: .protocolViolation),
    Case(name: "a broken length", path: "/quote", expect: .protocolViolation),
    Case(name: "nobody who speaks TLS", port: "mute", expect: .connectTimeout),
    Case(name: "no answer in time", path: "/silent", expect: .timeout),
  ])
  func `anything but a complete answer of a verified server is a failure`(_ row: Case) throws {
    let answer = try bench(timeout: .seconds(1)).post(
      server.url(row.path, at: row.port), headers: ["Authorization: Signature=abc"])
    let failure = try #require(answer.failure)
    #expect(failure.kind == row.expect)
    #expect(answer.body.isEmpty)
    #expect(!failure.text.isEmpty && !"\(failure)".contains("abc"))
  }

  /// Operators read "Transferred a partial file" and "Timeout was reached", which are libcurl's terms. Its code for an end depends
  /// on how the TLS connection ends.
  @Test(arguments: ["/cut", "/nothing", "/silent"])
  func `a failure is described in plain words`(_ path: String) throws {
    let answer = try bench(timeout: .seconds(1)).post(server.url(path))
    let ended = [
      "the answer is shorter than its head says", "no byte of an answer came", "the answer couldn't be read to its end",
    ]
    let expected = path == "/silent" ? ["no complete answer came in time"] : ended
    let text = try #require(answer.failure).text
    #expect(expected.contains(text), "\(text)")
  }

  @Test func `a refused connection and an unknown name are different failures`() throws {
    let bench = try bench()
    #expect(try bench.post("https://127.0.0.1:1/").failure?.kind == .connect)
    // RFC 6761, section 6.4: never resolves.
    #expect(try bench.post("https://name.invalid/").failure?.kind == .resolve)
  }

  @Test(arguments: [
    "http://127.0.0.1/", "file:///etc/passwd", "https://127.0.0.1/a b", "https://127.0.0.1/\r\nx: y", "",
  ])
  func `only https URLs are sent`(_ url: String) throws {
    let bench = try bench()
    let failure = #expect(throws: TransportFailure.self) { try bench.client.send(HTTPRequest(.post, url)) { _, _ in } }
    #expect(failure?.kind == .unsuitableRequest)
    #expect(bench.client.freeHandles == HTTPClient.handles)
  }

  @Test(arguments: ["a: b\r\nc: d", "a: b\u{0}c: d", "\u{0}", "a: \u{7F}", "a: \u{1F}"])
  func `a header with a control character isn't sent`(_ line: String) throws {
    let bench = try bench()
    let failure = #expect(throws: TransportFailure.self) {
      try bench.client.send(HTTPRequest(.post, server.url("/ok"), headers: ["x: y", line])) { _, _ in }
    }
    #expect(failure?.kind == .unsuitableRequest && bench.client.freeHandles == HTTPClient.handles)
  }

  @Test func `a time-out comes when it is due, even after the loop's timer fired too early`() throws {
    let bench = try bench(timeout: .seconds(1))
    let begin = EventLoop.bootTime()
    let request = try bench.start(server.url("/silent"))
    // Until only the answer is being waited for.
    while try bench.loop.runOnce(timeout: .milliseconds(200)) {}
    bench.comeTooEarly()
    try bench.turn { request.answer != nil }
    #expect(request.answer?.failure?.kind == .timeout)
    #expect((1_000_000..<1_500_000).contains(EventLoop.bootTime() - begin))
  }

  @Test func `a thousand sequential requests share a connection, sixteen at once keep theirs while more wait`() throws {
    let server = try TLSServer()
    let bench = try Bench(HTTPClient.Settings.testing(caFile: server.caFile))
    func url(_ path: String) -> String { server.url(path, at: "ticketless") }
    for _ in 0..<1000 { #expect(try bench.post(url("/ok")).head?.status == 200) }
    #expect(try bench.post(url("/counts")).body == "1 1001")
    bench.client.hasMoreWaiting = true
    // No request of a round is answered before all of them have arrived.
    for _ in 0..<20 { try postAtOnce(bench, url("/together")) }
    let requests = 1001 + 20 * HTTPClient.handles + 1
    #expect(try bench.post(url("/counts")).body == "\(HTTPClient.handles) \(requests)")
  }

  /// As many requests as there are handles.
  func postAtOnce(_ bench: Bench, _ url: String) throws {
    let requests = try (0..<HTTPClient.handles).map { _ in try bench.start(url) }
    #expect(bench.client.freeHandles == 0)
    try bench.turn { requests.allSatisfy { $0.answer != nil } }
    #expect(requests.allSatisfy { $0.answer?.head?.status == 200 })
    #expect(bench.client.freeHandles == HTTPClient.handles)
  }

  @Test func `of sixteen answers that arrive together one is read in a turn`() throws {
    let server = try TLSServer()
    let settings = HTTPClient.Settings.testing(caFile: server.caFile)
    let bench = try Bench(settings)
    var answers = 0
    for _ in 0..<HTTPClient.handles {
      try bench.client.send(HTTPRequest(.post, server.url("/held"))) { _, _ in answers += 1 }
    }
    let other = try Bench(settings)
    // Until all of them wait for their answers.
    while try other.post(server.url("/asked")).body != "\(HTTPClient.handles)" { while try bench.loop.runOnce() {} }
    // libcurl's timers since connecting, which would have all of them read at once, have expired when nothing more happens.
    while try bench.loop.runOnce(timeout: .milliseconds(300)) {}
    while try other.post(server.url("/release")).body != "\(HTTPClient.handles)" {}
    var most = 0
    while answers < HTTPClient.handles {
      let before = answers
      guard try bench.loop.runOnce(timeout: .seconds(20)) else { throw Stuck() }
      most = max(most, answers - before)
    }
    #expect(most == 1)
  }

  @Test func `a cancelled request isn't completed and frees its handle`() throws {
    let bench = try bench()
    let cancelled = try bench.start(server.url("/silent"))
    bench.client.cancel(cancelled.id!)
    bench.client.cancel(cancelled.id!)
    #expect(bench.client.freeHandles == HTTPClient.handles)
    #expect(try bench.post(server.url("/ok")).head?.status == 200)
    #expect(cancelled.answer == nil)
  }

  @Test func `a completion may send with the handle just freed, and the body it reads stays whole`() throws {
    let bench = try bench()
    var second: Bench.Request?
    var body = ""
    try bench.client.send(HTTPRequest(.post, server.url("/ok"))) { _, bytes in
      #expect(bench.client.freeHandles == HTTPClient.handles)
      second = try? bench.start(server.url("/limit"))
      body = Bench.text(bytes)
    }
    try bench.turn { second?.answer != nil }
    #expect(body == #"{"RequestId":"1"}"#)
    #expect(second?.answer?.body.utf8.count == HTTPClient.bodyLimit)
  }

  @Test func `a client released in a completion ends its requests without completing them`() throws {
    let loop = try EventLoop()
    var client: HTTPClient? = try HTTPClient(loop, settings: HTTPClient.Settings.testing(caFile: server.caFile))
    var completions = 0
    for _ in 0..<4 {
      try client!.send(HTTPRequest(.post, server.url("/ok"))) { _, _ in
        completions += 1
        client = nil
      }
    }
    while completions == 0 { try loop.runOnce(timeout: .seconds(10)) }
    while try loop.runOnce() {}
    #expect(completions == 1)
  }

  private static func text(of path: String) throws -> String {
    let file = try #require(fopen(path, "r"))
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 65_536)
    let count = fread(&bytes, 1, bytes.count, file)
    return String(decoding: bytes[..<count], as: UTF8.self)
  }

  /// Puts a copy of one of the server's files at `path`, replacing the present one. Not a link: the number of links is a property
  /// of the file, and each new one would be a change for all tests that have one.
  private func put(_ name: String, at path: String, in directory: TemporaryDirectory) throws {
    let copy = try directory.write(Self.text(of: server.directory.path(name)), to: "new.pem")
    #expect(rename(copy, path) == 0)
  }

  @Test func `a primed client keeps its certificates when the CA file is gone, and reports that once`() throws {
    let directory = try TemporaryDirectory()
    let copy = directory.path("authority.pem")
    try put("authority.pem", at: copy, in: directory)
    let bench = try Bench(HTTPClient.Settings.testing(caFile: copy))
    try bench.client.prime()
    var changes: [HTTPClientError?] = []
    bench.client.authoritiesChanged = { changes.append($0) }
    #expect(unlink(copy) == 0)
    for _ in 0..<2 { #expect(try bench.post(server.url("/ok")).head?.status == 200) }
    #expect(changes.count == 1 && "\(changes[0] as Any)".contains("'\(copy)': No such file or directory"))
    // The client shows it until the file is back; no request is needed for that.
    let since = try #require(bench.client.authoritiesProblem?.since)
    #expect((0...EventLoop.bootTime()).contains(since))
    try put("authority.pem", at: copy, in: directory)
    bench.client.lookAtAuthorities()
    #expect(bench.client.authoritiesProblem == nil && changes.count == 2 && changes[1] == nil)
  }

  /// The old certificates were in force until a reload.
  @Test func `a CA file that is replaced counts from the next request on`() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path("authority.pem")
    let bench = try Bench(HTTPClient.Settings.testing(caFile: path))
    var changes: [HTTPClientError?] = []
    bench.client.authoritiesChanged = { changes.append($0) }
    func put(_ name: String) throws { try self.put(name, at: path, in: directory) }
    func kinds() throws -> [TransportFailure.Kind?] {
      try ["good", "foreign"].map { try bench.post(server.url("/ok", at: $0)).failure?.kind }
    }
    try put("authority.pem")
    try bench.client.takeUpAuthorities()
    #expect(try kinds() == [nil, .tlsVerification])
    // Kept-alive connections and TLS sessions were verified by certificates that no longer counted.
    try put("stranger.pem")
    #expect(try kinds() == [.tlsVerification, nil])
    #expect(changes.count == 2 && changes.allSatisfy { $0 == nil })
    // Not a certificate: the certificates read before stay in force, and a reload would be refused.
    try put("server.py")
    #expect(try kinds() == [.tlsVerification, nil])
    #expect(changes.count == 3 && "\(changes[2] as Any)".contains(path))
    #expect(throws: HTTPClientError.self) { try bench.client.takeUpAuthorities() }
    try put("authority.pem")
    #expect(try kinds() == [nil, .tlsVerification])
    #expect(changes.count == 4 && changes[3] == nil)
  }

  /// The error was never reported, only the recovery.
  @Test func `a broken CA file that a reload finds first is reported once`() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path("authority.pem")
    try put("authority.pem", at: path, in: directory)
    let bench = try Bench(HTTPClient.Settings.testing(caFile: path))
    try bench.client.prime()
    var changes: [HTTPClientError?] = []
    bench.client.authoritiesChanged = { changes.append($0) }
    try put("server.py", at: path, in: directory)
    for _ in 0..<2 { #expect(throws: HTTPClientError.self) { try bench.client.takeUpAuthorities() } }
    #expect(changes.count == 1 && changes[0] != nil)
    bench.client.lookAtAuthorities()
    #expect(changes.count == 1)
  }

  /// It made the loop wait for a writer for ever.
  @Test func `a pipe in place of the CA file is an error at once`() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path("pipe.pem")
    #expect(mkfifo(path, 0o600) == 0)
    let error = #expect(throws: HTTPClientError.self) {
      try Bench(HTTPClient.Settings.testing(caFile: path)).client.prime()
    }
    #expect("\(error as Any)".contains("it isn't a regular file"))
  }

  @Test func `certificates are read again while requests are under way`() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path("authority.pem")
    try put("authority.pem", at: path, in: directory)
    let bench = try Bench(HTTPClient.Settings.testing(caFile: path))
    let requests = try (0..<HTTPClient.handles - 1).map { number in
      if number % 4 == 3 {
        try put("good.crt", at: path, in: directory)
        try put("authority.pem", at: path, in: directory)
      }
      while try number % 2 == 1 && bench.loop.runOnce(timeout: .milliseconds(5)) {}
      return try bench.start(server.url("/ok"))
    }
    try bench.turn { requests.allSatisfy { $0.answer != nil } }
    #expect(requests.allSatisfy { $0.answer?.head?.status == 200 })
  }

  /// With all connections in use the file counted as read although it wasn't.
  @Test func `certificates are read again while all connections are in use`() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path("authority.pem")
    try put("stranger.pem", at: path, in: directory)
    let bench = try Bench(
      HTTPClient.Settings.testing(caFile: path, connectTimeout: .seconds(60), timeout: .seconds(60)))
    try bench.client.prime()
    let busy = try (0..<HTTPClient.handles).map { _ in try bench.start(server.url("/nothing", at: "mute")) }
    while try bench.loop.runOnce(timeout: .milliseconds(50)) {}
    #expect(busy.allSatisfy { $0.answer == nil } && bench.client.freeHandles == 0)
    try put("authority.pem", at: path, in: directory)
    try bench.client.takeUpAuthorities()
    // A file that it can't read any more is gone.
    unlink(path)
    for request in busy { bench.client.cancel(request.id!) }
    #expect(try bench.post(server.url("/ok")).head?.status == 200)
  }

  @Test func `an unusable CA file is read again after a minute, even unchanged`() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write("one", to: "authority.pem")
    var authorities = Authorities(file: path)
    #expect(!authorities.isDue(at: 0))
    authorities.readAgain(at: 0)
    #expect(authorities.problem != nil && authorities.certificates == nil)
    #expect(!authorities.isDue(at: 59_000_000) && authorities.isDue(at: 60_000_000))
    try put("authority.pem", at: path, in: directory)
    authorities.readAgain(at: 60_000_000)
    #expect(authorities.problem == nil && authorities.certificates != nil && !authorities.isDue(at: 600_000_000))
  }

  @Test func `a certificate is parsed only when a server's chain names it as issuer`() throws {
    let all = try ["authority", "stranger", "renewed"].map { try Self.text(of: server.directory.path("\($0).pem")) }
    let directory = try TemporaryDirectory()
    let path = try directory.write(all.joined(separator: "a line between\n"), to: "all.pem")
    let bench = try Bench(HTTPClient.Settings.testing(caFile: path))
    try bench.client.prime()
    #expect(bench.client.authorities.certificates?.parsed == 0)
    #expect(try bench.post(server.url("/ok", at: "foreign")).head?.status == 200)
    #expect(bench.client.authorities.certificates?.parsed == 1)
    // Two certificates with the same name: the one whose key fits is the issuer, whichever comes first.
    for port in ["later", "good", "foreign"] {
      #expect(try bench.post(server.url("/ok", at: port)).head?.status == 200, "\(port)")
      #expect(bench.client.authorities.certificates?.parsed == 3)
    }
  }

  @Test func `a CA of the same name with another key verifies nothing`() throws {
    let bench = try Bench(HTTPClient.Settings.testing(caFile: server.directory.path("renewed.pem")))
    #expect(try bench.post(server.url("/ok")).failure?.kind == .tlsVerification)
    #expect(try bench.post(server.url("/ok", at: "later")).head?.status == 200)
  }

  /// A chain may end at any certificate of the file.
  @Test func `a server's own certificate in the CA file is enough`() throws {
    let bench = try Bench(HTTPClient.Settings.testing(caFile: server.directory.path("foreign.crt")))
    #expect(try bench.post(server.url("/ok", at: "foreign")).head?.status == 200)
    #expect(try bench.post(server.url("/ok")).failure?.kind == .tlsVerification)
  }

  @Test func `a CA's restrictions in the CA file are observed`() throws {
    func post(_ name: String) throws -> Bench.Answer {
      try Bench(HTTPClient.Settings.testing(caFile: server.directory.path(name))).post(server.url("/ok"))
    }
    #expect(try post("trusted.pem").head?.status == 200)
    #expect(try post("rejected.pem").failure?.kind == .tlsVerification)
  }

  /// One broken certificate ended the daemon at its start.
  @Test func `a CA file with a broken certificate among good ones is refused, and named`() throws {
    let directory = try TemporaryDirectory()
    let good = try Self.text(of: server.caFile)
    let path = try directory.write(
      good + "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n", to: "half.pem")
    let error = #expect(throws: HTTPClientError.self) {
      try Bench(HTTPClient.Settings.testing(caFile: path)).client.prime()
    }
    #expect("\(error as Any)".contains("half.pem"))
  }

  @Test(arguments: ["torn", "longer"]) func `a CA file with an inconsistent certificate is refused`(
    _ name: String
  ) throws {
    let client = try Bench(HTTPClient.Settings.testing(caFile: server.directory.path("\(name).pem"))).client
    #expect(throws: HTTPClientError.self) { try client.prime() }
  }

  /// A certificate's content is parsed only when it is needed.
  @Test func `a certificate that OpenSSL can't parse verifies nothing, and the others still work`() throws {
    let odd = try Self.text(of: server.directory.path("odd-time.pem"))
    let directory = try TemporaryDirectory()
    let both = try directory.write(odd + Self.text(of: server.caFile), to: "both.pem")
    #expect(try Bench(HTTPClient.Settings.testing(caFile: both)).post(server.url("/ok")).head?.status == 200)
    let alone = try directory.write(odd, to: "alone.pem")
    let failure = try Bench(HTTPClient.Settings.testing(caFile: alone)).post(server.url("/ok")).failure
    #expect(failure?.kind == .tlsVerification)
  }

  @Test func `requests that wait for a handle get the next ones in turn, before new requests`() throws {
    let bench = try Bench(
      HTTPClient.Settings.testing(caFile: server.caFile, connectTimeout: .seconds(60), timeout: .seconds(60)))
    let busy = try (0..<HTTPClient.handles).map { _ in try bench.start(server.url("/nothing", at: "mute")) }
    var served: [Int] = []
    var places = (0..<4).map { number in bench.client.awaitHandle { served.append(number) } }
    while try bench.loop.runOnce(timeout: .milliseconds(50)) {}
    #expect(served.isEmpty)
    places.remove(at: 1)
    bench.client.cancel(busy[0].id!)
    #expect(bench.client.freeHandles == 0, "it is taken")
    while try bench.loop.runOnce(timeout: .milliseconds(50)) {}
    // None of them sends, so the handle is still free for the next.
    #expect(served == [0, 2, 3] && places.count == 3)
    #expect(bench.client.freeHandles == 1)
    var late: Int?
    let place = bench.client.awaitHandle { late = 1 }
    while try bench.loop.runOnce(timeout: .milliseconds(50)) {}
    withExtendedLifetime(place) { #expect(late == 1) }
  }

  @Test(arguments: ["missing.pem", "server.py"])
  func `priming refuses a CA file without a certificate, and names it`(_ name: String) throws {
    let bench = try Bench(HTTPClient.Settings.testing(caFile: server.directory.path(name)))
    let error = #expect(throws: HTTPClientError.self) { try bench.client.prime() }
    #expect("\(error as Any)".contains(name))
    #expect(try bench.post(server.url("/ok")).failure?.kind == .caFile)
  }
}
