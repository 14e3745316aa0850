import CloudAPI
import Core
import Testing

@Suite struct RetryAfterTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let text: String
    let wait: Duration?
    var testDescription: String { text }
  }

  @Test(arguments: [
    Case(text: "20", wait: .seconds(20)), Case(text: "301", wait: .minutes(5)),
    Case(text: "99999999999999999999", wait: .minutes(5)), Case(text: "0", wait: nil), Case(text: "", wait: nil),
    Case(text: "-1", wait: nil), Case(text: "+5", wait: nil), Case(text: "1.5", wait: nil),
    Case(text: "soon", wait: nil),
    Case(text: "Fri, 02 Jan 2026 03:04:25 GMT", wait: .seconds(20)),
    Case(text: "Fri, 02 Jan 2026 13:04:25 GMT", wait: .minutes(5)),
    Case(text: "Fri, 02 Jan 2026 03:04:05 GMT", wait: nil), Case(text: "Thu, 01 Jan 2026 03:04:05 GMT", wait: nil),
    Case(text: "Thu, 02 Jan 2026 03:04:25 GMT", wait: nil),
  ])
  func `seconds and dates are waits of up to five minutes, anything else is none`(_ row: Case) {
    #expect(RetryAfter.wait(row.text, saidAt: UTCTime("2026-01-02T03:04:05Z")!) == row.wait)
  }

  @Test(arguments: [
    Case(text: "1500", wait: .milliseconds(1500)), Case(text: "0", wait: .zero),
    Case(text: "300001", wait: .minutes(5)),
    Case(text: "99999999999999999999", wait: .minutes(5)), Case(text: "", wait: nil), Case(text: "-0", wait: nil),
    Case(text: "+5", wait: nil), Case(text: "5 ", wait: nil), Case(text: "1.5", wait: nil),
  ])
  func `the gateway's own wait is a number of milliseconds, without a sign and of any length`(_ row: Case) {
    #expect(RetryAfter.wait(milliseconds: row.text) == row.wait)
  }

  struct AnswerCase: Sendable, CustomTestStringConvertible {
    let status: Int
    let body: String
    let kind: Failure.Kind
    /// The wait that remains beside the kind.
    let notBefore: Duration?
    var testDescription: String { "\(status) \(body)" }
  }

  @Test(arguments: [
    AnswerCase(status: 503, body: #"{"Code":"ServiceUnavailable"}"#, kind: .transient, notBefore: .seconds(20)),
    AnswerCase(status: 503, body: "<html>", kind: .transient, notBefore: .seconds(20)),
    AnswerCase(status: 429, body: "<html>", kind: .throttled(wait: .seconds(20)), notBefore: .seconds(20)),
    AnswerCase(
      status: 400, body: #"{"Code":"Throttling.User"}"#, kind: .throttled(wait: .seconds(20)), notBefore: .seconds(20)),
    AnswerCase(status: 403, body: #"{"Code":"NoPermission"}"#, kind: .permanent, notBefore: .seconds(20)),
    AnswerCase(status: 400, body: #"{"Code":"SignatureNonceUsed"}"#, kind: .nonceUsed, notBefore: .seconds(20)),
  ])
  func `every refusal keeps the requested wait`(_ row: AnswerCase) {
    let response = STSResponse(httpStatus: row.status, retryAfter: nil, notBefore: .seconds(20))
    let failure = response.callerIdentity(from: Array(row.body.utf8).span).refused
    #expect(failure?.kind == row.kind)
    #expect(failure?.notBefore == row.notBefore)
  }

  @Test func `the vendor's own header takes precedence over the standard one`() {
    let response = STSResponse(httpStatus: 503, retryAfter: "1500", notBefore: .seconds(20))
    let failure = response.callerIdentity(from: Array("{}".utf8).span).refused
    #expect(failure?.kind == .throttled(wait: .milliseconds(1500)))
  }
}
