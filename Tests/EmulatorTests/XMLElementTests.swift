import Testing

@testable import Emulator

@Suite struct XMLElementTests {
  @Test(arguments: [
    "<A><B>1</B></A>", "<?xml version=\"1.0\"?>\n<A>\n  <B> 1 </B>\n</A>\n", "<A xmlns=\"urn:x\"><B a='2'>1</B></A>",
    "<x:A><!-- > --><x:B>1</x:B ></x:A>", "<A><C/><B>1</B><B>2</B></A>",
  ])
  func `elements are found whatever is next to them`(_ text: String) {
    let element = XMLElement(Array(text.utf8))
    #expect(element?.name == "A" && element?["B"] == "1")
  }

  @Test func `entities are read`() {
    #expect(XMLElement(Array("<A><B>&quot;a&amp;b&lt;&gt;&apos;</B></A>".utf8))?["B"] == "\"a&b<>'")
  }

  @Test(arguments: [
    "", "x", "<A>", "<A></B>", "<A/><B/>", "<A>&nbsp;</A>", "<A>&quot</A>", "</A>", "<A", "<!DOCTYPE A><A/>",
    "<A><B></A></B>",
    "<A><!-- </A>", "<A>\u{FF}</A", String(repeating: "<A>", count: 100_000),
  ])
  func `anything but one whole element is refused`(_ text: String) {
    #expect(XMLElement(Array(text.utf8)) == nil)
  }
}
