/// Reads a request target in origin form (RFC 9112, 3.2.1), decoding its percent-escapes in place.
struct TargetParser {
  private var at: Int
  /// Where the next decoded byte goes; never in front of `at`.
  private var write: Int
  private var start: Int
  /// The query name in front of the value being read; nil while a name is read.
  private var name: HeadFields.Piece?

  /// Reads from `at` and leaves it behind the space that ends the target.
  static func parse(
    _ head: inout MutableSpan<UInt8>, _ at: inout Int, into fields: inout HeadFields
  ) throws(HeadRefusal) {
    guard at < head.count, head[at] == UInt8(ascii: "/") else { throw .malformed }
    var parser = TargetParser(at: at + 1, write: at + 1, start: at + 1)
    let limit = at + HeadParser.maximumTarget
    try parser.readPath(&head, limit, &fields)
    if head[parser.at] == UInt8(ascii: "?") {
      parser.begin()
      try parser.readQuery(&head, limit, &fields)
    }
    at = parser.at + 1
  }

  /// Skips the delimiter just met; the next piece starts behind it.
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
    guard at < head.count else { throw .malformed }
    let byte = head[at]
    if at >= limit, byte != UInt8(ascii: " ") { throw .targetTooLong }
    return byte
  }

  /// Keeps all characters up to the first that isn't itself, or that ends a segment.
  private mutating func takePlain(_ head: inout MutableSpan<UInt8>, _ limit: Int) {
    let end = head.span.endOfPathCharacters(from: at, to: min(limit, head.count))
    if write < at {
      for place in at..<end { head[place - (at - write)] = head[place] }
    }
    write += end - at
    at = end
  }

  /// Keeps a character as it is, or decodes an escape.
  private mutating func take(_ byte: UInt8, _ head: inout MutableSpan<UInt8>) throws(HeadRefusal) {
    if ByteClass.isPathCharacter(byte) {
      store(byte, &head)
      at += 1
      return
    }
    guard byte == UInt8(ascii: "%"), at + 2 < head.count, let high = ByteClass.hexadecimal(head[at + 1]),
      let low = ByteClass.hexadecimal(head[at + 2])
    else { throw .malformed }
    let decoded = high << 4 | low
    guard (0x20...0x7E).contains(decoded) else { throw .malformed }
    store(decoded, &head)
    at += 3
  }

  private mutating func store(_ byte: UInt8, _ head: inout MutableSpan<UInt8>) {
    if write != at || head[write] != byte { head[write] = byte }
    write += 1
  }

  private func endSegment(_ fields: inout HeadFields) throws(HeadRefusal) {
    guard fields.segmentCount < HeadFields.maximumPieces else { throw .malformed }
    fields.segments[fields.segmentCount] = HeadFields.Piece(start, write)
    fields.segmentCount += 1
  }

  private mutating func endItem(_ head: Span<UInt8>, _ fields: inout HeadFields) throws(HeadRefusal) {
    let piece = HeadFields.Piece(start, write)
    let value = name == nil ? HeadFields.Piece() : piece
    let name = name ?? piece
    self.name = nil
    guard !name.range.isEmpty, fields.queryCount < HeadFields.maximumPieces else { throw .malformed }
    for earlier in 0..<fields.queryCount {
      // Which of two values is meant is anybody's guess.
      if head.isSame(fields.queryNames[earlier].range, name.range) { throw .malformed }
    }
    fields.queryNames[fields.queryCount] = name
    fields.queryValues[fields.queryCount] = value
    fields.queryCount += 1
  }
}
