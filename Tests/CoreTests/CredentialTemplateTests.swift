import Core
import TestSupport
import Testing

@Suite struct CredentialTemplateTests {
  private func pieces(_ text: String) throws -> [CredentialTemplate.Piece] {
    try CredentialTemplate(Array(text.utf8)).pieces
  }

  private static func text(_ text: String) -> CredentialTemplate.Piece { .text(Array(text.utf8)) }

  struct Case: CustomTestStringConvertible {
    let text: String
    let pieces: [CredentialTemplate.Piece]
    var testDescription: String { text }
  }

  private static let good = [
    Case(text: "", pieces: []),
    Case(text: "no place", pieces: [text("no place")]),
    Case(text: "{{expiration}}", pieces: [.field(.expiration, nil)]),
    Case(text: "a{{access_key_id}}b", pieces: [text("a"), .field(.accessKeyID, nil), text("b")]),
    Case(
      text: "{{access_key_secret|json}}{{ security_token |\tshell }}\n",
      pieces: [.field(.accessKeySecret, .json), .field(.securityToken, .shell), text("\n")]),
    Case(text: "{\"t\": {{last_updated|ini}}}", pieces: [text("{\"t\": "), .field(.lastUpdated, .ini), text("}")]),
    Case(text: "{ a } } }} { {a}", pieces: [text("{ a } } }} { {a}")]),
    Case(text: "{", pieces: [text("{")]),
    Case(text: "ä\u{0}{{expiration}}", pieces: [text("ä\u{0}"), .field(.expiration, nil)]),
  ]

  @Test(arguments: good)
  func `a place is a field with or without an escape, and everything else is text`(_ expected: Case) throws {
    #expect(try pieces(expected.text) == expected.pieces)
  }

  @Test(arguments: CredentialField.allCases)
  func `each field has a place`(field: CredentialField) throws {
    #expect(try pieces("{{\(field.rawValue)}}") == [.field(field, nil)])
    for escape in CredentialTemplate.Escape.allCases {
      #expect(try pieces("{{\(field.rawValue)|\(escape.rawValue)}}") == [.field(field, escape)])
    }
  }

  @Test func `bytes that are no text are copied`() throws {
    #expect(try CredentialTemplate([0xFF, 0x7B, 0xFE]).pieces == [.text([0xFF, 0x7B, 0xFE])])
  }

  struct Bad: CustomTestStringConvertible {
    let text: String
    let line: Int
    let column: Int
    let kind: CredentialTemplate.Problem.Kind
    var says = ""
    var testDescription: String { text }
  }

  private static let bad = [
    Bad(text: "{{token}}", line: 1, column: 1, kind: .unknownField("token"), says: "fields are access_key_id, "),
    Bad(
      text: "a\n b {{acess_key_id}}", line: 2, column: 4, kind: .unknownField("acess_key_id"),
      says: "did you mean 'access_key_id'?"),
    Bad(text: "{{}}", line: 1, column: 1, kind: .unknownField("")),
    Bad(text: "{{ Expiration }}", line: 1, column: 1, kind: .unknownField("Expiration")),
    Bad(
      text: "{{expiration|xml}}", line: 1, column: 1, kind: .unknownEscape("xml"), says: "escapes are json, shell, ini"),
    Bad(text: "{{expiration|}}", line: 1, column: 1, kind: .unknownEscape("")),
    Bad(text: "{{expiration|json|ini}}", line: 1, column: 1, kind: .unknownEscape("json|ini")),
    Bad(text: "\n\n{{expiration", line: 3, column: 1, kind: .unclosed, says: "write {{FIELD}}"),
    Bad(text: "{{expiration\n}}", line: 1, column: 1, kind: .unclosed),
    Bad(text: "{{expiration}", line: 1, column: 1, kind: .unclosed),
    Bad(text: "{{", line: 1, column: 1, kind: .unclosed),
    Bad(text: "{{expiration}} {{{expiration}}}", line: 1, column: 16, kind: .unknownField("{expiration")),
    Bad(text: "{{a\u{1B}[31m}}", line: 1, column: 1, kind: .unknownField("a\\u{1B}[31m")),
  ]

  @Test(arguments: bad)
  func `another place is refused with its line and what there is`(_ expected: Bad) {
    let error = #expect(throws: CredentialTemplate.Problem.self) { _ = try pieces(expected.text) }
    #expect(error?.line == expected.line && error?.column == expected.column && error?.kind == expected.kind)
    #expect(error?.remedy.contains(expected.says.isEmpty ? error?.remedy ?? "" : expected.says) == true)
  }

  @Test func `what a message shows of a wrong name is short`() {
    let error = #expect(throws: CredentialTemplate.Problem.self) {
      _ = try pieces("{{\(String(repeating: "x", count: 5000))}}")
    }
    #expect(error?.kind == .unknownField(String(repeating: "x", count: 40)))
  }

  // MARK: - Any text

  private static let fragments = [
    "{", "{{", "}", "}}", "|", " ", "\n", "{{expiration}}", "{{ access_key_id | json }}", "security_token", "shell",
    "x",
    "{{last_updated|ini}}", "é", "\u{0}",
  ]

  /// The template that the pieces are of, in its plainest form.
  private static func text(of pieces: [CredentialTemplate.Piece]) -> [UInt8] {
    pieces.flatMap { piece -> [UInt8] in
      switch piece {
      case .text(let bytes): bytes
      case .field(let field, let escape): Array("{{\(field.rawValue)\(escape.map { "|\($0.rawValue)" } ?? "")}}".utf8)
      }
    }
  }

  @Test func `any text is a template that keeps all of it, or has a problem in one of its lines`() {
    var generator = SeededGenerator(seed: 7)
    var (good, bad) = (0, 0)
    for _ in 0..<20_000 {
      let text = (0..<Int.random(in: 0...12, using: &generator)).flatMap { _ in
        Array(Self.fragments.randomElement(using: &generator)!.utf8)
      }
      do throws(CredentialTemplate.Problem) {
        let pieces = try CredentialTemplate(text).pieces
        let plain = Self.text(of: pieces)
        let again = try? CredentialTemplate(plain)
        #expect(again?.pieces == pieces, "\(text)")
        // Blanks inside of places are all that may be lost.
        let blanks = [UInt8](" ".utf8)
        #expect(plain.filter { !blanks.contains($0) } == text.filter { !blanks.contains($0) }, "\(text)")
        good += 1
      } catch {
        let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let isInside = lines.indices.contains(error.line - 1) && error.column + 1 <= lines[error.line - 1].count
        #expect(
          isInside && lines[error.line - 1].dropFirst(error.column - 1).starts(with: "{{".utf8), "\(text): \(error)")
        bad += 1
      }
    }
    #expect(good > 1000 && bad > 1000)
  }
}
