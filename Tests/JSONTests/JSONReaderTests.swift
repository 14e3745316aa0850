import JSON
import Testing

@Suite struct JSONReaderTests {
  @Test func `values of each kind are read as that kind`() throws {
    let text = Array(
      #" {"s":"a","n":-12,"d":1.5e2,"t":true,"f":false,"z":null,"a":[1,"x",[]],"o":{"k":"v"},"e":{}} "#.utf8)
    let root = try JSONDocument(text.span).root
    #expect(root.string("s") == "a")
    let number = root["n"]?.int
    #expect(number == -12)
    let fraction = root["d"]?.double
    let notWhole = root["d"]?.int
    #expect(fraction == 150 && notWhole == nil)
    let yes = root["t"]?.bool
    let no = root["f"]?.bool
    #expect(yes == true && no == false)
    let nothing = root["z"]?.kind
    #expect(nothing == .null)
    let nested = root["o"]?.string("k")
    #expect(nested == "v")
    let missing = root["missing"] == nil
    let inString = root["s"]?["k"] == nil
    #expect(missing && inString)
    let (members, items, empty) = (root.count, root["a"]?.count, root["e"]?.count)
    #expect(members == 9 && items == 3 && empty == 0)
  }

  @Test func `members and items come in the order of the text`() throws {
    let text = Array(#"{"b":[3,1,{"x":[9]},2],"a":0,"\u0063":""}"#.utf8)
    let root = try JSONDocument(text.span).root
    var seen: [String] = []
    root.forEachMember { key, value in seen.append("\(key.string() ?? "?") \(value.kind) at \(value.offset)") }
    #expect(seen == ["b array at 5", "a number at 27", "c string at 38"])
    var kinds: [JSONValue.Kind] = []
    root["b"]?.forEachItem { item in kinds.append(item.kind) }
    #expect(kinds == [.number, .number, .object, .number])
  }

  @Test func `a value of another kind is not converted`() throws {
    let text = Array(#"{"n":1,"s":"1","l":"true"}"#.utf8)
    let root = try JSONDocument(text.span).root
    let asString = root["n"]?.string()
    let asInt = root["s"]?.int
    let asBool = root["l"]?.bool
    #expect(asString == nil && asInt == nil && asBool == nil)
  }

  struct StringCase: Sendable {
    let text: String
    let expect: String
  }

  @Test(arguments: [
    StringCase(text: #""""#, expect: ""),
    StringCase(text: #""plain""#, expect: "plain"),
    StringCase(text: #""\"\\\/\b\f\n\r\t""#, expect: "\"\\/\u{8}\u{C}\n\r\t"),
    StringCase(text: #""a\u00e9b\u4E2d""#, expect: "aéb中"),
    StringCase(text: #""\ud83d\uDE00!""#, expect: "😀!"),
    StringCase(text: #""\u0000""#, expect: "\0"),
    StringCase(
      text: "\"视频 é 😀 \u{7FF} \u{800} \u{FFFF} \u{10FFFF}\"", expect: "视频 é 😀 \u{7FF} \u{800} \u{FFFF} \u{10FFFF}"),
  ])
  func `a string is unescaped`(_ row: StringCase) throws {
    let text = Array(row.text.utf8)
    let root = try JSONDocument(text.span).root
    let string = root.string()
    #expect(string == row.expect)
    var bytes: [UInt8] = []
    root.copyString(into: &bytes)
    #expect(bytes == Array(row.expect.utf8))
  }

  @Test func `an escaped key is found by its name`() throws {
    let text = Array(#"{"\u0043ode":"Success"}"#.utf8)
    let root = try JSONDocument(text.span).root
    #expect(root.string("Code") == "Success")
  }

  @Test(
    arguments: [
      ("0", 0), ("-0", 0), ("9223372036854775807", Int64.max), ("-9223372036854775808", Int64.min),
      ("9223372036854775808", nil), ("1.0", nil), ("1e3", nil), ("true", nil),
    ] as [(String, Int64?)])
  func `an integer is whole and fits`(_ text: String, _ expect: Int64?) throws {
    let bytes = Array(text.utf8)
    let value = try JSONDocument(bytes.span).root.int
    #expect(value == expect)
  }

  @Test func `minifying drops blanks between tokens only`() throws {
    let text = Array("{ \"a b\" : [ 1 ,\t\"c \\\" \\\\\" ] ,\r\n \"k\" : { } }\n".utf8)
    var bytes: [UInt8] = []
    try JSONDocument(text.span).root.copyMinified(into: &bytes)
    #expect(String(decoding: bytes, as: UTF8.self) == #"{"a b":[1,"c \" \\"],"k":{}}"#)
    var inner: [UInt8] = []
    try JSONDocument(text.span).root["a b"]?.copyMinified(into: &inner)
    #expect(String(decoding: inner, as: UTF8.self) == #"[1,"c \" \\"]"#)
  }

  @Test func `a position is counted in lines and characters`() {
    let text = Array("{\n  \"视频\": x\n}".utf8)
    #expect(JSONPosition(of: 0, in: text.span) == JSONPosition(line: 1, column: 1))
    #expect(JSONPosition(of: 14, in: text.span) == JSONPosition(line: 2, column: 9))
    #expect(JSONPosition(of: 1000, in: text.span) == JSONPosition(line: 3, column: 2))
  }

  @Test func `a string's end is found, however long it is`() throws {
    for count in 0..<70 {
      for (end, expect) in [("", ""), (#"\\"#, #"\"#), (#"\""#, "\""), ("é", "é")] {
        let plain = String(repeating: "x", count: count)
        let text = Array("[\"\(plain)\(end)\(plain)\",1]".utf8)
        let document = try JSONDocument(text.span)
        var found: String?
        document.root.forEachItem { (item: borrowing JSONValue) in found = found ?? item.string() }
        #expect(found == plain + expect + plain)
      }
      let control = Array("\"\(String(repeating: "x", count: count))\u{1F}\"".utf8)
      #expect(throws: JSONError(problem: .controlCharacter, offset: count + 1)) { _ = try JSONDocument(control.span) }
    }
  }
}

extension JSONValue {
  fileprivate func string(_ name: String) -> String? { self[name]?.string() }
}
