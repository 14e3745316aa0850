import Core
import Testing

@Suite struct TextLinesTests {
  @Test func `lines lie one after the other, each with a zero byte`() {
    var lines: TextLines = ["a: b", "", "é"]
    lines.append("name", ": ", "a value that is longer than fits in place")
    #expect(lines.count == 4)
    #expect(lines.bytes == Array("a: b\0\0é\0name: a value that is longer than fits in place\0".utf8))
    #expect(TextLines().bytes.isEmpty && TextLines() == [])
  }
}
