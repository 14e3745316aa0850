import Core
import Testing

@Suite struct JoinedTextTests {
  @Test(arguments: [
    [], [""], ["a"], ["", "ab", "", "c"], ["é", "\u{301}", "😀"], [String(repeating: "long ", count: 99), "er"],
  ])
  func `parts are joined in their order`(_ parts: [String]) {
    let (a, b, c, d) = (parts.first ?? "", parts.dropFirst().joined(), "\r\n", "end")
    #expect(String(joining: a, b, c, d).utf8.elementsEqual((a + b + c + d).utf8))
  }

  @Test func `a separator is between each two parts`() {
    for parts in [[], ["a"], ["", ""], ["", "a", ""], ["é", "bc", "a longer one than fits"]] {
      #expect(String(joining: parts, by: UInt8(ascii: ";")) == parts.joined(separator: ";"))
    }
  }

  @Test func `joining nothing gives an empty text`() {
    #expect(String(joining: "").isEmpty && String(joining: "", "").isEmpty)
  }
}
