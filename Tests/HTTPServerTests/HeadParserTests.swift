import Testing

@testable import HTTPServer

@Suite struct HeadParserTests {
  /// The parser's result for `text`, in a form that prints well.
  static func outcome(_ text: String) -> String {
    var bytes = Array(text.utf8)
    var scan = HeadScan()
    guard case .complete(bytes.count) = scan.find(in: bytes.span) else { return "not one head" }
    do throws(HeadRefusal) {
      let fields = try parse(&bytes)
      return bytes.withUnsafeBufferPointer { describe(RequestHead(fields, $0), fields) }
    } catch {
      return "\(error.status) \(error)"
    }
  }

  private static func parse(_ bytes: inout [UInt8]) throws(HeadRefusal) -> HeadFields {
    var span = bytes.mutableSpan
    return try HeadParser.parse(&span)
  }

  private static func describe(_ head: borrowing RequestHead, _ fields: HeadFields) -> String {
    let segments = (0..<head.segmentCount).map { head.segment($0) }
    return "\(head.method) \(segments) \(head.queryCount) \(fields.isHTTP11 ? "1.1" : "1.0") "
      + (fields.keepsAlive ? "keep" : "close")
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let head: String
    let expect: String

    init(_ name: String, _ head: String, _ expect: String) {
      (self.name, self.head, self.expect) = (name, head, expect)
    }

    /// A head with this request line, or these header lines besides a Host.
    init(_ name: String, line: String, _ expect: String) { self.init(name, "\(line)\r\nHost: x\r\n\r\n", expect) }
    init(_ name: String, headers: String, _ expect: String) {
      self.init(name, "GET / HTTP/1.1\r\nHost: x\r\n\(headers)\r\n\r\n", expect)
    }

    var testDescription: String { name }
  }

  private static let plain = #"get [""] 0 1.1 keep"#
  private static let closing = #"get [""] 0 1.1 close"#

  @Test(arguments: [
    Case("root", line: "GET / HTTP/1.1", plain),
    Case("a role", line: "GET /v1/roles/uploader HTTP/1.1", #"get ["v1", "roles", "uploader"] 0 1.1 keep"#),
    Case("a trailing slash", line: "GET /v1/ HTTP/1.1", #"get ["v1", ""] 0 1.1 keep"#),
    Case("a query", line: "GET /a?min_ttl=7200&wait=1 HTTP/1.1", #"get ["a"] 2 1.1 keep"#),
    Case("a query's slash and equals sign", line: "GET /a?x=/y=?z HTTP/1.1", #"get ["a"] 1 1.1 keep"#),
    Case("an escape", line: "GET /%75p%6Coader HTTP/1.1", #"get ["uploader"] 0 1.1 keep"#),
    Case("an escaped slash", line: "GET /a%2Fb/c HTTP/1.1", #"get ["a/b", "c"] 0 1.1 keep"#),
    Case("post", line: "POST /v1/reload HTTP/1.1", #"post ["v1", "reload"] 0 1.1 keep"#),
    Case("head", line: "HEAD / HTTP/1.1", #"head [""] 0 1.1 keep"#),
    Case("1.0 without host", "GET / HTTP/1.0\r\n\r\n", #"get [""] 0 1.0 close"#),
    Case("1.0 that would keep alive", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", #"get [""] 0 1.0 close"#),
    Case("close", headers: "Connection: close", closing),
    Case("close in a list", headers: "connection: foo ,\tCLOSE", closing),
    Case("keep-alive", headers: "Connection: keep-alive", plain),
    Case("a word that contains close", headers: "Connection: closer", plain),
    Case("length 0", headers: "Content-Length: 0", plain),
    Case("an expectation without a body", headers: "Expect: 100-Continue", plain),
    Case("an empty value", headers: "X-Empty:", plain),
    Case("blanks around a value", headers: "X-A: \t b c \t", plain),
    Case("bytes beyond ASCII in a value", headers: "X-A: \u{e9}", plain),
    Case("64 header lines", headers: Array(repeating: "X: y", count: 63).joined(separator: "\r\n"), plain),
    Case(
      "a target of 2048", line: "GET /" + String(repeating: "a", count: 2047) + " HTTP/1.1",
      "get [\"" + String(repeating: "a", count: 2047) + "\"] 0 1.1 keep"),
    Case(
      "8 segments", line: "GET /1/2/3/4/5/6/7/8 HTTP/1.1",
      #"get ["1", "2", "3", "4", "5", "6", "7", "8"] 0 1.1 keep"#),
  ])
  func `a valid head is read`(_ row: Case) {
    #expect(HeadParserTests.outcome(row.head) == row.expect)
  }

  @Test(arguments: [
    Case("put", line: "PUT /a HTTP/1.1", #"put ["a"] 0 1.1 keep"#),
    Case("delete", line: "DELETE / HTTP/1.1", #"delete [""] 0 1.1 keep"#),
    Case("options", line: "OPTIONS / HTTP/1.1", #"options [""] 0 1.1 keep"#),
    Case("patch", line: "PATCH / HTTP/1.1", #"patch [""] 0 1.1 keep"#),
    Case("connect", line: "CONNECT / HTTP/1.1", #"connect [""] 0 1.1 keep"#),
    Case("trace", line: "TRACE / HTTP/1.1", #"trace [""] 0 1.1 keep"#),
    Case("an absolute target", line: "GET http://localhost/v1/roles?x=1 HTTP/1.1", #"get ["v1", "roles"] 1 1.1 keep"#),
    Case("its scheme in capitals", line: "GET HTTP://LOCALHOST/ HTTP/1.1", plain),
    Case("one without a path", line: "GET http://localhost HTTP/1.1", plain),
    Case("one with a query alone", line: "GET http://localhost?x=1 HTTP/1.1", #"get [""] 1 1.1 keep"#),
    Case("one with a port and an address", line: "GET http://[::1]:80/a HTTP/1.1", #"get ["a"] 0 1.1 keep"#),
    Case("one with another host than Host's", line: "GET http://y/a HTTP/1.1", #"get ["a"] 0 1.1 keep"#),
    Case("an empty line first", "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", plain),
    Case("an empty query", line: "GET /? HTTP/1.1", plain),
    Case("an empty query of a longer path", line: "GET /a/b? HTTP/1.1", #"get ["a", "b"] 0 1.1 keep"#),
  ])
  func `HTTP that is allowed but unusual is read`(_ row: Case) {
    #expect(HeadParserTests.outcome(row.head) == row.expect)
  }

  @Test(arguments: [
    Case("options of the whole server", line: "OPTIONS * HTTP/1.1", "405 methodNotAllowed"),
    Case("connect", line: "CONNECT localhost:80 HTTP/1.1", "405 methodNotAllowed"),
    Case("an unknown method", line: "BREW / HTTP/1.1", "501 unknownMethod"),
    Case("a method in lower case", line: "get / HTTP/1.1", "501 unknownMethod"),
    Case("no method", line: " / HTTP/1.1", "400 requestLine"),
    Case("a method with a colon", line: "GE:T / HTTP/1.1", "400 requestLine"),
    Case("no target", line: "GET HTTP/1.1", "400 targetForm"),
    Case("two spaces", line: "GET  / HTTP/1.1", "400 requestLine"),
    Case("a space behind", line: "GET / HTTP/1.1 ", "400 requestLine"),
    Case("a path without its slash", line: "GET healthz HTTP/1.1", "400 targetForm"),
    Case("get of a star", line: "GET * HTTP/1.1", "400 targetForm"),
    Case("another scheme", line: "GET https://x/ HTTP/1.1", "400 targetForm"),
    Case("a URL without a host", line: "GET http:///a HTTP/1.1", "400 authority"),
    Case("a URL with a port alone", line: "GET http://:80/a HTTP/1.1", "400 authority"),
    Case("a URL with a user", line: "GET http://a@x/ HTTP/1.1", "400 authority"),
    Case("a URL with a fragment", line: "GET http://x#a HTTP/1.1", "400 authority"),
    Case("a target of 2049", line: "GET /" + String(repeating: "a", count: 2048) + " HTTP/1.1", "414 targetTooLong"),
    Case(
      "a host of 2049", line: "GET http://" + String(repeating: "a", count: 2042) + " HTTP/1.1", "414 targetTooLong"),
    Case("9 segments", line: "GET /1/2/3/4/5/6/7/8/9 HTTP/1.1", "400 segments"),
    Case("a fragment", line: "GET /#a HTTP/1.1", "400 targetCharacter"),
    Case("a backslash", line: #"GET /\ HTTP/1.1"#, "400 targetCharacter"),
    Case("a byte beyond ASCII", line: "GET /\u{e9} HTTP/1.1", "400 targetCharacter"),
    Case("a control character", line: "GET /\u{1} HTTP/1.1", "400 targetCharacter"),
    Case("half an escape", line: "GET /%2 HTTP/1.1", "400 escape"),
    Case("no escape", line: "GET /%zz HTTP/1.1", "400 escape"),
    Case("an escaped NUL", line: "GET /%00 HTTP/1.1", "400 escape"),
    Case("an escaped line feed", line: "GET /a?b=%0a HTTP/1.1", "400 escape"),
    Case("escaped bytes beyond ASCII", line: "GET /%C3%A9 HTTP/1.1", "400 escape"),
    Case("an empty query item", line: "GET /?a=1&&b=2 HTTP/1.1", "400 queryName"),
    Case("two empty query items", line: "GET /?& HTTP/1.1", "400 queryName"),
    Case("a query item without a name", line: "GET /?=1 HTTP/1.1", "400 queryName"),
    Case("a query name twice", line: "GET /?a=1&%61=2 HTTP/1.1", "400 repeatedQueryName"),
    Case("9 query items", line: "GET /?a&b&c&d&e&f&g&h&i HTTP/1.1", "400 queryItems"),
    Case("1.2", line: "GET / HTTP/1.2", "505 unknownVersion"),
    Case("2.0", line: "GET / HTTP/2.0", "505 unknownVersion"),
    Case("a version in lower case", line: "GET / http/1.1", "400 requestLine"),
    Case("no version", line: "GET /", "400 requestLine"),
    Case("a long version", line: "GET / HTTP/1.10", "400 requestLine"),
    Case("no host", "GET / HTTP/1.1\r\n\r\n", "400 host"),
    Case("no host beside an absolute target", "GET http://x/ HTTP/1.1\r\n\r\n", "400 host"),
    Case("two hosts", headers: "host: y", "400 host"),
    Case("a length", headers: "Content-Length: 1", "400 contentLength"),
    // Of two certificates a proxy and this server could each count another one.
    Case(
      "two certificates", headers: "Rolekeeper-Client-Certificate: a\r\nrolekeeper-client-CERTIFICATE:",
      "400 repeatedHeader"),
    Case("two tags", headers: "If-None-Match: \"a\"\r\nIf-None-Match: \"b\"", "400 repeatedHeader"),
    Case("a length of zeroes", headers: "Content-Length: 00", "400 contentLength"),
    Case("two lengths", headers: "Content-Length: 0\r\nContent-Length: 0", "400 contentLength"),
    Case("a negative length", headers: "Content-Length: -0", "400 contentLength"),
    Case("an empty length", headers: "Content-Length:", "400 contentLength"),
    Case("chunked", headers: "Transfer-Encoding: chunked", "400 transferEncoding"),
    Case("identity", headers: "transfer-encoding: identity", "400 transferEncoding"),
    Case("another expectation", headers: "Expect: tea", "417 expectationFailed"),
    Case("a folded line", headers: "X: a\r\n b", "400 headerLine"),
    Case("a space in front of the colon", headers: "X : a", "400 headerLine"),
    Case("no colon", headers: "X", "400 headerLine"),
    Case("no name", headers: ": a", "400 headerLine"),
    Case("a NUL in a value", headers: "X: \0", "400 headerValue"),
    Case("a bare CR in a value", headers: "X: a\rb", "400 headerValue"),
    Case("a DEL in a value", headers: "X: \u{7F}", "400 headerValue"),
    Case(
      "65 header lines", headers: Array(repeating: "X: y", count: 64).joined(separator: "\r\n"), "431 headTooLarge"),
    Case("a bare CR in the request line", line: "GET /\r HTTP/1.1", "400 requestLine"),
    Case("a bare CR in front of the request line", line: "\rGET / HTTP/1.1", "400 requestLine"),
    Case("a bare CR and another byte in front of it", line: "\rXGET / HTTP/1.1", "400 requestLine"),
    Case("two bare CRs in front of it", line: "\r\rGET / HTTP/1.1", "400 requestLine"),
  ])
  func `any other head is refused with its status and the rule that it breaks`(_ row: Case) {
    #expect(HeadParserTests.outcome(row.head) == row.expect)
  }

  /// JSON would need an escape, or its reader a second sentence.
  @Test func `a value is read to its end whatever its length, and a control character is found at each place`() {
    for length in 0...50 {
      let value = String(repeating: "\u{7E}", count: length)
      #expect(HeadParserTests.outcome(Case("", headers: "X: \(value)", "").head) == Self.plain)
      for place in 0..<length {
        for control in ["\0", "\u{1F}", "\u{7F}"] {
          var bytes = Array(value.unicodeScalars)
          bytes[place] = control.unicodeScalars.first!
          let changed = String(String.UnicodeScalarView(bytes))
          #expect(HeadParserTests.outcome(Case("", headers: "X: \(changed)", "").head) == "400 headerValue")
        }
      }
    }
  }

  @Test(arguments: HeadRefusal.allCases)
  func `a rule is one sentence of plain characters`(_ refusal: HeadRefusal) {
    #expect(
      !refusal.rule.isEmpty && refusal.rule.utf8.allSatisfy { (0x20...0x7E).contains($0) && $0 != 0x22 && $0 != 0x5C })
    #expect(HeadRefusal.allCases.count { $0.rule == refusal.rule } <= 2, "only two methods share a rule")
  }

  struct Scan: Sendable {
    let text: String
    let expect: HeadScan.Result
  }

  @Test(arguments: [
    Scan(text: "", expect: .incomplete), Scan(text: "GET / HTTP/1.1", expect: .incomplete),
    Scan(text: "A\r\n\r", expect: .incomplete), Scan(text: "A\r\n\r\n", expect: .complete(5)),
    Scan(text: "A\r\nB\r\n\r\nC", expect: .complete(8)), Scan(text: "\r\n", expect: .incomplete),
    Scan(text: "\r\nA\r\n\r\n", expect: .complete(7)), Scan(text: "\r\n\r\n", expect: .refused(.emptyLines)),
    Scan(text: "A\n", expect: .refused(.lineEnd)), Scan(text: "A\r\nB\n", expect: .refused(.lineEnd)),
    Scan(text: "A\r\n\n", expect: .refused(.lineEnd)), Scan(text: "\n", expect: .refused(.lineEnd)),
    Scan(text: "\r\n\n", expect: .refused(.lineEnd)),
  ])
  func `a head's end is found, in one piece or byte by byte`(_ row: Scan) {
    let bytes = Array(row.text.utf8)
    var whole = HeadScan()
    #expect(whole.find(in: bytes.span) == row.expect)
    var pieces = HeadScan()
    var found = HeadScan.Result.incomplete
    for count in 0...bytes.count where found == .incomplete {
      found = pieces.find(in: bytes.span.extracting(first: count))
    }
    #expect(found == row.expect)
  }

  @Test func `no prefix or changed byte of a valid head does more harm than a refusal`() {
    let text =
      "GET /v1/roles/up%6Coader/credentials?min_ttl=7200&wait=%31 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    let bytes = Array(text.utf8)
    for place in bytes.indices {
      for byte in UInt8.min...UInt8.max {
        var changed = bytes
        changed[place] = byte
        _ = HeadParserTests.outcome(String(decoding: changed, as: UTF8.self))
        guard byte < 128 else { continue }
        let cut = Array(changed[...place]) + Array("\r\n\r\n".utf8)
        _ = HeadParserTests.outcome(String(decoding: cut, as: UTF8.self))
      }
    }
  }
}
