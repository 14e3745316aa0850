import Testing

@testable import HTTPServer

@Suite struct HeadParserTests {
  /// What the parser makes of `text`, in a form that prints well.
  static func outcome(_ text: String) -> String {
    var bytes = Array(text.utf8)
    var scan = HeadScan()
    guard case .complete(bytes.count) = scan.find(in: bytes.span) else { return "not one head" }
    do throws(HeadRefusal) {
      let fields = try parse(&bytes)
      return bytes.withUnsafeBufferPointer { describe(RequestHead(fields, $0), fields) }
    } catch {
      return "\(error.rawValue)"
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
    Case("a known method", line: "DELETE / HTTP/1.1", "405"),
    Case("options", line: "OPTIONS * HTTP/1.1", "405"),
    Case("an unknown method", line: "BREW / HTTP/1.1", "501"),
    Case("a method in lower case", line: "get / HTTP/1.1", "501"),
    Case("no method", line: " / HTTP/1.1", "400"),
    Case("a method with a colon", line: "GE:T / HTTP/1.1", "400"),
    Case("no target", line: "GET HTTP/1.1", "400"),
    Case("two spaces", line: "GET  / HTTP/1.1", "400"),
    Case("a space behind", line: "GET / HTTP/1.1 ", "400"),
    Case("an absolute target", line: "GET http://x/ HTTP/1.1", "400"),
    Case("a target of 2049", line: "GET /" + String(repeating: "a", count: 2048) + " HTTP/1.1", "414"),
    Case("9 segments", line: "GET /1/2/3/4/5/6/7/8/9 HTTP/1.1", "400"),
    Case("a fragment", line: "GET /#a HTTP/1.1", "400"),
    Case("a backslash", line: #"GET /\ HTTP/1.1"#, "400"),
    Case("a byte beyond ASCII", line: "GET /\u{e9} HTTP/1.1", "400"),
    Case("a control character", line: "GET /\u{1} HTTP/1.1", "400"),
    Case("half an escape", line: "GET /%2 HTTP/1.1", "400"),
    Case("no escape", line: "GET /%zz HTTP/1.1", "400"),
    Case("an escaped NUL", line: "GET /%00 HTTP/1.1", "400"),
    Case("an escaped line feed", line: "GET /a?b=%0a HTTP/1.1", "400"),
    Case("escaped bytes beyond ASCII", line: "GET /%C3%A9 HTTP/1.1", "400"),
    Case("an empty query", line: "GET /? HTTP/1.1", "400"),
    Case("an empty query item", line: "GET /?a=1&&b=2 HTTP/1.1", "400"),
    Case("a query item without a name", line: "GET /?=1 HTTP/1.1", "400"),
    Case("a query name twice", line: "GET /?a=1&%61=2 HTTP/1.1", "400"),
    Case("9 query items", line: "GET /?a&b&c&d&e&f&g&h&i HTTP/1.1", "400"),
    Case("1.2", line: "GET / HTTP/1.2", "505"),
    Case("2.0", line: "GET / HTTP/2.0", "505"),
    Case("a version in lower case", line: "GET / http/1.1", "400"),
    Case("no version", line: "GET /", "400"),
    Case("a long version", line: "GET / HTTP/1.10", "400"),
    Case("no host", "GET / HTTP/1.1\r\n\r\n", "400"),
    Case("two hosts", headers: "host: y", "400"),
    Case("a length", headers: "Content-Length: 1", "400"),
    Case("a length of zeroes", headers: "Content-Length: 00", "400"),
    Case("two lengths", headers: "Content-Length: 0\r\nContent-Length: 0", "400"),
    Case("a negative length", headers: "Content-Length: -0", "400"),
    Case("an empty length", headers: "Content-Length:", "400"),
    Case("chunked", headers: "Transfer-Encoding: chunked", "400"),
    Case("identity", headers: "transfer-encoding: identity", "400"),
    Case("another expectation", headers: "Expect: tea", "417"),
    Case("a folded line", headers: "X: a\r\n b", "400"),
    Case("a space in front of the colon", headers: "X : a", "400"),
    Case("no colon", headers: "X", "400"),
    Case("no name", headers: ": a", "400"),
    Case("a NUL in a value", headers: "X: \0", "400"),
    Case("a bare CR in a value", headers: "X: a\rb", "400"),
    Case("a DEL in a value", headers: "X: \u{7F}", "400"),
    Case("65 header lines", headers: Array(repeating: "X: y", count: 64).joined(separator: "\r\n"), "431"),
    Case("a bare CR in the request line", line: "GET /\r HTTP/1.1", "400"),
  ])
  func `anything else is refused with its status`(_ row: Case) {
    #expect(HeadParserTests.outcome(row.head) == row.expect)
  }

  struct Scan: Sendable {
    let text: String
    let expect: HeadScan.Result
  }

  @Test(arguments: [
    Scan(text: "", expect: .incomplete), Scan(text: "GET / HTTP/1.1", expect: .incomplete),
    Scan(text: "A\r\n\r", expect: .incomplete), Scan(text: "A\r\n\r\n", expect: .complete(5)),
    Scan(text: "A\r\nB\r\n\r\nC", expect: .complete(8)), Scan(text: "\r\n", expect: .malformed),
    Scan(text: "A\n", expect: .malformed), Scan(text: "A\r\nB\n", expect: .malformed),
    Scan(text: "A\r\n\n", expect: .malformed), Scan(text: "\n", expect: .malformed),
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

  @Test func `no prefix and no changed byte of a valid head does more than be refused`() {
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
