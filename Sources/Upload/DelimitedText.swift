import Core

/// Reads records of fields: comma-separated values as RFC 4180 has them, or lines with tabs between, which know no quotes.
struct DelimitedText {
  enum Format: Sendable {
    case commas, tabs

    fileprivate var separator: UInt8 { UInt8(ascii: self == .commas ? "," : "\t") }
  }

  struct Record: Equatable {
    let fields: [String]
    /// Where it begins: in bytes from 0, and as a line from 1.
    let offset: Int
    let line: Int
  }

  struct Problem: Error, Equatable {
    let line: Int
    let why: String
  }

  private let bytes: [UInt8]
  private let format: Format
  private var at: Int
  private var line: Int

  /// Begins at `offset`, which is 0 or that of a record.
  init(_ bytes: [UInt8], _ format: Format, from offset: Int = 0, line: Int = 1) {
    self.bytes = bytes
    self.format = format
    self.line = line
    at = offset == 0 ? ByteOrderMark.length(in: bytes.span) : offset
  }

  /// The next record; nil at the end. Empty lines are none.
  mutating func next() throws(Problem) -> Record? {
    while at < bytes.count, takeLineEnd() {}
    guard at < bytes.count else { return nil }
    let offset = at
    let first = line
    var fields: [String] = []
    repeat { fields.append(try field()) } while takeSeparator()
    guard at == bytes.count || takeLineEnd() else { throw Problem(line: line, why: "text follows a closing quote") }
    return Record(fields: fields, offset: offset, line: first)
  }

  private mutating func takeSeparator() -> Bool {
    guard at < bytes.count, bytes[at] == format.separator else { return false }
    at += 1
    return true
  }

  /// CR LF, or LF alone.
  private mutating func takeLineEnd() -> Bool {
    let isTwo = bytes[at] == UInt8(ascii: "\r") && at + 1 < bytes.count && bytes[at + 1] == UInt8(ascii: "\n")
    guard isTwo || bytes[at] == UInt8(ascii: "\n") else { return false }
    at += isTwo ? 2 : 1
    line += 1
    return true
  }

  private mutating func field() throws(Problem) -> String {
    if format == .commas, at < bytes.count, bytes[at] == UInt8(ascii: "\"") { return try quotedField() }
    let start = at
    while at < bytes.count, bytes[at] != format.separator, bytes[at] != UInt8(ascii: "\n") {
      if format == .commas, bytes[at] == UInt8(ascii: "\"") {
        throw Problem(line: line, why: "a quote inside a field that doesn't begin with one")
      }
      at += 1
    }
    // The carriage return belongs to the line's end.
    if at > start, at < bytes.count, bytes[at] == UInt8(ascii: "\n"), bytes[at - 1] == UInt8(ascii: "\r") { at -= 1 }
    return try text(bytes[start..<at])
  }

  private mutating func quotedField() throws(Problem) -> String {
    let first = line
    var content: [UInt8] = []
    at += 1
    while at < bytes.count {
      let byte = bytes[at]
      at += 1
      if byte == UInt8(ascii: "\n") { line += 1 }
      if byte == UInt8(ascii: "\"") {
        guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else { return try text(content[...]) }
        at += 1
      }
      content.append(byte)
    }
    throw Problem(line: first, why: "a quote is never closed")
  }

  private func text(_ bytes: ArraySlice<UInt8>) throws(Problem) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else { throw Problem(line: line, why: "not UTF-8") }
    return text
  }

  /// A field as RFC 4180 writes it: in quotes where it has a comma, a quote or a line's end.
  static func csvField(_ text: String) -> String {
    let needsQuotes = text.utf8.contains { [UInt8(ascii: ","), UInt8(ascii: "\""), 0x0A, 0x0D].contains($0) }
    guard needsQuotes else { return text }
    // By bytes: a quote under an accent is one character with it.
    let doubled = text.utf8.flatMap { $0 == UInt8(ascii: "\"") ? [$0, $0] : [$0] }
    return "\"\(String(decoding: doubled, as: UTF8.self))\""
  }
}
