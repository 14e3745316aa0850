internal import Core

/// The head of an answer of the daemon.
///
/// A field is searched for when it is needed: `get` needs one or two, and building a dictionary takes longer than the
/// rest of the request.
package struct AnswerHead {
  package let status: Int
  /// Nil if the body lasts until the end of the connection.
  private(set) var contentLength: Int?
  /// The lines after the first, each with its end.
  private let fields: [UInt8]

  /// `bytes` end with the line of the last field; nil if they aren't the head of an HTTP/1 answer.
  init?(_ bytes: ArraySlice<UInt8>) {
    var rest = bytes
    let line = Self.takeLine(&rest)
    guard line.starts(with: "HTTP/1.".utf8), let space = line.firstIndex(of: UInt8(ascii: " ")) else { return nil }
    let number = line[space...].dropFirst().prefix { $0 != UInt8(ascii: " ") }
    // "HTTP/1.1" or "HTTP/1.0", a space, three digits (RFC 9112, section 4).
    guard line[..<space].count == 8, line[..<space].last?.isDigit == true, number.count == 3,
      let status = Int(decimal: number)
    else { return nil }
    self.status = status
    fields = Array(rest)
    while !rest.isEmpty {
      guard Self.takeLine(&rest).contains(UInt8(ascii: ":")) else { return nil }
    }
    // With another length, nobody knows where the body ends.
    guard let length = field("content-length") else { return }
    guard let count = Int(decimal: length) else { return nil }
    contentLength = count
  }

  /// The value of the field with this lower-case name, without leading blanks.
  package func field(_ name: String) -> String? {
    var rest = fields[...]
    while !rest.isEmpty {
      let line = Self.takeLine(&rest)
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
      // Among the characters allowed in names, this changes letters, and also `^` and `_`, which no requested name has.
      guard line[..<colon].elementsEqual(name.utf8, by: { $0 | 0x20 == $1 }) else { continue }
      return String(decoding: line[(colon + 1)...].drop { $0 == UInt8(ascii: " ") }, as: UTF8.self)
    }
    return nil
  }

  /// Removes the first line and returns it without its end, CR LF.
  private static func takeLine(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    let line = rest.prefix { $0 != UInt8(ascii: "\n") }
    rest = rest[line.endIndex...].dropFirst()
    return line.last == UInt8(ascii: "\r") ? line.dropLast() : line
  }
}
