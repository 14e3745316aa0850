import Testing

@testable import ObjectStorage

@Suite struct XMLReaderTests {
  @Test(arguments: [
    "<R><A>x</A></R>",
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<R xmlns=\"http://doc.oss-cn-hangzhou.aliyuncs.com\">\n  <A> x\n</A>\n</R>\n",
    "<o:R xmlns:o=\"urn:o\"><o:A>x</o:A></o:R>",
    "<R><Unknown><A>y</A><B/></Unknown><A>x</A><Unknown/></R>",
    "<R><!-- no --><A a='1'><![CDATA[x]]></A><?p i?></R>",
    "<R><A>&#120;</A></R>",
    "\u{FEFF}<R><A>x</A></R>",
  ])
  func `a document is read as far as it is asked for`(_ text: String) throws {
    let root = try #require(read(text))
    #expect(root.name == "R")
    #expect(root.text(of: "A") == "x")
    #expect(root.children.count == 1)
  }

  @Test func `references and letters beyond ASCII are resolved`() throws {
    let root = try #require(read("<R><A>&lt;é&amp;&#x76EE;录&gt;</A></R>"))
    #expect(root.text(of: "A") == "<é&目录>")
  }

  @Test(arguments: [
    "", "x", "<R>", "<R></S>", "<R/><R/>", "<R><A>x</A>", "<R>&unknown;</R>", "<R a=1/>", "<R>\u{0}</R>", "{}",
    "<?xml version=\"1.0\" encoding=\"x-unknown\"?><R/>",
  ])
  func `what isn't well-formed isn't read`(_ text: String) {
    #expect(read(text) == nil)
  }

  @Test(arguments: [
    "<!DOCTYPE R><R><A>x</A></R>",
    "<!DOCTYPE R [<!ENTITY a \"x\">]><R><A>&a;</A></R>",
    "<!DOCTYPE R [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><R><A>&a;</A></R>",
    "<!DOCTYPE R SYSTEM \"http://127.0.0.1/r.dtd\"><R><A>x</A></R>",
  ])
  func `a document type is refused, and so is every entity`(_ text: String) {
    #expect(read(text) == nil)
  }

  @Test func `depth and number of elements are limited, passed over or not`() {
    func nested(_ name: String, _ depth: Int) -> String {
      "<R>" + String(repeating: "<\(name)>", count: depth) + String(repeating: "</\(name)>", count: depth) + "</R>"
    }
    for name in ["A", "Unknown"] {
      #expect(read(nested(name, XMLReader.maxDepth - 1)) != nil)
      #expect(read(nested(name, XMLReader.maxDepth)) == nil)
      #expect(read("<R>" + String(repeating: "<\(name)/>", count: XMLReader.maxElements - 1) + "</R>") != nil)
      #expect(read("<R>" + String(repeating: "<\(name)/>", count: XMLReader.maxElements) + "</R>") == nil)
    }
  }

  /// An error may quote the token of the request.
  @Test func `the text of what isn't asked for is kept nowhere`() throws {
    let root = try #require(read("<R><Message>Marked7Secret<A>Marked7Secret</A></Message><A>x</A></R>"))
    var dumped = ""
    dump(root, to: &dumped)
    #expect(!dumped.contains("Marked7Secret"))
  }

  private func read(_ text: String) -> XMLElement? {
    let bytes = Array(text.utf8)
    return XMLReader.read(bytes.span, keeping: ["A"])
  }
}
