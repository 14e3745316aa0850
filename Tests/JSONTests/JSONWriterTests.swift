import JSON
import Testing

@Suite struct JSONWriterTests {
  @Test func `values nest on one line in the order they come`() {
    var json = JSONWriter([UInt8]())
    json.object { json in
      json.member("b", "x")
      json.key("a")
      json.array { json in
        json.integer(-1)
        json.bool(true)
        json.null()
        json.object { _ in }
        json.array { _ in }
        json.double(0.5)
        json.double(.infinity)
      }
      json.member("n", 7)
      json.member("f", false)
    }
    #expect(text(json.finish()) == #"{"b":"x","a":[-1,true,null,{},[],0.5,null],"n":7,"f":false}"#)
  }

  @Test func `strings are escaped as RFC 8259 asks`() {
    var json = JSONWriter([UInt8]())
    json.string("\"\\/\u{8}\u{C}\n\r\t\u{1}\u{1F} \u{7F} é 视 😀")
    #expect(text(json.finish()) == #""\"\\/\b\f\n\r\t\u0001\u001f "# + "\u{7F} é 视 😀\"")
  }

  @Test func `written JSON can be read back`() throws {
    let strings = ["", "plain", "a\"b\\c\u{0}\u{1F}\n", "视频😀", "\u{2028}"]
    var json = JSONWriter([UInt8]())
    json.array { json in for string in strings { json.string(string) } }
    let bytes = json.finish()
    var read: [String?] = []
    try JSONDocument(bytes.span).root.forEachItem { item in read.append(item.string()) }
    #expect(read == strings)
  }

  /// Short strings live inside their variable; in optimised builds their bytes once came from a variable that no longer existed.
  @Test func `strings of every length are written whole`() {
    for length in 0..<40 {
      let string = String(decoding: (0..<length).map { UInt8(ascii: "a") + UInt8($0 % 26) }, as: UTF8.self)
      var json = JSONWriter([UInt8]())
      json.object { $0.member(string, string) }
      #expect(text(json.finish()) == "{\"\(string)\":\"\(string)\"}")
    }
  }

  private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
