import Core

/// A request, valid while it is being responded to: it can be neither copied nor kept.
///
/// All texts in it except `host` are decoded and printable ASCII.
package struct RequestHead: ~Copyable {
  private let fields: HeadFields
  private let bytes: UnsafeBufferPointer<UInt8>
  /// The number given to `HTTPServer.note` at the last request, if that was the same byte for byte.
  package let note: Int?

  /// `fields` was parsed from `bytes`, which outlive this value.
  init(_ fields: HeadFields, _ bytes: UnsafeBufferPointer<UInt8>, note: Int? = nil) {
    self.fields = fields
    self.bytes = bytes
    self.note = note
  }

  package var method: Method { fields.method }
  var isHeadOnly: Bool { fields.method == .head }
  var keepsAlive: Bool { fields.keepsAlive }

  /// Whether a web browser sent it for a page: it has an Origin or a header whose name begins with `Sec-Fetch-`.
  package var isFromBrowser: Bool { fields.isFromBrowser }

  /// The requested host: the target's host or otherwise the Host header, as sent, with its port; it may be empty. Nil in HTTP/1.0
  /// if there is neither.
  package var host: String? { fields.host.map { String(decoding: bytes[$0.range], as: UTF8.self) } }

  /// Whether it has a `Rolekeeper-Client-Certificate`, empty or not.
  package var hasClientCertificate: Bool { fields.clientCertificate != nil }

  /// Calls `body` with the value of that header as sent, without a copy; it is empty if there is none.
  package func withClientCertificate<R, E>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
    try body(bytes.span.extracting(fields.clientCertificate?.range ?? 0..<0))
  }

  /// Whether the client has the answer with this entity tag, which is given with its quotes: `If-None-Match` has it or `*` (RFC 9110,
  /// 13.1.2). A weak tag counts as the strong one.
  package func hasAnswer(_ tag: String) -> Bool {
    guard let range = fields.ifNoneMatch?.range else { return false }
    let tag = Array(tag.utf8)
    return bytes[range].split(separator: UInt8(ascii: ",")).contains { item in
      var item = item.drop { $0.isSpaceOrTab }
      while let last = item.last, last.isSpaceOrTab { item.removeLast() }
      if item.elementsEqual("*".utf8) { return true }
      return (item.starts(with: "W/".utf8) ? item.dropFirst(2) : item).elementsEqual(tag)
    }
  }

  /// The number of the path's segments: 1 (empty) for `/`, 2 for `/v1/roles`, 3 (the last empty) for `/v1/roles/`.
  package var segmentCount: Int { fields.segmentCount }

  /// Whether the path has a segment `index` and it is `text`.
  package func segment(_ index: Int, is text: StaticString) -> Bool {
    index < fields.segmentCount && bytes.span.holds(text, fields.segments[index].range)
  }

  /// A copy of segment `index`, which must exist.
  package func segment(_ index: Int) -> String {
    String(decoding: bytes[fields.segments[index].range], as: UTF8.self)
  }

  /// Calls `body` with the bytes of segment `index`, which must exist, without a copy.
  package func withSegment<R, E>(_ index: Int, _ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
    try body(bytes.span.extracting(fields.segments[index].range))
  }

  /// Whether the path is `path`: `head.path(is: "/v1/roles")`.
  package func path(is path: StaticString) -> Bool {
    path.withUTF8Buffer { path in
      let span = bytes.span
      var place = 0
      for index in 0..<fields.segmentCount {
        guard place < path.count, path[place] == UInt8(ascii: "/") else { return false }
        place += 1
        for offset in fields.segments[index].range {
          // An escaped slash is part of its segment and never matches one between segments.
          guard place < path.count, path[place] == span[offset], path[place] != UInt8(ascii: "/") else { return false }
          place += 1
        }
      }
      return place == path.count
    }
  }

  /// The number of query items, including unknown ones.
  package var queryCount: Int { fields.queryCount }

  /// The name of the first query item that isn't in `names`; nil if there is none.
  package func queryName(besides names: [StaticString]) -> String? {
    let span = bytes.span
    for index in 0..<fields.queryCount {
      let range = fields.queryNames[index].range
      if !names.contains(where: { span.holds($0, range) }) { return String(decoding: bytes[range], as: UTF8.self) }
    }
    return nil
  }

  /// The value of the query item `name`: nil if it is missing, empty for a name alone.
  package func query(_ name: StaticString) -> String? {
    queryRange(name).map { String(decoding: bytes[$0], as: UTF8.self) }
  }

  package enum Number: Hashable, Sendable {
    case missing
    /// Present, but not 1 to 9 decimal digits.
    case malformed
    case value(Int)
  }

  /// The query item `name` as a number: `?min_ttl=7200`.
  package func queryNumber(_ name: StaticString) -> Number {
    guard let range = queryRange(name) else { return .missing }
    guard (1...9).contains(range.count) else { return .malformed }
    var value = 0
    for byte in bytes[range] {
      guard byte.isDigit else { return .malformed }
      value = value * 10 + Int(byte - UInt8(ascii: "0"))
    }
    return .value(value)
  }

  private func queryRange(_ name: StaticString) -> Range<Int>? {
    for index in 0..<fields.queryCount where bytes.span.holds(name, fields.queryNames[index].range) {
      return fields.queryValues[index].range
    }
    return nil
  }
}
