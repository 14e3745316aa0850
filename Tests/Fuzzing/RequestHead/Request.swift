import FuzzSupport

@testable import HTTPServer

/// All that a head says, and the bytes it was read from.
struct Request: Equatable, CustomStringConvertible {
  struct Item: Equatable {
    let name: String
    let value: String
  }

  let method: Method
  let segments: [String]
  let query: [Item]
  let isHTTP11: Bool
  let keepsAlive: Bool
  let head: [UInt8]

  /// Requires, too, that the head's ways to ask for its parts agree.
  init(
    _ fields: HeadFields, _ head: borrowing RequestHead, of bytes: [UInt8], decoded: UnsafeBufferPointer<UInt8>
  ) {
    func text(_ piece: HeadFields.Piece) -> String {
      require(piece.range.upperBound <= decoded.count, "a part lies outside of its head")
      return String(decoding: decoded[piece.range], as: UTF8.self)
    }
    method = fields.method
    segments = (0..<fields.segmentCount).map { text(fields.segments[$0]) }
    query = (0..<fields.queryCount).map { Item(name: text(fields.queryNames[$0]), value: text(fields.queryValues[$0])) }
    isHTTP11 = fields.isHTTP11
    keepsAlive = fields.keepsAlive
    self.head = bytes

    require(
      segments == (0..<head.segmentCount).map { head.segment($0) }, "segments differ by the way they are asked for")
    require(head.path(is: "/v1/roles") == (segments == ["v1", "roles"]), "a path is taken for another: \(segments)")
    let wait = query.first { $0.name == "wait" }?.value
    require(head.query("wait") == wait, "a query item differs by the way it is asked for")
    require(head.queryNumber("wait") == Self.number(wait), "'\(wait ?? "-")' is another number")
  }

  private static func number(_ text: String?) -> RequestHead.Number {
    guard let text else { return .missing }
    guard (1...9).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let value = Int(text)
    else { return .malformed }
    return .value(value)
  }

  func hasSameMeaning(as other: Request) -> Bool {
    method == other.method && segments == other.segments && query == other.query && isHTTP11 == other.isHTTP11
      && keepsAlive == other.keepsAlive
  }

  var description: String {
    "\(method) \(segments) \(query) \(isHTTP11 ? "1.1" : "1.0") \(keepsAlive ? "keep" : "close")"
  }

  /// The same request in the plainest words, everything escaped that may be.
  var canonicalText: (head: [UInt8], targetLength: Int) {
    var target = segments.map { "/" + Self.escaped($0) }.joined()
    let items = query.map { "\(Self.escaped($0.name))=\(Self.escaped($0.value))" }
    if !items.isEmpty { target += "?" + items.joined(separator: "&") }
    var head = "\(method)".uppercased() + " \(target) HTTP/\(isHTTP11 ? "1.1" : "1.0")\r\n"
    if isHTTP11 { head += "Host: localhost\r\n" + (keepsAlive ? "" : "Connection: close\r\n") }
    return (Array((head + "\r\n").utf8), target.utf8.count)
  }

  private static func escaped(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF")
    return text.utf8.map { byte in
      let isPlain = (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
      return isPlain ? String(UnicodeScalar(byte)) : "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
    }.joined()
  }
}
