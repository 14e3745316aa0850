/// One HTTP request as it arrived, without any decoding.
package struct Request: Sendable {
  package struct Header: Sendable {
    package let name: String
    package let value: String

    package init(name: String, value: String) {
      self.name = name
      self.value = value
    }
  }

  package var method: String
  /// Path and query as on the request line.
  package var target: String
  package var headers: [Header]
  package var body: [UInt8]
  package var isSecure: Bool
  /// The peer's IPv4 address as text, empty if unknown.
  package var sourceAddress: String

  package init(
    method: String, target: String, headers: [Header], body: [UInt8] = [], isSecure: Bool = true,
    sourceAddress: String = "127.0.0.1"
  ) {
    self.method = method
    self.target = target
    self.headers = headers
    self.body = body
    self.isSecure = isSecure
    self.sourceAddress = sourceAddress
  }

  var path: Substring { target.prefix { $0 != "?" } }

  /// The query without its question mark; empty if there is none.
  var query: Substring { target.drop { $0 != "?" }.dropFirst() }

  /// The first value of a header, without surrounding blanks; `name` is in lower case.
  func header(_ name: String) -> String? {
    headers.first { Self.isSame($0.name, name) }.map { trimmed($0.value) }
  }

  func headerCount(_ name: String) -> Int { headers.count { Self.isSame($0.name, name) } }

  /// Whether a header's name is `lowercase`, which is in lower case.
  private static func isSame(_ name: String, _ lowercase: String) -> Bool {
    name.utf8.count == lowercase.utf8.count
      && zip(name.utf8, lowercase.utf8).allSatisfy { $0 == $1 || (0x41...0x5A).contains($0) && $0 | 0x20 == $1 }
  }

  var hasFormBody: Bool {
    header("content-type")?.lowercased().hasPrefix("application/x-www-form-urlencoded") == true
  }
}

/// Without leading and trailing blanks and tabs.
func trimmed(_ text: String) -> String {
  func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
  // Few values have any.
  guard text.utf8.first.map(isBlank) ?? false || text.utf8.last.map(isBlank) ?? false else { return text }
  let tail = Array(text.utf8).drop(while: isBlank)
  let length = tail.lastIndex { !isBlank($0) }.map { $0 + 1 - tail.startIndex } ?? 0
  return String(decoding: tail.prefix(length), as: UTF8.self)
}
