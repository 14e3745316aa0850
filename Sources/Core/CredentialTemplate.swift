/// A file with places for the fields of a credential: `{{access_key_id}}`, or with an escape `{{security_token|shell}}`.
///
/// A place begins with `{{` and ends with `}}` in the same line; blanks around the names are allowed. Everything else is copied as it
/// is, byte by byte.
package struct CredentialTemplate: Hashable, Sendable {
  /// How a field is written, by the name that it has in a place.
  package enum Escape: String, Hashable, CaseIterable, Sendable {
    /// For a JSON string that the template puts in double quotes.
    case json
    /// As one word of a shell, with its quotes.
    case shell
    /// As a value without quotes, of an ini file or of `NAME=value` lines.
    case ini
  }

  package enum Piece: Hashable, Sendable {
    case text([UInt8])
    /// As it is, if there is no escape.
    case field(CredentialField, Escape?)
  }

  /// What is wrong with a template, and where.
  package struct Problem: Error, Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
      case unclosed
      /// The texts are at most 40 bytes of what the template has there.
      case unknownField(String)
      case unknownEscape(String)
    }

    /// From 1.
    package let line: Int
    /// Of the place's first brace, in bytes from 1.
    package let column: Int
    package let kind: Kind
  }

  /// The most bytes that a template may have.
  package static let maxBytes = 64 * 1024

  /// In their order; no two texts follow each other.
  package let pieces: [Piece]

  /// Whether it has a place for a field.
  package var hasFields: Bool { pieces.contains { if case .field = $0 { true } else { false } } }

  /// Throws the first problem.
  package init(_ template: [UInt8]) throws(Problem) {
    var pieces: [Piece] = []
    var position = Position()
    var textStart = 0
    while position.index < template.count {
      guard position.isAtPlace(in: template) else {
        position.advance(over: template[position.index])
        continue
      }
      if textStart < position.index { pieces.append(.text(Array(template[textStart..<position.index]))) }
      let inside = try position.insideOfPlace(in: template)
      pieces.append(try Self.field(template[inside], at: position))
      position.skip(to: inside.upperBound + 2)
      textStart = position.index
    }
    if textStart < template.count { pieces.append(.text(Array(template[textStart...]))) }
    self.pieces = pieces
  }

  private static func field(_ inside: ArraySlice<UInt8>, at position: Position) throws(Problem) -> Piece {
    let bar = inside.firstIndex(of: UInt8(ascii: "|"))
    let name = word(inside[..<(bar ?? inside.endIndex)])
    guard let field = CredentialField(rawValue: name) else { throw position.problem(.unknownField(shown(name))) }
    guard let bar else { return .field(field, nil) }
    let escapeName = word(inside[inside.index(after: bar)...])
    guard let escape = Escape(rawValue: escapeName) else { throw position.problem(.unknownEscape(shown(escapeName))) }
    return .field(field, escape)
  }

  /// The text without blanks around it.
  private static func word(_ bytes: ArraySlice<UInt8>) -> String {
    let start = bytes.firstIndex { !$0.isSpaceOrTab } ?? bytes.endIndex
    let end = bytes.lastIndex { !$0.isSpaceOrTab }.map { $0 + 1 } ?? bytes.endIndex
    return String(decoding: bytes[start..<max(start, end)], as: UTF8.self)
  }

  private static func shown(_ name: String) -> String {
    VisibleText.escaped(String(decoding: name.utf8.prefix(40), as: UTF8.self))
  }

  private struct Position {
    private(set) var index = 0
    private var line = 1
    private var lineStart = 0

    mutating func advance(over byte: UInt8) {
      index += 1
      if byte == UInt8(ascii: "\n") { (line, lineStart) = (line + 1, index) }
    }

    /// Moves within the line.
    mutating func skip(to index: Int) { self.index = index }

    func isAtPlace(in template: [UInt8]) -> Bool {
      template[index] == UInt8(ascii: "{") && index + 1 < template.count && template[index + 1] == UInt8(ascii: "{")
    }

    /// What is between the braces.
    func insideOfPlace(in template: [UInt8]) throws(Problem) -> Range<Int> {
      var end = index + 2
      while end + 1 < template.count, template[end] != UInt8(ascii: "\n") {
        if template[end] == UInt8(ascii: "}"), template[end + 1] == UInt8(ascii: "}") { return index + 2..<end }
        end += 1
      }
      throw problem(.unclosed)
    }

    func problem(_ kind: Problem.Kind) -> Problem {
      Problem(line: line, column: index - lineStart + 1, kind: kind)
    }
  }
}

extension CredentialTemplate.Problem {
  /// What there is, and what to write instead.
  package var problem: String {
    switch kind {
    case .unclosed: "has '{{', and no '}}' in the same line"
    case .unknownField(let name): "has a place for '\(name)', and there is no such field"
    case .unknownEscape(let name): "has the escape '\(name)', and there is none of that name"
    }
  }

  package var remedy: String {
    switch kind {
    case .unclosed: "write {{FIELD}} or {{FIELD|ESCAPE}}"
    case .unknownField(let name):
      Spelling.nearest(to: name, among: CredentialField.allCases.map(\.rawValue)).map { "did you mean '\($0)'?" }
        ?? "fields are \(CredentialField.names)"
    case .unknownEscape:
      "escapes are \(CredentialTemplate.Escape.allCases.map(\.rawValue).joined(separator: ", ")); without one the field is written as it is"
    }
  }
}
