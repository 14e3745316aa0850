/// Why and where a text isn't valid JSON for this reader (RFC 8259).
package struct JSONError: Error, Hashable, CustomStringConvertible {
  package enum Problem: Hashable, Sendable {
    case endsEarly
    case unexpectedByte
    case trailingBytes
    case tooDeep
    case tooLong
    case duplicateKey
    case badNumber
    case badEscape
    case loneSurrogate
    case controlCharacter
    case badUTF8
  }

  package let problem: Problem
  /// The position in the text, in bytes from 0.
  package let offset: Int

  package init(problem: Problem, offset: Int) {
    self.problem = problem
    self.offset = offset
  }

  /// The message without the position, for callers that give the line.
  package var reason: String {
    switch problem {
    case .endsEarly: "the text ends in the middle"
    case .unexpectedByte: "this is not JSON"
    case .trailingBytes: "there is more after the end of the value"
    case .tooDeep: "nested deeper than \(JSONDocument.maxDepth) levels"
    case .tooLong: "longer than \(JSONDocument.maxLength) bytes"
    case .duplicateKey: "the key occurs twice in its object"
    case .badNumber: "not a number as JSON writes them"
    case .badEscape: "not an escape that JSON has"
    case .loneSurrogate: "half of a surrogate pair"
    case .controlCharacter: "a control character inside a string"
    case .badUTF8: "not UTF-8"
    }
  }

  package var description: String { "\(reason) (byte \(offset))" }
}

/// A position in a text as people count it: lines and columns from 1, columns in characters (Unicode scalars).
package struct JSONPosition: Hashable, Sendable {
  package let line: Int
  package let column: Int

  package init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  /// The position of `offset` in `text`; an offset beyond the end counts as the end.
  package init(of offset: Int, in text: Span<UInt8>) {
    var line = 1
    var column = 1
    for index in 0..<min(max(offset, 0), text.count) {
      if text[index] == UInt8(ascii: "\n") {
        line += 1
        column = 1
      } else if text[index] & 0xC0 != 0x80 {  // not a continuation byte of UTF-8
        column += 1
      }
    }
    self.init(line: line, column: column)
  }
}
