import Testing

@testable import HTTPClient

/// The fields that are kept of an answer's head, line by line as libcurl passes them.
@Suite struct AnswerHeadTests {
  private func head(_ lines: String...) -> AnswerHead {
    var head = AnswerHead(names: ["etag"])
    for line in ["HTTP/1.1 200 OK\r\n"] + lines { Array(line.utf8).withUnsafeBytes { head.take($0) } }
    return head
  }

  @Test func `a value begins and ends without blanks and tabs, whatever the case of its name`() {
    let head = head("DATE: \t Sun \t\r\n", "Retry-After:20\n", "X-Acs-Retry-After:  5 \r\n", "ETag:\"E\"\r\n")
    #expect(head.date == "Sun" && head.standardRetryAfter == "20" && head.retryAfter == "5")
    #expect(head.kept == ["\"E\""])
  }

  /// Control characters around a value were removed with the blanks.
  @Test(arguments: ["\u{1}20", "20\u{1}", "\u{B}20", "20\u{C}", "20\r\r", "\r20", "2\t0", "", " ", "é"])
  func `a value with other characters around it or in it is none`(_ value: String) {
    let head = head(
      "Date: \(value)\r\n", "Retry-After: \(value)\r\n", "x-acs-retry-after: \(value)\r\n", "etag: \(value)\r\n")
    #expect(head.date == nil && head.standardRetryAfter == nil && head.kept == [nil])
    #expect(head.retryAfter == "", "its presence counts")
  }

  /// Of two waits the last counted, and of two dates none.
  @Test func `of two different values none counts, and the same one twice does`() {
    for name in ["date", "retry-after", "x-acs-retry-after", "etag"] {
      let other = head("\(name): 1\r\n", "\(name): 2\r\n", "\(name): 2\r\n")
      #expect(other.date == nil && other.standardRetryAfter == nil && other.kept == [nil], "\(name)")
      #expect(other.retryAfter == (name == "x-acs-retry-after" ? "" : nil))
    }
    let same = head("retry-after: 1\r\n", "retry-after: 1\r\n", "x-acs-retry-after: 3\r\n", "x-acs-retry-after: 3\r\n")
    #expect(same.standardRetryAfter == "1" && same.retryAfter == "3")
  }

  @Test func `the fields of an interim answer don't count`() {
    let head = head("Retry-After: 1\r\n", "HTTP/1.1 503 No\r\n", "Retry-After: 2\r\n")
    #expect(head.standardRetryAfter == "2")
  }
}
