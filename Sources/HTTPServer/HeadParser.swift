import Core

/// Parses one request head (RFC 9112), stricter than the RFC where that doesn't affect an honest client.
///
/// - Lines end in CRLF; a bare CR or LF, two empty lines before the request, and folded header lines are refused.
/// - The target is in origin form or in absolute form with the scheme http, whose host replaces the Host header's. It has at most
///   2048 bytes, of the characters of RFC 3986 only. Percent-escapes are decoded in place, and only to printable ASCII. At most
///   8 segments and 8 query items, no name twice; a query may be empty.
/// - No request has a body: Transfer-Encoding, and any Content-Length but one `0`, are refused.
/// - HTTP/1.1 needs one Host, whose value isn't checked here (`RequestHead.host`). `Expect: 100-continue` announces a body; without
///   one it is ignored.
/// - At most 64 header lines.
enum HeadParser {
  static let maximumTarget = 2048
  static let maximumHeaders = 64

  /// `head` is one whole head, including its empty line, as `HeadScan` delimits it, and at most 65,535 bytes.
  static func parse(_ head: inout MutableSpan<UInt8>) throws(HeadRefusal) -> HeadFields {
    var fields = HeadFields()
    try parse(&head, into: &fields)
    return fields
  }

  /// The same; fields found before a refusal are in `fields`, which must be empty.
  static func parse(_ head: inout MutableSpan<UInt8>, into fields: inout HeadFields) throws(HeadRefusal) {
    // One empty line in front is ignored; the scan refuses a second one.
    var at = head.span.holds("\r\n", 0..<min(2, head.count)) ? 2 : 0
    fields.method = try method(head.span, &at)
    try TargetParser.parse(&head, &at, into: &fields)
    fields.isHTTP11 = try version(head.span, &at)
    try HeaderLines.read(head.span, from: at, into: &fields)
  }

  private static func method(_ head: Span<UInt8>, _ at: inout Int) throws(HeadRefusal) -> Method {
    let start = at
    at = head.end(of: .token, from: at, to: head.count)
    let name = start..<at
    guard !name.isEmpty, at < head.count, head[at] == UInt8(ascii: " ") else { throw .requestLine }
    at += 1
    if head.holds("GET", name) { return .get }
    if head.holds("HEAD", name) { return .head }
    if head.holds("POST", name) { return .post }
    if head.holds("PUT", name) { return .put }
    if head.holds("DELETE", name) { return .delete }
    if head.holds("OPTIONS", name) { return .options }
    if head.holds("PATCH", name) { return .patch }
    if head.holds("CONNECT", name) { return .connect }
    if head.holds("TRACE", name) { return .trace }
    throw .unknownMethod
  }

  /// True for 1.1, false for 1.0. Leaves `at` after the line's end.
  private static func version(_ head: Span<UInt8>, _ at: inout Int) throws(HeadRefusal) -> Bool {
    let end = at + 8
    if head.count >= end + 2, head.holds("HTTP/1.1\r\n", at..<end + 2) {
      at = end + 2
      return true
    }
    guard head.count >= end + 2, head.holds("HTTP/", at..<at + 5), head[at + 6] == UInt8(ascii: "."),
      head[at + 5].isDigit, head[at + 7].isDigit,
      head[end] == UInt8(ascii: "\r"), head[end + 1] == UInt8(ascii: "\n")
    else { throw .requestLine }
    let (major, minor) = (head[at + 5], head[at + 7])
    guard major == UInt8(ascii: "1"), minor <= UInt8(ascii: "1") else { throw .unknownVersion }
    at = end + 2
    return minor == UInt8(ascii: "1")
  }
}
