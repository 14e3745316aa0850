import FuzzSupport

@testable import HTTPServer

/// A second reading of a head that was accepted, by plain splitting, to hold the parser's against.
enum PlainReading {
  static func check(_ request: Request) {
    var lines = split(request.head, by: "\r\n")
    if lines[0].isEmpty { lines.removeFirst() }
    require(lines.count >= 3 && lines.suffix(2).allSatisfy(\.isEmpty), "a head without an end: \(request)")
    let words = split(lines[0], by: " ")
    require(words.count == 3, "a request line of \(words.count) words")
    require(text(words[0]) == "\(request.method)".uppercased(), "another method than \(request.method)")
    require(text(words[2]) == (request.isHTTP11 ? "HTTP/1.1" : "HTTP/1.0"), "another version than stated")
    checkTarget(words[1], request)
    checkHeaders(lines.dropFirst().dropLast(2), request)
  }

  private static func checkTarget(_ target: [UInt8], _ request: Request) {
    let target = withoutHost(target)
    let mark = target.firstIndex(of: UInt8(ascii: "?"))
    let path = split(Array(target[..<(mark ?? target.count)]), by: "/")
    require(
      path[0].isEmpty && path.dropFirst().map(decoded) == request.segments, "another path than \(request.segments)")
    let queryText = mark.map { Array(target[($0 + 1)...]) } ?? []
    let query = queryText.isEmpty ? [] : split(queryText, by: "&")
    let items = query.map { item in
      let sign = item.firstIndex(of: UInt8(ascii: "=")) ?? item.count
      return Request.Item(name: decoded(Array(item[..<sign])), value: decoded(Array(item[sign...].dropFirst())))
    }
    require(items == request.query, "another query than \(request.query)")
  }

  /// The path and the query of a target, which may be a URL.
  private static func withoutHost(_ target: [UInt8]) -> [UInt8] {
    if target.first == UInt8(ascii: "/") { return target }
    require(text(target.prefix(7)).lowercased() == "http://", "a target that is no path: \(text(target))")
    let rest = target.dropFirst(7)
    let host = rest.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
    require(!host.isEmpty && !host.contains(UInt8(ascii: "@")), "a URL without a host, or with a user: \(text(target))")
    let path = Array(rest.dropFirst(host.count))
    return path.first == UInt8(ascii: "/") ? path : [UInt8(ascii: "/")] + path
  }

  /// What may never pass: a body, announced in any way, and a second opinion on where a request ends.
  private static func checkHeaders(_ lines: ArraySlice<[UInt8]>, _ request: Request) {
    var hosts = 0
    for line in lines {
      let name = text(line.prefix { $0 != UInt8(ascii: ":") }).lowercased()
      require(name.utf8.count < line.count && !name.isEmpty, "a header line without a name: \(text(line))")
      require(!name.utf8.contains { $0 <= 0x20 || $0 == 0x7F }, "a blank in a header's name: \(name)")
      let blanks = Set<UInt8>([0x20, 0x09])
      let value = line.dropFirst(name.utf8.count + 1).drop { blanks.contains($0) }
      require(!value.contains { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }, "a control character in '\(name)'")
      require(name != "transfer-encoding", "a body in chunks")
      let bare = value.reversed().drop { blanks.contains($0) }.reversed()
      require(name != "content-length" || bare.elementsEqual([UInt8(ascii: "0")]), "a body of \(text(value))")
      hosts += name == "host" ? 1 : 0
    }
    require(hosts == 1 || hosts == 0 && !request.isHTTP11, "\(hosts) hosts")
  }

  private static func split(_ bytes: [UInt8], by separator: String) -> [[UInt8]] {
    let separator = Array(separator.utf8)
    var parts: [[UInt8]] = [[]]
    var at = 0
    while at < bytes.count {
      if bytes[at...].starts(with: separator) {
        parts.append([])
        at += separator.count
      } else {
        parts[parts.count - 1].append(bytes[at])
        at += 1
      }
    }
    return parts
  }

  private static func decoded(_ bytes: [UInt8]) -> String {
    let parts = split(bytes, by: "%")
    return text(
      parts[0]
        + parts.dropFirst().flatMap { part in [UInt8(text(part.prefix(2)), radix: 16) ?? 0] + part.dropFirst(2) })
  }

  private static func text(_ bytes: some Sequence<UInt8>) -> String { String(decoding: Array(bytes), as: UTF8.self) }
}
