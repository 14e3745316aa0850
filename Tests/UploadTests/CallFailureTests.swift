import HTTPClient
import Testing

@testable import Upload

/// What an upload makes of a request that got no answer.
@Suite struct CallFailureTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let why: TransportFailure.Kind
    let kind: CallFailure.Kind
    /// Words of the remedy; nil if there is none.
    let remedy: String?
    let isRetried: Bool
    var testDescription: String { why.rawValue }

    init(_ why: TransportFailure.Kind, _ kind: CallFailure.Kind, _ remedy: String?, isRetried: Bool = true) {
      (self.why, self.kind, self.remedy, self.isRetried) = (why, kind, remedy, isRetried)
    }
  }

  static let cases = [
    // Nothing of the request has reached the service.
    Case(.resolve, .unreached, "name service"),
    Case(.connect, .unreached, "whether a proxy is needed"),
    Case(.connectTimeout, .unreached, "whether a proxy is needed"),
    Case(.tlsVerification, .unreached, "--ca-file"),
    Case(.caFile, .unreached, "--ca-file"),
    Case(.tlsOther, .unreached, "whether a proxy is needed"),
    Case(.proxyUnreachable, .unreached, "--proxy"),
    Case(.proxyUnresolved, .unreached, "--proxy"),
    Case(.proxyAuthentication, .unreached, "--proxy"),
    Case(.proxyRefused, .unreached, "--proxy"),
    Case(.proxyBroken, .unreached, "--proxy"),
    Case(.noResources, .unreached, nil),
    // The service may have carried it out.
    Case(.timeout, .lost, nil),
    Case(.bodyTooLarge, .lost, nil),
    Case(.protocolViolation, .lost, nil),
    Case(.noAnswer, .lost, nil),
    Case(.cut, .lost, nil),
    Case(.other, .lost, nil),
    // The next one would be the same.
    Case(.unsuitableRequest, .refused, nil, isRetried: false),
  ]

  @Test(arguments: cases)
  func `a request without an answer is sent again, unless it can't be sent at all`(_ row: Case) throws {
    let failure = CallFailure(TransportFailure(row.why, text: "what libcurl says"))
    #expect(failure.kind == row.kind && failure.code == "what libcurl says" && failure.requestID == nil)
    #expect(failure.mayHaveHappened == (row.kind == .lost))
    #expect(row.remedy.map { failure.remedy?.contains($0) == true } ?? (failure.remedy == nil))
    // With no other part that could go meanwhile.
    var upload = try DrivenUpload.begun(DrivenUpload.unit)
    try upload.failRequest(0, failure.kind)
    #expect((upload.outcome == nil) == row.isRetried)
    guard row.isRetried else { return }
    try upload.awake()
    #expect(upload.parts == [1])
  }

  @Test(arguments: cases)
  func `after its last try VOD is asked for the outcome only if the service may have got the request`(_ row: Case)
    throws
  {
    let failure = CallFailure(TransportFailure(row.why, text: ""))
    var upload = try DrivenUpload.finishing()
    try upload.failRequest(0, failure.kind)
    for _ in 1..<DrivenUpload.options().tries where row.isRetried {
      try upload.awake()
      try upload.failRequest(0, failure.kind)
    }
    #expect(upload.isWaitingForVOD == (row.kind == .lost) && (upload.outcome == nil) == (row.kind == .lost))
  }

  @Test func `the table has each kind of failure once`() {
    #expect(Self.cases.count == TransportFailure.Kind.allCases.count)
    #expect(Set(Self.cases.map(\.why)) == Set(TransportFailure.Kind.allCases))
  }
}
