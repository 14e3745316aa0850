import CloudAPI
import Core
import TestSupport
import Testing

@Suite struct STSAnswerTests {
  static let now = UTCTime("2026-01-02T03:04:05Z")!
  static let good =
    #"{"RequestId":"6894B13B-6D71","AssumedRoleUser":{"AssumedRoleId":"3:s","Arn":"acs:ram::1:role/r/s"},"#
    + #""Credentials":{"AccessKeyId":"STS.Nabc","AccessKeySecret":"wyLTSm","SecurityToken":"CAES+w/=","#
    + #""Expiration":"2026-01-02T04:04:05Z"},"SourceIdentity":"x"}"#

  @Test func `a complete answer gives a session`() throws {
    let session = try #require(assume(Self.good).granted)
    #expect(session.accessKeyID == "STS.Nabc")
    #expect(session.accessKeySecret.text == "wyLTSm")
    #expect(session.securityToken.text == "CAES+w/=")
    #expect(session.expiration.description == "2026-01-02T04:04:05Z")
    #expect(session.requestID == "6894B13B-6D71")
    #expect(!String(reflecting: session).contains("wyLTSm"))
  }

  @Test func `a token may take the whole body`() throws {
    let token = String(repeating: "Ab1+", count: 15_000)
    let session = try #require(assume(Self.good.replacing("CAES+w/=", with: token)).granted)
    #expect(session.securityToken.text == token)
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let body: String
    var status = 200
    let code: String
    var kind = Failure.Kind.transient
    /// Words that the advice must contain.
    var advice = ""
    var testDescription: String { name }

    /// The good answer with one change.
    init(_ name: String, _ old: String, _ new: String, code: String, advice: String) {
      self.init(name: name, body: good.replacing(old, with: new), code: code, advice: advice)
    }

    init(
      name: String, body: String, status: Int = 200, code: String, kind: Failure.Kind = .transient, advice: String = ""
    ) {
      self.name = name
      self.body = body
      self.status = status
      self.code = code
      self.kind = kind
      self.advice = advice
    }
  }

  static let unusable = [
    Case("empty id", "STS.Nabc", "", code: "AnswerIncomplete", advice: "'Credentials.AccessKeyId'"),
    Case("empty secret", "wyLTSm", "", code: "AnswerIncomplete", advice: "'Credentials.AccessKeySecret'"),
    Case("empty token", "CAES+w/=", "", code: "AnswerIncomplete", advice: "'Credentials.SecurityToken'"),
    Case("empty expiration", "2026-01-02T04:04:05Z", "", code: "AnswerIncomplete", advice: "'Credentials.Expiration'"),
    Case("no id", "AccessKeyId", "X", code: "AnswerIncomplete", advice: "'Credentials.AccessKeyId'"),
    Case("no secret", "AccessKeySecret", "X", code: "AnswerIncomplete", advice: "'Credentials.AccessKeySecret'"),
    Case("no token", "SecurityToken", "X", code: "AnswerIncomplete", advice: "'Credentials.SecurityToken'"),
    Case("no expiration", "Expiration", "X", code: "AnswerIncomplete", advice: "'Credentials.Expiration'"),
    Case("no credentials", "\"Credentials\"", "\"X\"", code: "AnswerIncomplete", advice: "'Credentials'"),
    Case("null token", "\"CAES+w/=\"", "null", code: "AnswerIncomplete", advice: "'Credentials.SecurityToken'"),
    Case("number as secret", "\"wyLTSm\"", "17", code: "AnswerMalformed", advice: "'Credentials.AccessKeySecret'"),
    Case(
      "number as expiration", "\"2026-01-02T04:04:05Z\"", "1767326645", code: "AnswerMalformed", advice: "Expiration"),
    Case("blank in id", "STS.Nabc", "STS. Nabc", code: "AnswerMalformed", advice: "'Credentials.AccessKeyId'"),
    Case("line feed in token", "CAES+w/=", "CAES\\n", code: "AnswerMalformed", advice: "'Credentials.SecurityToken'"),
    Case("quote in secret", "wyLTSm", "wy'LTSm", code: "AnswerMalformed", advice: "'Credentials.AccessKeySecret'"),
    Case("escaped quote in secret", "wyLTSm", "wy\\\"LTSm", code: "AnswerMalformed", advice: "AccessKeySecret"),
    Case("comma in token", "CAES+w/=", "CAES,x", code: "AnswerMalformed", advice: "'Credentials.SecurityToken'"),
    Case("not ASCII", "wyLTSm", "wyLTSmé", code: "AnswerMalformed", advice: "'Credentials.AccessKeySecret'"),
    Case("fraction", "04:04:05Z", "04:04:05.000Z", code: "AnswerBadExpiration", advice: "YYYY-MM-DDThh:mm:ssZ"),
    Case("offset", "04:04:05Z", "04:04:05+00:00", code: "AnswerBadExpiration", advice: "YYYY-MM-DDThh:mm:ssZ"),
    Case("no such day", "2026-01-02T04", "2026-02-30T04", code: "AnswerBadExpiration", advice: "YYYY-MM-DDThh:mm:ssZ"),
    Case("past", "T04:04:05Z", "T03:04:04Z", code: "AnswerExpired", advice: "clock"),
    Case("expires now", "T04:04:05Z", "T03:04:05Z", code: "AnswerExpired", advice: "clock"),
    Case(name: "credentials as a list", body: #"{"Credentials":[]}"#, code: "AnswerMalformed", advice: "'Credentials'"),
    Case(name: "a key twice", body: good.replacing("Expiration", with: "SecurityToken"), code: "AnswerNotJSON"),
    Case(name: "empty body", body: "", code: "AnswerNotJSON", advice: "proxies"),
    Case(name: "page of a proxy", body: "<html><body>Sign in</body></html>", code: "AnswerNotJSON", advice: "proxies"),
    Case(name: "page with 403", body: "<html>", status: 403, code: "AnswerNotJSON", advice: "proxies"),
    Case(name: "page with 502", body: "<html>", status: 502, code: "AnswerNotJSON", advice: "proxies"),
    Case(name: "page with 429", body: "<html>", status: 429, code: "AnswerNotJSON", kind: .throttled(wait: nil)),
    Case(name: "cut off", body: String(good.dropLast(3)), code: "AnswerNotJSON", advice: "proxies"),
    Case(name: "XML", body: "<?xml version='1.0'?><AssumeRoleResponse/>", code: "AnswerNotJSON", advice: "proxies"),
    Case(name: "a list", body: "[]", code: "AnswerIncomplete", advice: "'Credentials'"),
    Case(name: "too long", body: "\"" + String(repeating: "x", count: 65_536) + "\"", code: "AnswerTooLong"),
    Case(name: "error without a code", body: "{}", status: 400, code: "AnswerWithoutCode", advice: "proxies"),
    Case(name: "redirect", body: "{}", status: 302, code: "AnswerWithoutCode", advice: "proxies"),
    Case(name: "good body, other status", body: good, status: 201, code: "AnswerWithoutCode", advice: "proxies"),
  ]

  @Test(arguments: unusable)
  func `an incomplete answer is a failure with a code, never a session`(_ row: Case) throws {
    let answer = STSResponse(httpStatus: row.status, retryAfter: nil).assumedSession(
      from: Array(row.body.utf8).span, now: Self.now)
    let failure = try #require(answer.refused)
    #expect(failure.code == row.code)
    #expect(failure.kind == row.kind)
    #expect(failure.httpStatus == row.status)
    #expect(failure.advice.contains(row.advice), "\(failure.advice)")
    #expect(!failure.blamesAccessKey)
  }

  struct ErrorWith200: Sendable, CustomTestStringConvertible {
    let code: String
    let expect: String
    let kind: Failure.Kind
    var blamesAccessKey = false
    var testDescription: String { code }
  }

  /// The code was lost, and with it the hint.
  @Test(arguments: [
    ErrorWith200(code: "NoPermission", expect: "NoPermission", kind: .permanent),
    ErrorWith200(
      code: "InvalidAccessKeyId.NotFound", expect: "InvalidAccessKeyId.NotFound", kind: .permanent,
      blamesAccessKey: true),
    ErrorWith200(code: "Throttling.User", expect: "Throttling.User", kind: .throttled(wait: nil)),
    ErrorWith200(code: "Unheard.Of", expect: "Unheard.Of", kind: .transient),
    ErrorWith200(code: "Success", expect: "AnswerIncomplete", kind: .transient),
    ErrorWith200(code: "", expect: "AnswerIncomplete", kind: .transient),
  ])
  func `an error body with status 200 is a failure with its code`(_ row: ErrorWith200) {
    let body = #"{"RequestId":"5F2C","Code":"\#(row.code)","Message":"m"}"#
    let failures = [
      assume(body).refused,
      STSResponse(httpStatus: 200, retryAfter: nil).callerIdentity(from: Array(body.utf8).span).refused,
    ]
    for failure in failures {
      #expect(failure?.code == row.expect)
      #expect(failure?.kind == row.kind)
      #expect(failure?.requestID == "5F2C")
      #expect(failure?.blamesAccessKey == row.blamesAccessKey)
    }
  }

  @Test func `a session with a code beside it is accepted`() {
    #expect(assume(Self.good.replacing("{\"RequestId", with: "{\"Code\":\"Odd\",\"RequestId")).granted != nil)
  }

  @Test func `an answer without a request id is accepted`() {
    let session = assume(Self.good.replacing("RequestId", with: "X")).granted
    #expect(session != nil && session?.requestID == nil)
  }

  @Test func `a caller's identity is read`() {
    let body =
      #"{"IdentityType":"RAMUser","AccountId":"123","PrincipalId":"9","Arn":"acs:ram::123:user/bot","RequestId":"r"}"#
    let identity = STSResponse(httpStatus: 200, retryAfter: nil).callerIdentity(from: Array(body.utf8).span).granted
    #expect(identity?.arn == "acs:ram::123:user/bot")
    #expect(identity?.userID == nil)
    let user = body.replacing("PrincipalId", with: "UserId")
    #expect(
      STSResponse(httpStatus: 200, retryAfter: nil).callerIdentity(from: Array(user.utf8).span).granted?.userID == "9")
    #expect(STSResponse(httpStatus: 200, retryAfter: nil).callerIdentity(from: Array("{}".utf8).span).granted == nil)
  }

  @Test func `README has a row for each code of an answer that can't be used`() throws {
    let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let rows = try #require(FileText.read("\(root)/README.md")).split(separator: "\n").filter { $0.hasPrefix("|") }
    for code in Set(Self.unusable.map(\.code)) { #expect(rows.contains { $0.contains("`\(code)`") }, "\(code)") }
  }

  /// The hint was to change the trust policy of a role.
  @Test func `a refused GetCallerIdentity isn't blamed on a role`() {
    let body = #"{"RequestId":"5F2C","Code":"NoPermission","Message":"m"}"#
    let failure = STSResponse(httpStatus: 403, retryAfter: nil).callerIdentity(from: Array(body.utf8).span).refused
    #expect(failure?.code == "NoPermission" && failure?.kind == .permanent && failure?.requestID == "5F2C")
    #expect(failure?.advice.contains("sts:GetCallerIdentity") == true && failure?.advice.contains("role") == false)
    #expect(assume(body).refused?.advice.contains("trust policy") == true)
  }

  private func assume(_ body: String) -> STSAnswer<AssumedSession> {
    STSResponse(httpStatus: 200, retryAfter: nil).assumedSession(from: Array(body.utf8).span, now: Self.now)
  }
}
