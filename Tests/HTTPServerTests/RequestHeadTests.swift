import Testing

@testable import HTTPServer

@Suite struct RequestHeadTests {
  func with<R>(_ target: String, _ body: (borrowing RequestHead) -> R) throws -> R {
    var bytes = Array("GET \(target) HTTP/1.0\r\n\r\n".utf8)
    let fields = try parse(&bytes)
    return bytes.withUnsafeBufferPointer { body(RequestHead(fields, $0)) }
  }

  private func parse(_ bytes: inout [UInt8]) throws -> HeadFields {
    var span = bytes.mutableSpan
    return try HeadParser.parse(&span)
  }

  struct Path: Sendable, CustomTestStringConvertible {
    let target: String
    let path: StaticString
    let isSame: Bool
    var testDescription: String { "\(target) and \(path)" }
  }

  @Test(arguments: [
    Path(target: "/", path: "/", isSame: true), Path(target: "/v1/roles", path: "/v1/roles", isSame: true),
    Path(target: "/v1/r%6Fles?x", path: "/v1/roles", isSame: true),
    Path(target: "/v1/roles/", path: "/v1/roles", isSame: false),
    Path(target: "/v1/roles", path: "/v1/roles/", isSame: false),
    Path(target: "/v1%2Froles", path: "/v1/roles", isSame: false),
    Path(target: "/v1/role", path: "/v1/roles", isSame: false),
    Path(target: "/v1", path: "/v1/roles", isSame: false), Path(target: "//v1", path: "/v1", isSame: false),
  ])
  func `a path is compared in full`(_ row: Path) throws {
    #expect(try with(row.target) { $0.path(is: row.path) } == row.isSame)
  }

  @Test func `segments are compared, copied and borrowed`() throws {
    let isSame = try with("/v1/roles/up%6Coader") {
      [$0.segment(0, is: "v1"), $0.segment(1, is: "role"), $0.segment(2, is: "uploader"), $0.segment(3, is: "")]
    }
    #expect(isSame == [true, false, true, false])
    #expect(try with("/v1/roles/up%6Coader") { $0.segment(2) } == "uploader")
    #expect(try with("/v1/roles/up%6Coader") { $0.withSegment(2) { $0.count } } == 8)
  }

  struct Query: Sendable, CustomTestStringConvertible {
    let target: String
    let text: String?
    let number: RequestHead.Number
    var testDescription: String { target }
  }

  @Test(arguments: [
    Query(target: "/", text: nil, number: .missing),
    Query(target: "/?min=1", text: nil, number: .missing),
    Query(target: "/?x=2&min_ttl=7200", text: "7200", number: .value(7200)),
    Query(target: "/?%6din_ttl=%37", text: "7", number: .value(7)),
    Query(target: "/?min_ttl", text: "", number: .malformed),
    Query(target: "/?min_ttl=", text: "", number: .malformed),
    Query(target: "/?min_ttl=-1", text: "-1", number: .malformed),
    Query(target: "/?min_ttl=+1", text: "+1", number: .malformed),
    Query(target: "/?min_ttl=1.5", text: "1.5", number: .malformed),
    Query(target: "/?min_ttl=999999999", text: "999999999", number: .value(999_999_999)),
    Query(target: "/?min_ttl=1000000000", text: "1000000000", number: .malformed),
  ])
  func `a query item is found by its name`(_ row: Query) throws {
    #expect(try with(row.target) { $0.query("min_ttl") } == row.text)
    #expect(try with(row.target) { $0.queryNumber("min_ttl") } == row.number)
  }

  struct Host: Sendable, CustomTestStringConvertible {
    let head: String
    let host: String?
    var testDescription: String { head }
  }

  @Test(arguments: [
    Host(head: "GET / HTTP/1.1\r\nX: y\r\nhost:  localhost:8080 \r\nHosts: z\r\n\r\n", host: "localhost:8080"),
    Host(head: "GET /%41%42 HTTP/1.1\r\nHost: x\r\n\r\n", host: "x"),
    Host(head: "GET / HTTP/1.1\r\nHost:\r\n\r\n", host: ""),
    Host(head: "GET / HTTP/1.0\r\n\r\n", host: nil),
    Host(head: "GET http://[::1]:80/%41?a=%42 HTTP/1.1\r\nHost: x\r\n\r\n", host: "[::1]:80"),
    Host(head: "GET http://a HTTP/1.0\r\n\r\n", host: "a"),
  ])
  func `the host is the target's, or else the header's`(_ row: Host) throws {
    var bytes = Array(row.head.utf8)
    let fields = try parse(&bytes)
    #expect(bytes.withUnsafeBufferPointer { RequestHead(fields, $0).host } == row.host)
  }

  private func read<R>(_ lines: String, _ body: (borrowing RequestHead) -> R) throws -> R {
    var bytes = Array("GET / HTTP/1.1\r\nHost: x\r\n\(lines)\r\n\r\n".utf8)
    let fields = try parse(&bytes)
    return bytes.withUnsafeBufferPointer { body(RequestHead(fields, $0)) }
  }

  @Test(arguments: [
    ("If-None-Match: \"a\"", true), ("if-none-match:\"b\", W/\"a\" ,\"c\"", true), ("If-None-Match: *", true),
    ("If-None-Match: \"b\"", false), ("If-None-Match: a", false), ("If-None-Match:", false), ("X: \"a\"", false),
    ("If-None-Match: \"aa\"", false), ("If-Match: \"a\"", false),
  ])
  func `the client has an answer whose tag it names`(_ given: (line: String, has: Bool)) throws {
    #expect(try read(given.line) { $0.hasAnswer("\"a\"") } == given.has)
  }

  @Test func `a client certificate is there as it was sent, also an empty one`() throws {
    func text(_ line: String) throws -> String? {
      try read(line) { head in
        let text = head.withClientCertificate { $0.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) } }
        return head.hasClientCertificate ? text : text.isEmpty ? nil : "found"
      }
    }
    #expect(try text("Rolekeeper-Client-Certificate: -----BEGIN%20x%0A ") == "-----BEGIN%20x%0A")
    #expect(try text("rolekeeper-client-certificate:") == "")
    #expect(try text("Rolekeeper_Client_Certificate: x") == nil && text("Rolekeeper-Client-Certificates: x") == nil)
  }
}
