import HTTPServer
import Testing
import Wire

@testable import SocketAPI

@Suite struct AnswerTests {
  private func text(_ bytes: (any ResponseBytes)?) -> String {
    var text = ""
    bytes?.withBytes { span in text = span.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) } }
    return text
  }

  /// The header was rounded down, so a client that obeyed it came too early, and was refused again.
  @Test(arguments: [(29_001, 30), (30_000, 30), (1, 1)])
  func `header and document have the same retry time, never too early`(_ wait: Int, _ seconds: Int) {
    let answer = Answer.problem(Problem(.tooManyReservations, detail: "d", retryAfter: .milliseconds(wait)))
    #expect(text(answer.head).contains("\r\nRetry-After: \(seconds)\r\n"))
    #expect(text(answer.body).contains("\"retry_after\":\(seconds)}"))
  }
}
