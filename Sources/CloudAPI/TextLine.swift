/// A non-empty line of an AccessKey file, without surrounding blanks.
struct TextLine {
  /// From 1, empty lines counted.
  let number: Int
  let range: Range<Int>

  static func lines(of text: Span<UInt8>) -> [TextLine] {
    var lines: [TextLine] = []
    var start = 0
    var number = 1
    for index in 0...text.count where index == text.count || text[index] == UInt8(ascii: "\n") {
      let range = text.trimmed(start..<index)
      if !range.isEmpty { lines.append(TextLine(number: number, range: range)) }
      start = index + 1
      number += 1
    }
    return lines
  }

  /// Whether this is the header of a CSV: a comma, and no `=` before it.
  func isTable(in text: Span<UInt8>) -> Bool {
    let sign = range.first { text[$0] == UInt8(ascii: ",") || text[$0] == UInt8(ascii: "=") }
    return sign.map { text[$0] == UInt8(ascii: ",") } ?? false
  }

  /// The fields of a CSV row, without their quotes.
  func fields(in text: Span<UInt8>) -> [Range<Int>] {
    var fields: [Range<Int>] = []
    var start = range.lowerBound
    var inQuotes = false
    for index in range.lowerBound...range.upperBound {
      if index < range.upperBound, text[index] == UInt8(ascii: "\"") { inQuotes.toggle() }
      guard index == range.upperBound || text[index] == UInt8(ascii: ",") && !inQuotes else { continue }
      fields.append(text.unquoted(text.trimmed(start..<index)))
      start = index + 1
    }
    return fields
  }

  /// Name and value of `NAME=value`, `export NAME='value'` and similar lines; nil for any other line.
  func assignment(in text: Span<UInt8>) -> (name: Range<Int>, value: Range<Int>)? {
    guard let equals = range.first(where: { text[$0] == UInt8(ascii: "=") }) else { return nil }
    var name = text.trimmed(range.lowerBound..<equals)
    let export = "export"
    if text.text(name).hasPrefix(export + " ") {
      name = text.trimmed(name.lowerBound + export.utf8.count..<name.upperBound)
    }
    guard !name.isEmpty else { return nil }
    return (text.unquoted(name), text.unquoted(text.trimmed(equals + 1..<range.upperBound)))
  }
}

extension Span<UInt8> {
  /// For names and ids; never for secrets.
  func text(_ range: Range<Int>) -> String {
    extracting(range).withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
  }

  func trimmed(_ range: Range<Int>) -> Range<Int> {
    var range = range
    while !range.isEmpty, self[range.lowerBound].isBlank { range = range.lowerBound + 1..<range.upperBound }
    while !range.isEmpty, self[range.upperBound - 1].isBlank { range = range.lowerBound..<range.upperBound - 1 }
    return range
  }

  /// The part between a pair of equal quotes around the whole range.
  func unquoted(_ range: Range<Int>) -> Range<Int> {
    guard range.count >= 2, "\"'".utf8.contains(self[range.lowerBound]),
      self[range.lowerBound] == self[range.upperBound - 1]
    else { return range }
    return range.lowerBound + 1..<range.upperBound - 1
  }
}

extension UInt8 {
  var isBlank: Bool { self == 0x20 || self == 0x09 || self == 0x0D }
}
