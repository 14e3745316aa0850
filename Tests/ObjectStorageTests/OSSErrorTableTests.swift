import Core
import ObjectStorage
import Testing

@Suite struct OSSErrorTableTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let status: Int
    let code: String
    let kind: OSSFailure.Kind
    /// Words that the remedy must have.
    let remedy: String
    var testDescription: String { "\(status) \(code)" }
  }

  @Test(arguments: [
    Case(status: 403, code: "SecurityTokenExpired", kind: .credentialExpired, remedy: "--part-size"),
    Case(status: 403, code: "InvalidAccessKeyId", kind: .keyUnknown, remedy: "--part-size"),
    Case(status: 403, code: "InvalidSecurityToken", kind: .keyUnknown, remedy: "--part-size"),
    Case(status: 403, code: "AccessDenied", kind: .accessDenied, remedy: "EC"),
    Case(status: 403, code: "RequestTimeTooSkewed", kind: .skew, remedy: "clock"),
    Case(status: 403, code: "SignatureDoesNotMatch", kind: .permanent, remedy: "proxy"),
    Case(status: 403, code: "UserDisable", kind: .permanent, remedy: "arrears"),
    Case(status: 404, code: "NoSuchUpload", kind: .noSuchUpload, remedy: "new upload id"),
    Case(status: 404, code: "NoSuchBucket", kind: .permanent, remedy: "region"),
    Case(status: 400, code: "InvalidPart", kind: .invalidPart, remedy: "parts are sent again"),
    Case(status: 400, code: "InvalidPartOrder", kind: .permanent, remedy: "report"),
    Case(status: 400, code: "InvalidDigest", kind: .invalidDigest, remedy: "damaged"),
    Case(status: 400, code: "BadDigest", kind: .invalidDigest, remedy: "damaged"),
    Case(status: 400, code: "EntityTooSmall", kind: .entityTooSmall, remedy: "100KiB"),
    Case(status: 400, code: "EntityTooLarge", kind: .permanent, remedy: "5GiB"),
    Case(status: 409, code: "FileAlreadyExists", kind: .objectExists, remedy: "overwritten"),
    Case(status: 400, code: "RequestTimeout", kind: .transient, remedy: "goes on"),
    Case(status: 400, code: "IncompleteBody", kind: .transient, remedy: "goes on"),
    Case(status: 400, code: "InvalidArgument", kind: .permanent, remedy: "report"),
    Case(status: 411, code: "MissingContentLength", kind: .permanent, remedy: "report"),
    Case(status: 400, code: "MalformedXML", kind: .permanent, remedy: "report"),
    Case(status: 503, code: "Throttling.User", kind: .throttled, remedy: "fewer jobs"),
    Case(status: 503, code: "SlowDown", kind: .throttled, remedy: "fewer jobs"),
    Case(status: 503, code: "UploadTrafficRateLimitExceeded", kind: .throttled, remedy: "limit the rate"),
    Case(status: 503, code: "TotalQpsLimitExceeded", kind: .throttled, remedy: "fewer jobs"),
    Case(status: 503, code: "QpsLimitExceeded", kind: .throttled, remedy: "fewer jobs"),
    Case(status: 500, code: "InternalError", kind: .transient, remedy: "support"),
    Case(status: 503, code: "ServiceUnavailable", kind: .transient, remedy: "support"),
    // Codes that no row has.
    Case(status: 400, code: "Unheard.Of", kind: .permanent, remedy: "look the code up"),
    Case(status: 408, code: "Unheard.Of", kind: .transient, remedy: "run again later"),
    Case(status: 429, code: "Unheard.Of", kind: .throttled, remedy: "fewer jobs"),
    Case(status: 500, code: "Unheard.Of", kind: .transient, remedy: "run again later"),
    Case(status: 504, code: "Unheard.Of", kind: .transient, remedy: "run again later"),
    Case(status: 307, code: "TemporaryRedirect", kind: .permanent, remedy: "endpoint"),
  ])
  func `each code has its class and its remedy`(_ row: Case) throws {
    let body =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>\n  <Code>\(row.code)</Code>\n  <Message>m</Message>\n"
      + "  <RequestId>5F2C</RequestId>\n  <HostId>h</HostId>\n  <EC>0042-00000213</EC>\n</Error>\n"
    let response = OSSResponse(httpStatus: row.status, date: "Fri, 02 Jan 2026 03:04:05 GMT")
    let failure = try #require(self.failure(of: response.stored(from: body)))
    #expect(failure.kind == row.kind)
    #expect(failure.code == row.code)
    #expect(failure.httpStatus == row.status)
    #expect(failure.requestID == "5F2C")
    #expect(failure.errorCode == "0042-00000213")
    #expect(failure.serverTime?.description == "2026-01-02T03:04:05Z")
    #expect(failure.remedy.contains(row.remedy), "\(failure.remedy)")
  }

  @Test(arguments: [
    (403, OSSFailure.Kind.transient), (404, .transient), (429, .throttled), (502, .transient), (302, .transient),
  ])
  func `an answer that isn't one of OSS is tried again`(_ status: Int, _ kind: OSSFailure.Kind) {
    for body in ["", "<html>", "<html/>", "<Error/>", "{\"Code\":\"NoSuchUpload\"}"] {
      let failure = failure(of: OSSResponse(httpStatus: status).stored(from: body))
      #expect(failure?.kind == kind)
      #expect(failure?.code == "AnswerWithoutCode")
    }
  }

  /// That of SignatureDoesNotMatch repeats the string to sign, which has the token.
  @Test func `neither message nor control characters reach the failure`() throws {
    let body =
      "<Error><Code>Signature\u{85}Does\nNot视Match</Code><Message>Marked7Secret</Message><StringToSign>Marked7Secret</StringToSign>"
      + "<RequestId>\(String(repeating: "9", count: 300))</RequestId></Error>"
    let response = OSSResponse(httpStatus: 403, date: "Marked7Secret")
    let failure = try #require(self.failure(of: response.stored(from: body)))
    #expect(failure.code == "SignatureDoesNotMatch")
    #expect(failure.requestID == String(repeating: "9", count: 128))
    #expect(failure.serverTime == nil)
    #expect(!String(reflecting: failure).contains("Marked7Secret"))
  }

  private func failure<Content>(of result: Result<Content, OSSFailure>) -> OSSFailure? {
    if case .failure(let failure) = result { failure } else { nil }
  }
}
