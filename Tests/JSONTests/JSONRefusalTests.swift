import JSON
import Testing

@Suite struct JSONRefusalTests {
  struct Case: Sendable {
    let text: [UInt8]
    let problem: JSONError.Problem
    let offset: Int

    init(_ text: String, _ problem: JSONError.Problem, at offset: Int) {
      self.init(Array(text.utf8), problem, at: offset)
    }

    init(_ text: [UInt8], _ problem: JSONError.Problem, at offset: Int) {
      self.text = text
      self.problem = problem
      self.offset = offset
    }
  }

  @Test(arguments: [
    Case("", .endsEarly, at: 0),
    Case("  ", .endsEarly, at: 2),
    Case("<html>", .unexpectedByte, at: 0),
    Case("\u{FEFF}{}", .unexpectedByte, at: 0),
    Case("{}x", .trailingBytes, at: 2),
    Case("1 2", .trailingBytes, at: 2),
    Case("{", .endsEarly, at: 1),
    Case(#"{"a""#, .endsEarly, at: 4),
    Case(#"{"a":"#, .endsEarly, at: 5),
    Case(#"{"a":1"#, .endsEarly, at: 6),
    Case(#"{"a":1,}"#, .unexpectedByte, at: 7),
    Case(#"{"a" 1}"#, .unexpectedByte, at: 5),
    Case(#"{a:1}"#, .unexpectedByte, at: 1),
    Case(#"{"a":1 "b":2}"#, .unexpectedByte, at: 7),
    Case("[1,]", .unexpectedByte, at: 3),
    Case("[1}", .unexpectedByte, at: 2),
    Case("[,1]", .unexpectedByte, at: 1),
    Case("tru", .endsEarly, at: 3),
    Case("trux", .unexpectedByte, at: 3),
    Case("True", .unexpectedByte, at: 0),
    Case("NaN", .unexpectedByte, at: 0),
    Case("// c\n1", .unexpectedByte, at: 0),
    Case("'a'", .unexpectedByte, at: 0),
    Case("01", .badNumber, at: 1),
    Case("-", .endsEarly, at: 1),
    Case("-x", .badNumber, at: 1),
    Case("+1", .unexpectedByte, at: 0),
    Case("1.", .endsEarly, at: 2),
    Case("1.x", .badNumber, at: 2),
    Case(".5", .unexpectedByte, at: 0),
    Case("1e+", .endsEarly, at: 3),
    Case("1ex", .badNumber, at: 2),
    Case("0x10", .trailingBytes, at: 1),
    Case("\"abc", .endsEarly, at: 4),
    Case("\"a\nb\"", .controlCharacter, at: 2),
    Case("\"a\u{0}b\"", .controlCharacter, at: 2),
    Case(#""\x""#, .badEscape, at: 1),
    Case(#""\u12G4""#, .badEscape, at: 1),
    Case(#""\u12"#, .endsEarly, at: 5),
    Case(#""\"#, .endsEarly, at: 2),
    Case(#""\ud83d""#, .loneSurrogate, at: 1),
    Case(#""\ud83dxxxxxx""#, .loneSurrogate, at: 1),
    Case(#""\ud83d\u0041""#, .loneSurrogate, at: 1),
    Case(#""\ude00""#, .loneSurrogate, at: 1),
    Case([0x22, 0x80, 0x22], .badUTF8, at: 1),
    Case([0x22, 0xC0, 0xAF, 0x22], .badUTF8, at: 1),
    Case([0x22, 0xC3, 0x22], .badUTF8, at: 1),
    Case([0x22, 0xE0, 0x80, 0x80, 0x22], .badUTF8, at: 1),
    Case([0x22, 0xED, 0xA0, 0x80, 0x22], .badUTF8, at: 1),
    Case([0x22, 0xF4, 0x90, 0x80, 0x80, 0x22], .badUTF8, at: 1),
    Case([0x22, 0xF0, 0x9F, 0x98], .badUTF8, at: 1),
    Case([0x22, 0xFF, 0x22], .badUTF8, at: 1),
    Case(#"{"a":1,"b":2,"a":3}"#, .duplicateKey, at: 13),
    Case(#"{"a":1,"\u0061":3}"#, .duplicateKey, at: 7),
    Case(#"[{"o":{"k":1,"k":1}}]"#, .duplicateKey, at: 13),
    Case(#"{"k":{"x":1,"y":2},"k":1}"#, .duplicateKey, at: 19),
    Case(#"{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"a":9}"#, .duplicateKey, at: 49),
    Case(
      #"{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,"l":1,"m":1,"n":1,"o":1,"p":1,"a":1}"#,
      .duplicateKey, at: 97),
    Case(String(repeating: "[", count: 33), .tooDeep, at: 32),
    Case(String(repeating: #"{"a":"#, count: 33), .tooDeep, at: 160),
  ])
  func `text that isn't strict JSON is refused with its position`(_ row: Case) {
    #expect(throws: JSONError(problem: row.problem, offset: row.offset)) { _ = try JSONDocument(row.text.span) }
  }

  @Test func `32 levels of nesting are read`() throws {
    let text = Array((String(repeating: "[", count: 32) + String(repeating: "]", count: 32)).utf8)
    _ = try JSONDocument(text.span)
  }

  @Test func `keys are compared byte by byte, not by canonical equivalence`() throws {
    let text = Array("{\"\u{E9}\":1,\"e\u{301}\":2}".utf8)  // é composed and decomposed
    let root = try JSONDocument(text.span).root
    let (composed, decomposed) = (root["\u{E9}"]?.int, root["e\u{301}"]?.int)
    #expect(composed == 1 && decomposed == 2)
  }

  @Test func `an object with very many members is read`() throws {
    let members = (0..<20_000).map { "\"key\($0)\":\($0)" }.joined(separator: ",")
    let text = Array("{\(members)}".utf8)
    let last = try JSONDocument(text.span).root["key19999"]?.int
    #expect(last == 19_999)
    let twice = Array("{\(members),\"key7\":0}".utf8)
    #expect(throws: JSONError.self) { _ = try JSONDocument(twice.span) }
  }

  @Test func `no truncation or change of one byte is read past the end`() {
    let text = Array(#"{"a\u00e9\ud83d\ude00":[1.5e-3,true,null,"視"],"b":{"c":"\\"}}"#.utf8)
    for length in 0..<text.count {
      #expect(throws: JSONError.self) { _ = try JSONDocument(Array(text[..<length]).span) }
    }
    for index in text.indices {
      for byte in stride(from: UInt8(0), through: 255, by: 5) {
        var changed = text
        changed[index] = byte
        _ = try? JSONDocument(changed.span)  // either outcome is fine: it must only not trap
      }
    }
  }

  @Test func `a message names the error and its position`() {
    #expect(throws: JSONError.self) { _ = try JSONDocument(Array("{\"a\":1,".utf8).span) }
    #expect("\(JSONError(problem: .endsEarly, offset: 7))" == "the text ends in the middle (byte 7)")
    #expect("\(JSONError(problem: .tooDeep, offset: 32))" == "nested deeper than 32 levels (byte 32)")
  }
}
