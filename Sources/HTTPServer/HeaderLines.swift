import Core

/// Reads the header lines of a head and evaluates the few that matter here.
struct HeaderLines {
  private var hosts = 0
  private var host: HeadFields.Piece?
  private var contentLengths = 0
  private var asksToClose = false
  private var isFromBrowser = false
  private var clientCertificate: HeadFields.Piece?
  private var ifNoneMatch: HeadFields.Piece?

  /// Reads from `start`, the first byte after the request line, to the empty line that ends `head`.
  static func read(_ head: Span<UInt8>, from start: Int, into fields: inout HeadFields) throws(HeadRefusal) {
    var lines = HeaderLines()
    var at = start
    var count = 0
    while true {
      guard at + 1 < head.count else { throw .lineEnd }
      if head[at] == UInt8(ascii: "\r"), head[at + 1] == UInt8(ascii: "\n") { break }
      count += 1
      if count > HeadParser.maximumHeaders { throw .headTooLarge }
      at = try lines.readLine(head, at)
    }
    guard !fields.isHTTP11 || lines.hosts == 1 else { throw .host }
    // The target's own host replaces the header's (RFC 9112, 3.2.2).
    if fields.host == nil { fields.host = lines.host }
    fields.isFromBrowser = lines.isFromBrowser
    fields.clientCertificate = lines.clientCertificate
    fields.ifNoneMatch = lines.ifNoneMatch
    fields.keepsAlive = fields.isHTTP11 && !lines.asksToClose
  }

  /// Returns the position after the line's end.
  private mutating func readLine(_ head: Span<UInt8>, _ start: Int) throws(HeadRefusal) -> Int {
    var at = head.end(of: .token, from: start, to: head.count)
    let name = start..<at
    guard !name.isEmpty, at < head.count, head[at] == UInt8(ascii: ":") else { throw .headerLine }
    at += 1
    while at < head.count, head[at].isSpaceOrTab { at += 1 }
    let valueStart = at
    at = head.end(of: .fieldText, from: at, to: head.count)
    guard at + 1 < head.count, head[at] == UInt8(ascii: "\r"), head[at + 1] == UInt8(ascii: "\n") else {
      throw .headerValue
    }
    var valueEnd = at
    while valueEnd > valueStart, head[valueEnd - 1].isSpaceOrTab { valueEnd -= 1 }
    try judge(head, name, valueStart..<valueEnd)
    return at + 2
  }

  private mutating func judge(_ head: Span<UInt8>, _ name: Range<Int>, _ value: Range<Int>) throws(HeadRefusal) {
    if name.count >= 10, head.holds("sec-fetch-", ignoringCaseIn: name.prefix(10)) { isFromBrowser = true }
    switch name.count {
    case 4 where head.holds("host", ignoringCaseIn: name):
      hosts += 1
      if hosts > 1 { throw .host }
      host = HeadFields.Piece(value.lowerBound, value.upperBound)
    case 6 where head.holds("expect", ignoringCaseIn: name):
      guard head.holds("100-continue", ignoringCaseIn: value) else { throw .expectationFailed }
    case 6 where head.holds("origin", ignoringCaseIn: name):
      isFromBrowser = true
    case 10 where head.holds("connection", ignoringCaseIn: name):
      if names("close", in: head, value) { asksToClose = true }
    case 13 where head.holds("if-none-match", ignoringCaseIn: name):
      try Self.note(value, once: &ifNoneMatch)
    case 14 where head.holds("content-length", ignoringCaseIn: name):
      contentLengths += 1
      guard contentLengths == 1, head.holds("0", value) else { throw .contentLength }
    case 17 where head.holds("transfer-encoding", ignoringCaseIn: name):
      throw .transferEncoding
    case 29 where head.holds("rolekeeper-client-certificate", ignoringCaseIn: name):
      try Self.note(value, once: &clientCertificate)
    default:
      break
    }
  }

  private static func note(_ value: Range<Int>, once piece: inout HeadFields.Piece?) throws(HeadRefusal) {
    if piece != nil { throw .repeatedHeader }
    piece = HeadFields.Piece(value.lowerBound, value.upperBound)
  }

  /// Whether `option` is in the comma-separated list at `list`.
  private func names(_ option: StaticString, in head: Span<UInt8>, _ list: Range<Int>) -> Bool {
    var start = list.lowerBound
    while start < list.upperBound {
      var end = start
      while end < list.upperBound, head[end] != UInt8(ascii: ",") { end += 1 }
      let next = end + 1
      while start < end, head[start].isSpaceOrTab { start += 1 }
      while end > start, head[end - 1].isSpaceOrTab { end -= 1 }
      if head.holds(option, ignoringCaseIn: start..<end) { return true }
      start = next
    }
    return false
  }
}
