/// Reads one request head (RFC 9112), stricter than the RFC where that costs an honest client nothing.
///
/// - Lines end in CRLF; a bare CR or LF, an empty line before the request, and folded header lines are refused.
/// - The target is in origin form, at most 2048 bytes, and of the characters of RFC 3986 only. Percent-escapes are
///   decoded in place, and only to printable ASCII. At most 8 segments and 8 query items, no name twice.
/// - No request has a body: Transfer-Encoding, and any Content-Length but one `0`, are refused.
/// - HTTP/1.1 needs one Host, whatever it says. `Expect: 100-continue` announces a body; without one it means nothing.
/// - At most 64 header lines.
enum HeadParser {
  static let maximumTarget = 2048
  static let maximumHeaders = 64

  /// `head` is one whole head, its empty line included, as `HeadScan` delimits it, and at most 65,535 bytes.
  static func parse(_ head: inout MutableSpan<UInt8>) throws(HeadRefusal) -> HeadFields {
    var fields = HeadFields()
    var at = 0
    fields.method = try method(head.span, &at)
    try TargetParser.parse(&head, &at, into: &fields)
    fields.isHTTP11 = try version(head.span, &at)
    try HeaderLines.read(head.span, from: at, into: &fields)
    return fields
  }

  private static func method(_ head: Span<UInt8>, _ at: inout Int) throws(HeadRefusal) -> Method {
    while at < head.count, ByteClass.isToken(head[at]) { at += 1 }
    let length = at
    guard length > 0, at < head.count, head[at] == UInt8(ascii: " ") else { throw .malformed }
    at += 1
    if head.holds("GET", 0..<length) { return .get }
    if head.holds("HEAD", 0..<length) { return .head }
    if head.holds("POST", 0..<length) { return .post }
    let isKnown =
      head.holds("PUT", 0..<length) || head.holds("DELETE", 0..<length) || head.holds("OPTIONS", 0..<length)
      || head.holds("PATCH", 0..<length) || head.holds("CONNECT", 0..<length) || head.holds("TRACE", 0..<length)
    throw isKnown ? .methodNotAllowed : .unknownMethod
  }

  /// True for 1.1, false for 1.0. Leaves `at` behind the line's end.
  private static func version(_ head: Span<UInt8>, _ at: inout Int) throws(HeadRefusal) -> Bool {
    let end = at + 8
    guard head.count >= end + 2, head.holds("HTTP/", at..<at + 5), head[at + 6] == UInt8(ascii: "."),
      ByteClass.isDigit(head[at + 5]), ByteClass.isDigit(head[at + 7]),
      head[end] == UInt8(ascii: "\r"), head[end + 1] == UInt8(ascii: "\n")
    else { throw .malformed }
    let (major, minor) = (head[at + 5], head[at + 7])
    guard major == UInt8(ascii: "1"), minor <= UInt8(ascii: "1") else { throw .unknownVersion }
    at = end + 2
    return minor == UInt8(ascii: "1")
  }
}
