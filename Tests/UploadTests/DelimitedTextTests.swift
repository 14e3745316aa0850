import Testing

@testable import Upload

@Suite struct DelimitedTextTests {
  private func records(_ text: String, _ format: DelimitedText.Format = .commas) throws -> [[String]] {
    var reader = DelimitedText(Array(text.utf8), format)
    var records: [[String]] = []
    while let record = try reader.next() { records.append(record.fields) }
    return records
  }

  @Test func `comma-separated values are read as in RFC 4180`() throws {
    let rows: [(text: String, records: [[String]])] = [
      ("a,b\r\nc,d\r\n", [["a", "b"], ["c", "d"]]), ("a,b\nc,d", [["a", "b"], ["c", "d"]]), ("", []), ("\n\r\n\n", []),
      ("\"a,b\",\"c\"\"d\"\n", [["a,b", "c\"d"]]), ("\"two\r\nlines\",x\n", [["two\r\nlines", "x"]]),
      (",\n", [["", ""]]), ("\"\",\"\"", [["", ""]]), ("\u{FEFF}a,b\n", [["a", "b"]]), (" a , b \n", [[" a ", " b "]]),
      ("a\tb,c\n", [["a\tb", "c"]]),
    ]
    for row in rows { #expect(try records(row.text) == row.records, "\(row.text)") }
  }

  @Test func `tabs separate fields, in which quotes have no special meaning`() throws {
    #expect(try records("a,1\t\"b\"\r\nc\td\n", .tabs) == [["a,1", "\"b\""], ["c", "d"]])
    #expect(try records("only\n", .tabs) == [["only"]])
  }

  @Test func `malformed text is refused with its line`() {
    let rows: [(text: String, line: Int, why: String)] = [
      ("a,b\n\"c,d\n", 2, "a quote is never closed"),
      ("a,b\"c\n", 1, "a quote inside a field that doesn't begin with one"),
      ("\n\n\"a\"b,c\n", 3, "text follows a closing quote"),
      ("\"x\ny\",z\n\"a\" ,c", 3, "text follows a closing quote"),
    ]
    for row in rows {
      #expect(throws: DelimitedText.Problem(line: row.line, why: row.why), "\(row.text)") { try records(row.text) }
    }
    var reader = DelimitedText([0x61, 0xFF, 0x0A], .commas)
    #expect(throws: DelimitedText.Problem(line: 1, why: "not UTF-8")) { try reader.next() }
  }

  @Test func `a field is written so that it is read again`() throws {
    let fields = ["", "plain", "a,b", "a\"b", "\"", "two\nlines", "cr\r", "e\u{301}\"\u{301},", " blank ", "\u{FEFF}x"]
    let text = "x," + fields.map(DelimitedText.csvField).joined(separator: ",") + "\r\n"
    let read = try records(text)
    #expect(read.first?.dropFirst().map { Array($0.utf8) } == fields.map { Array($0.utf8) })
    #expect(DelimitedText.csvField("plain text;'") == "plain text;'")
  }
}
