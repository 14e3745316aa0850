import Core

/// Reads a request target in origin or absolute form (RFC 9112, 3.2.1 and 3.2.2), decoding its percent-escapes in place.
struct TargetParser {
  private var at: Int
  /// Where the next decoded byte is written; never after `at`.
  private var write: Int
  private var start: Int
  private var isDecoded = false
  /// The query name before the value being read; nil while a name is read.
  private var name: HeadFields.Piece?

  /// Reads from `at` and leaves it after the space that ends the target.
  static func parse(
    _ head: inout MutableSpan<UInt8>, _ at: inout Int, into fields: inout HeadFields
  ) throws(HeadRefusal) {
    let limit = at + HeadParser.maximumTarget
    guard at < head.count, head[at] != UInt8(ascii: " ") else { throw .requestLine }
    if head[at] != UInt8(ascii: "/") { fields.host = try readHost(head.span, &at, limit, fields.method) }
    var parser = TargetParser(at: at, write: at, start: at)
    if head[at] == UInt8(ascii: "/") {
      parser.begin()
      try parser.readPath(&head, limit, &fields)
    } else {
      // "http://host" is "http://host/" (RFC 9110, 4.2.3).
      try parser.endSegment(&fields)
    }
    if head[parser.at] == UInt8(ascii: "?") {
      parser.begin()
      try parser.readQuery(&head, limit, &fields)
    }
    at = parser.at + 1
    fields.isDecoded = parser.isDecoded
  }

  /// Reads the part before the path in absolute form, and leaves `at` at the path, the query's mark or the space that follows.
  private static func readHost(
    _ head: Span<UInt8>, _ at: inout Int, _ limit: Int, _ method: Method
  ) throws(HeadRefusal) -> HeadFields.Piece {
    let scheme = at..<min(at + 7, head.count)
    guard head.holds("http://", ignoringCaseIn: scheme) else {
      // "*" is for OPTIONS and a bare host for CONNECT (RFC 9112, 3.2.3 and 3.2.4); there is no path whose methods could be listed.
      throw method == .options || method == .connect ? .methodNotAllowed : .targetForm
    }
    at = scheme.upperBound
    let start = at
    while at < head.count, isOfHost(head[at]) {
      guard at < limit else { throw .targetTooLong }
      at += 1
    }
    guard at > start, head[start] != UInt8(ascii: ":"), at < head.count,
      [UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: " ")].contains(head[at])
    else { throw .authority }
    guard at < limit || head[at] == UInt8(ascii: " ") else { throw .targetTooLong }
    return HeadFields.Piece(start, at)
  }

  /// Characters of a host and its port, including an address in brackets (RFC 3986, 3.2.2), without the `@` after a user.
  private static func isOfHost(_ byte: UInt8) -> Bool {
    ByteClass.path.has(byte) && byte != UInt8(ascii: "@") || byte == UInt8(ascii: "[")
      || byte == UInt8(ascii: "]")
      || byte == UInt8(ascii: "%")
  }

  /// Skips the delimiter just found; the next piece starts after it.
  private mutating func begin() {
    at += 1
    (write, start) = (at, at)
  }

  private mutating func readPath(
    _ head: inout MutableSpan<UInt8>, _ limit: Int, _ fields: inout HeadFields
  ) throws(HeadRefusal) {
    while true {
      takePlain(&head, limit)
      let byte = try current(head, limit)
      switch byte {
      case UInt8(ascii: "/"):
        try endSegment(&fields)
        begin()
      case UInt8(ascii: "?"), UInt8(ascii: " "):
        return try endSegment(&fields)
      default:
        try take(byte, &head)
      }
    }
  }

  private mutating func readQuery(
    _ head: inout MutableSpan<UInt8>, _ limit: Int, _ fields: inout HeadFields
  ) throws(HeadRefusal) {
    // An empty query is ignored, an empty item among others is an error.
    if try current(head, limit) == UInt8(ascii: " ") { return }
    while true {
      let byte = try current(head, limit)
      switch byte {
      case UInt8(ascii: "&"):
        try endItem(head.span, &fields)
        begin()
      case UInt8(ascii: " "):
        return try endItem(head.span, &fields)
      case UInt8(ascii: "=") where name == nil:
        name = HeadFields.Piece(start, write)
        begin()
      case UInt8(ascii: "/"), UInt8(ascii: "?"):
        store(byte, &head)
        at += 1
      default:
        try take(byte, &head)
      }
    }
  }

  private func current(_ head: borrowing MutableSpan<UInt8>, _ limit: Int) throws(HeadRefusal) -> UInt8 {
    guard at < head.count else { throw .requestLine }
    let byte = head[at]
    if at >= limit, byte != UInt8(ascii: " ") { throw .targetTooLong }
    return byte
  }

  /// Keeps all characters up to the first escape or end of a segment.
  private mutating func takePlain(_ head: inout MutableSpan<UInt8>, _ limit: Int) {
    let end = head.span.end(of: .path, from: at, to: min(limit, head.count))
    if write < at {
      for place in at..<end { head[place - (at - write)] = head[place] }
    }
    write += end - at
    at = end
  }

  /// Keeps a character as it is, or decodes an escape.
  private mutating func take(_ byte: UInt8, _ head: inout MutableSpan<UInt8>) throws(HeadRefusal) {
    if ByteClass.path.has(byte) {
      store(byte, &head)
      at += 1
      return
    }
    guard byte == UInt8(ascii: "%") else { throw byte == UInt8(ascii: "\r") ? .requestLine : .targetCharacter }
    guard at + 2 < head.count, let high = head[at + 1].hexValue,
      let low = head[at + 2].hexValue
    else { throw .escape }
    let decoded = high << 4 | low
    guard (0x20...0x7E).contains(decoded) else { throw .escape }
    store(decoded, &head)
    isDecoded = true
    at += 3
  }

  private mutating func store(_ byte: UInt8, _ head: inout MutableSpan<UInt8>) {
    if write != at || head[write] != byte { head[write] = byte }
    write += 1
  }

  private func endSegment(_ fields: inout HeadFields) throws(HeadRefusal) {
    guard fields.segmentCount < HeadFields.maximumPieces else { throw .segments }
    fields.segments[fields.segmentCount] = HeadFields.Piece(start, write)
    fields.segmentCount += 1
  }

  private mutating func endItem(_ head: Span<UInt8>, _ fields: inout HeadFields) throws(HeadRefusal) {
    let piece = HeadFields.Piece(start, write)
    let value = name == nil ? HeadFields.Piece() : piece
    let name = name ?? piece
    self.name = nil
    guard !name.range.isEmpty else { throw .queryName }
    guard fields.queryCount < HeadFields.maximumPieces else { throw .queryItems }
    for earlier in 0..<fields.queryCount {
      guard head.isSame(fields.queryNames[earlier].range, name.range) else { continue }
      fields.queryNames[fields.queryCount] = name
      throw .repeatedQueryName
    }
    fields.queryNames[fields.queryCount] = name
    fields.queryValues[fields.queryCount] = value
    fields.queryCount += 1
  }
}
