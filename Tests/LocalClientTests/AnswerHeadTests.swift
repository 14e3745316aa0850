import Testing

@testable import LocalClient

@Suite struct AnswerHeadTests {
  private func parsed(_ text: String) -> AnswerHead? { AnswerHead(Array(text.utf8)[...]) }

  @Test func `a field is found by its name in any case, and its value begins behind the blanks`() throws {
    let head = try #require(
      parsed("HTTP/1.1 200 OK\r\nContent-Length:  17\r\nROLEKEEPER-Below-Floor: 30\r\nempty:\r\n"))
    #expect(head.status == 200 && head.contentLength == 17)
    #expect(head.field("rolekeeper-below-floor") == "30" && head.field("empty") == "")
    #expect(head.field("content") == nil && head.field("retry-after") == nil)
  }

  @Test func `an answer may have no reason phrase and no field`() throws {
    let head = try #require(parsed("HTTP/1.0 404\r\n"))
    #expect(head.status == 404 && head.contentLength == nil)
  }

  @Test(arguments: [
    "", "\r\n", "HTTP/2 200\r\n", "HTTP/1.1\r\n", "HTTP/1.1 OK\r\n", "SSH-2.0-OpenSSH_9.2\r\n",
    "HTTP/1.1 200 OK\r\nno field\r\n", "HTTP/1.1 +200\r\n", "HTTP/1.1 -20\r\n", "HTTP/1.1 20\r\n", "HTTP/1.1 2000\r\n",
    "HTTP/1.1  200 OK\r\n", "HTTP/1.1x 200 OK\r\n", "HTTP/1.\r 200 OK\r\n", "HTTP/1. 200 OK\r\n",
  ])
  func `what isn't the head of an answer is none`(_ text: String) {
    #expect(parsed(text) == nil)
  }

  /// Such a length was ignored, or its sign was.
  @Test(arguments: ["-1", "+5", "x", "", "5 5", "18446744073709551616"])
  func `an answer with a length that is no number isn't the daemon's`(_ length: String) {
    #expect(parsed("HTTP/1.1 200 OK\r\nContent-Length: \(length)\r\n") == nil)
  }
}
