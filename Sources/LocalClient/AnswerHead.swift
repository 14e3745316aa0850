/// The head of an answer of the daemon.
///
/// A field is searched for when it is needed: `get` needs one or two, and building a dictionary takes longer than the
/// rest of the request.
package struct AnswerHead {
  package let status: Int
  /// The lines after the first, each with its end.
  private let fields: [UInt8]

  /// `bytes` end with the line of the last field; nil if they aren't the head of an HTTP/1 answer.
  init?(_ bytes: ArraySlice<UInt8>) {
    var rest = bytes
    let line = Self.takeLine(&rest)
    guard line.starts(with: "HTTP/1.".utf8), let space = line.firstIndex(of: UInt8(ascii: " ")) else { return nil }
    let number = line[space...].drop { $0 == UInt8(ascii: " ") }.prefix { $0 != UInt8(ascii: " ") }
    guard let status = Int(String(decoding: number, as: UTF8.self)) else { return nil }
    self.status = status
    fields = Array(rest)
    while !rest.isEmpty {
      guard Self.takeLine(&rest).contains(UInt8(ascii: ":")) else { return nil }
    }
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

  var contentLength: Int? { field("content-length").flatMap { Int($0) }.flatMap { $0 >= 0 ? $0 : nil } }

  /// Removes the first line and returns it without its end, CR LF.
  private static func takeLine(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    let line = rest.prefix { $0 != UInt8(ascii: "\n") }
    rest = rest[line.endIndex...].dropFirst()
    return line.last == UInt8(ascii: "\r") ? line.dropLast() : line
  }
}
