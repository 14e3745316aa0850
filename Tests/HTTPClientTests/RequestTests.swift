import Core
import HTTPClient
import Secrets
import TestSupport
import Testing

@testable import class HTTPClient.HTTPClient

/// The parts of a request beside its URL: method, headers, and a body of either kind.
@Suite struct RequestTests {
  let server: TLSServer
  let bench: Bench

  init() throws {
    server = try TLSServer.shared.get()
    bench = try Bench(HTTPClient.Settings.testing(caFile: server.caFile, timeout: .seconds(60)))
  }

  /// The lines of a request's head as the server read it, without those that every request has.
  private func head(_ request: HTTPRequest) throws -> [String] {
    let lines = try bench.send(request).body.split(separator: "\r\n").map(String.init)
    return lines.filter { !["Host:", "Accept:", "Accept-Encoding:"].contains($0.prefix { $0 != " " }) }
  }

  struct Case: CustomTestStringConvertible, Sendable {
    let method: HTTPRequest.Method
    let body: String?
    let expect: [String]
    var testDescription: String { "\(method.rawValue) \(body ?? "without a body")" }
  }

  // SHA-256 of no bytes, and of "abc" (FIPS 180-4).
  private static let ofNothing = "0 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
  private static let ofABC = "3 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

  @Test(arguments: [
    Case(method: .get, body: nil, expect: [ofNothing, "GET /digest HTTP/1.1"]),
    Case(method: .post, body: nil, expect: [ofNothing, "POST /digest HTTP/1.1", "Content-Length: 0"]),
    Case(method: .post, body: "", expect: [ofNothing, "POST /digest HTTP/1.1", "Content-Length: 0"]),
    Case(method: .post, body: "abc", expect: [ofABC, "POST /digest HTTP/1.1", "Content-Length: 3"]),
    Case(method: .put, body: nil, expect: [ofNothing, "PUT /digest HTTP/1.1", "Content-Length: 0"]),
    Case(method: .put, body: "abc", expect: [ofABC, "PUT /digest HTTP/1.1", "Content-Length: 3"]),
    Case(method: .delete, body: nil, expect: [ofNothing, "DELETE /digest HTTP/1.1", "Content-Length: 0"]),
  ])
  func `a request arrives with its method and body, and nothing of it stays for the next`(_ row: Case) throws {
    let url = server.url("/digest")
    let body = row.body.map { HTTPRequest.Body.bytes(Array($0.utf8)) } ?? .empty
    #expect(try head(HTTPRequest(row.method, url, body: body)) == row.expect)
    #expect(try head(HTTPRequest(.post, url)) == [Self.ofNothing, "POST /digest HTTP/1.1", "Content-Length: 0"])
  }

  @Test func `a body of bytes has the content type that the caller sets`() throws {
    let request = HTTPRequest(
      .put, server.url("/digest"), headers: ["Content-Type: text/plain"], body: .bytes(Array("abc".utf8)))
    #expect(
      try head(request) == [Self.ofABC, "PUT /digest HTTP/1.1", "Content-Type: text/plain", "Content-Length: 3"])
  }

  @Test func `a target arrives unchanged but for its fragment, at whichever server`() throws {
    for port in ["good", "ticketless", "good"] {
      let site = server.url("", at: port)
      for (target, arrives) in [
        ("/a/../echo?b=c%2Fd/../e?f", "/a/../echo?b=c%2Fd/../e?f"), ("/echo#part", "/echo"), ("?a=b", "/?a=b"),
        ("", "/"),
      ] {
        let lines = try bench.send(HTTPRequest(.post, site + target)).body.split(separator: "\r\n")
        #expect(lines.first == "POST \(arrives) HTTP/1.1")
        #expect(lines.contains("Host: \(site.dropFirst("https://".count))"))
      }
    }
  }

  @Test func `secret headers arrive, as many as there are`() throws {
    let secrets: [(name: String, value: Secret)] = [
      ("x-acs-security-token", secret("CAES+token")), ("x-other", secret("another")),
    ]
    let lines = try head(HTTPRequest(.get, server.url("/digest"), secretHeaders: secrets))
    #expect(lines.contains("x-acs-security-token: CAES+token") && lines.contains("x-other: another"))
    #expect(throws: TransportFailure.self) {
      try bench.send(
        HTTPRequest(.post, server.url("/ok"), secretHeaders: [secrets[0], ("x-other", secret("a\r\nb: c"))]))
    }
    #expect(bench.client.freeHandles == HTTPClient.handles)
  }

  /// Bytes derived from their offsets, and a record of the reads.
  private final class Source {
    let length: Int
    private(set) var reads: [(offset: Int, room: Int)] = []
    /// Reads from this offset on fail.
    var end = Int.max

    init(length: Int) { self.length = length }

    static func byte(at offset: Int) -> UInt8 { UInt8(truncatingIfNeeded: offset &* 7 ^ offset >> 8) }

    var body: HTTPRequest.Body {
      .stream(
        BodyStream(length: length) { [self] offset, room in
          reads.append((offset, room.count))
          guard offset < end else { return nil }
          // Seldom fills the buffer, as with a pipe.
          let count = min(room.count, 10_000)
          for index in 0..<count { room[index] = Self.byte(at: offset + index) }
          return count
        })
    }
  }

  // By Python's hashlib, for 1,000,000 such bytes.
  private static let ofStream = "1000000 4fc695c5b461f89dba1d375fdfd1a870d2e543919b6419812edf939380bd8c1e"

  @Test func `a streamed body arrives whole, and no more than 16 KiB of it is read at a time`() throws {
    let source = Source(length: 1_000_000)
    let lines = try head(HTTPRequest(.put, server.url("/digest"), body: source.body))
    #expect(lines == [Self.ofStream, "PUT /digest HTTP/1.1", "Content-Length: 1000000"])
    #expect(source.reads.allSatisfy { $0.room <= 16_384 } && source.reads.count >= 100)
    #expect(try head(HTTPRequest(.post, server.url("/digest")))[1] == "POST /digest HTTP/1.1")
  }

  @Test func `a stream may be empty, and may be posted`() throws {
    let empty = Source(length: 0)
    #expect(
      try head(HTTPRequest(.put, server.url("/digest"), body: empty.body))
        == [Self.ofNothing, "PUT /digest HTTP/1.1", "Content-Length: 0"])
    let source = Source(length: 1_000_000)
    #expect(
      try head(HTTPRequest(.post, server.url("/digest"), body: source.body))
        == [Self.ofStream, "POST /digest HTTP/1.1", "Content-Length: 1000000"])
    #expect(empty.reads.isEmpty)
  }

  @Test func `a body that can't be read ends its request, and the handle serves the next`() throws {
    let source = Source(length: 1_000_000)
    source.end = 500_000
    let failure = try #require(try bench.send(HTTPRequest(.put, server.url("/digest"), body: source.body)).failure)
    #expect(failure.kind == .unsuitableRequest && failure.text == "the request's body couldn't be read to its end")
    #expect(bench.client.freeHandles == HTTPClient.handles)
    #expect(try bench.post(server.url("/ok")).head?.status == 200)
  }

  /// libcurl repeats a request if a kept-alive connection ends before the first byte of an answer.
  @Test func `a body is read from its beginning when its request is sent again`() throws {
    func url(_ path: String) -> String { server.url(path, at: "ticketless") }
    #expect(try bench.post(url("/ok")).head?.status == 200)
    let source = Source(length: 1_000_000)
    #expect(try bench.send(HTTPRequest(.put, url("/digestanew"), body: source.body)).body == Self.ofStream)
    #expect(source.reads.count { $0.offset == 0 } == 2)
  }

  /// What the second is answered says nothing of the first, which may have been carried out.
  @Test func `a request without a body that is sent again is known`() throws {
    func url(_ path: String) -> String { server.url(path, at: "ticketless") }
    let filler: TextLines = ["X-Filler: \(String(repeating: "x", count: 500))"]
    let fresh = try bench.post(url("/digestanew"), headers: filler)
    #expect(fresh.body == Self.ofNothing && fresh.head?.wasSentTwice == false)
    let again = try bench.post(url("/digestanew"), headers: filler)
    #expect(again.body == Self.ofNothing && again.head?.wasSentTwice == true)
    #expect(try bench.post(url("/ok"), headers: filler).head?.wasSentTwice == false)
  }

  @Test func `a larger buffer reads more of a streamed body at a time`() throws {
    var settings = HTTPClient.Settings.testing(caFile: server.caFile, timeout: .seconds(60))
    settings.uploadBuffer = 262_144
    let source = Source(length: 1_000_000)
    let lines = try Bench(settings).send(HTTPRequest(.put, server.url("/digest"), body: source.body)).body
    #expect(lines.hasPrefix(Self.ofStream))
    #expect(source.reads.contains { $0.room == 262_144 } && source.reads.allSatisfy { $0.room <= 262_144 })
  }

  @Test func `an answer has the header fields that its request named, and no later one has them`() throws {
    var request = HTTPRequest(.put, server.url("/fields"))
    request.keptFields = ["etag", "x-oss-hash-crc64ecma", "x-missing", "x-twice", "x-same", "x-odd"]
    let head = try #require(try bench.send(request).head)
    #expect(head.keptFields == ["\"0123456789ABCDEF\"", "11051210869376104954", nil, nil, "a b", nil])
    #expect(head.date != nil)
    #expect(try bench.post(server.url("/fields")).head?.keptFields == [])
  }

  @Test func `a stalled request ends at its own stall timeout`() throws {
    var request = HTTPRequest(.put, server.url("/silent"))
    // The client's total timeout would be a minute.
    request.stallTimeout = .seconds(1)
    #expect(try bench.send(request).failure?.kind == .timeout)
    #expect(try bench.post(server.url("/ok")).head?.status == 200)
  }

  @Test func `a request with a stall timeout may take longer than the client's total timeout`() throws {
    let bench = try Bench(HTTPClient.Settings.testing(caFile: server.caFile, timeout: .milliseconds(300)))
    var request = HTTPRequest(.put, server.url("/dribble"))
    #expect(try bench.send(request).failure?.kind == .timeout)
    request.stallTimeout = .seconds(30)
    #expect(try bench.send(request).body == "xxxxx")
  }

  @Test func `a request prints its destination, not its content`() {
    let request = HTTPRequest(
      .put, "https://sts.example:8443/?Signature=abc", headers: ["Authorization: Signature=abc"],
      secretHeaders: [("x-acs-security-token", secret("Signature=abc"))], body: .bytes(Array("Signature=abc".utf8)))
    var dumped = ""
    dump(request, to: &dumped)
    for text in ["\(request)", String(reflecting: request), dumped] { #expect(!text.contains("Signature")) }
    #expect("\(request)" == "PUT https://sts.example:8443")
  }

  // MARK: The rate of all bodies

  private func upload(_ count: Int) throws -> Bench.Request {
    let bytes = [UInt8](repeating: 7, count: count)
    let body = BodyStream(length: count) { offset, room in
      let part = bytes[offset...].prefix(room.count)
      room.copyBytes(from: part)
      return part.count
    }
    return try bench.start(HTTPRequest(.put, server.url("/digest"), body: .stream(body)))
  }

  /// With one limit each, four of them could send four times as much. Nothing is saved up before the first byte.
  @Test func `bodies sent at the same time keep to one rate together`() throws {
    let clock = ContinuousClock()
    let start = clock.now
    bench.client.sendRate = 400_000
    let uploads = try (0..<4).map { _ in try upload(100_000) }
    try bench.turn { uploads.allSatisfy { $0.answer != nil } }
    #expect(uploads.allSatisfy { $0.answer?.body.hasPrefix("100000 ") == true })
    // It takes a second, minus small differences between the clocks.
    #expect(clock.now - start >= .milliseconds(990))
  }

  @Test func `a body that ends or is cancelled while waiting leaves its share to the others`() throws {
    bench.client.sendRate = 600_000
    let short = try upload(1000)
    let others = try (0..<3).map { _ in try upload(100_000) }
    try bench.turn { short.answer != nil }
    if let id = others[0].id { bench.client.cancel(id) }
    try bench.turn { others[1...].allSatisfy { $0.answer != nil } }
    #expect(others[1...].allSatisfy { $0.answer?.body.hasPrefix("100000 ") == true })
    #expect(others[0].answer == nil)
  }

  @Test func `lifting the limit releases waiting bodies`() throws {
    bench.client.sendRate = 1
    let uploads = try (0..<2).map { _ in try upload(100_000) }
    // When it is answered, the others are sending their bodies.
    let other = try bench.start(HTTPRequest(.get, server.url("/digest")))
    try bench.turn { other.answer != nil }
    #expect(uploads.allSatisfy { $0.answer == nil })
    bench.client.sendRate = nil
    try bench.turn { uploads.allSatisfy { $0.answer != nil } }
  }
}
