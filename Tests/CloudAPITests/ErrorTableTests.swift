import CloudAPI
import Core
import Testing

@Suite struct ErrorTableTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let status: Int
    let code: String
    var message = "anything"
    let kind: Failure.Kind
    /// Words that the advice must contain.
    let advice: String
    var blamesAccessKey = false
    var testDescription: String { "\(status) \(code)" }
  }

  @Test(arguments: [
    Case(status: 400, code: "InvalidParameter.RoleArn", kind: .permanent, advice: "'role_arn'"),
    Case(status: 400, code: "InvalidParameter.RoleSessionName", kind: .permanent, advice: "'session_name'"),
    Case(status: 400, code: "InvalidParameter.ExternalId", kind: .permanent, advice: "'external_id'"),
    Case(status: 400, code: "InvalidParameter.DurationSeconds", kind: .permanent, advice: "lower 'duration'"),
    Case(status: 400, code: "InvalidParameter.PolicyGrammar", kind: .permanent, advice: "'policy_file'"),
    Case(status: 400, code: "InvalidParameter.PolicySize", kind: .permanent, advice: "2048 bytes"),
    Case(status: 400, code: "InvalidParameter.ContentType", kind: .permanent, advice: "report"),
    Case(status: 400, code: "InvalidParameter.Unheard", kind: .permanent, advice: "settings"),
    Case(
      status: 403, code: "NoPermission", message: "You are not authorized to do this action.", kind: .permanent,
      advice: "allow the RAM user that signs, or its account, in the role's trust policy"),
    Case(
      status: 403, code: "NoPermission", message: "Roles may not be assumed by root accounts.", kind: .permanent,
      advice: "the AccessKey of a RAM user"),
    Case(status: 404, code: "EntityNotExist.Role", kind: .permanent, advice: "create the role"),
    Case(status: 500, code: "InternalError", kind: .transient, advice: "tries again by itself"),
    Case(
      status: 404, code: "InvalidAccessKeyId.NotFound", kind: .permanent, advice: "that exists", blamesAccessKey: true),
    Case(
      status: 400, code: "InvalidAccessKeyId.Inactive", kind: .permanent, advice: "enable", blamesAccessKey: true),
    Case(status: 400, code: "InvalidAccessKeyId", kind: .permanent, advice: "check", blamesAccessKey: true),
    Case(
      status: 400, code: "SignatureDoesNotMatch", kind: .permanent, advice: "secret that belongs", blamesAccessKey: true
    ),
    Case(status: 400, code: "IncompleteSignature", kind: .permanent, advice: "proxy"),
    Case(status: 400, code: "SignatureNonceUsed", kind: .nonceUsed, advice: "new nonce"),
    Case(status: 400, code: "InvalidTimeStamp.Expired", kind: .skew, advice: "clock"),
    Case(status: 400, code: "InvalidTimeStamp.Format", kind: .permanent, advice: "report"),
    Case(status: 403, code: "InvalidSecurityToken.Expired", kind: .identityLapsed, advice: "renewed"),
    Case(status: 400, code: "InvalidSecurityToken.Malformed", kind: .identityLapsed, advice: "damaged"),
    Case(status: 400, code: "InvalidSecurityToken.MismatchWithAccessKey", kind: .identityLapsed, advice: "another key"),
    Case(status: 400, code: "InvalidSecurityToken.Unheard", kind: .identityLapsed, advice: "credential"),
    Case(status: 400, code: "MissingSecurityToken", kind: .permanent, advice: "lacks its token"),
    Case(status: 401, code: "AuthenticationFail.OIDCToken.Expired", kind: .identityLapsed, advice: "renewed"),
    Case(status: 401, code: "AuthenticationFail.OIDCToken.Invalid", kind: .permanent, advice: "damaged"),
    Case(status: 401, code: "AuthenticationFail.OIDCToken.InvalidSignature", kind: .permanent, advice: "issuer"),
    Case(status: 401, code: "AuthenticationFail.OIDCToken.AudienceNotMatch", kind: .permanent, advice: "audience"),
    Case(status: 401, code: "AuthenticationFail.OIDCToken.HttpsUrlInvalid", kind: .permanent, advice: "fingerprints"),
    Case(status: 401, code: "AuthenticationFail.NoPermission", kind: .permanent, advice: "trust policy"),
    Case(status: 401, code: "AuthenticationFail", kind: .permanent, advice: "who signs"),
    Case(status: 401, code: "AuthenticationFail.Unheard", kind: .permanent, advice: "who signs"),
    // Whatever the status, as long as it is an answer of STS.
    Case(status: 500, code: "AuthenticationFail.Unheard", kind: .permanent, advice: "who signs"),
    Case(status: 403, code: "Forbidden", kind: .permanent, advice: "account forbids"),
    Case(status: 403, code: "Forbidden.RAM", kind: .permanent, advice: "control policies"),
    Case(status: 403, code: "ForbiddenAction.Unheard", kind: .permanent, advice: "account forbids"),
    Case(status: 400, code: "MissingRoleArn", kind: .permanent, advice: "report"),
    Case(status: 400, code: "MissingParameter", kind: .permanent, advice: "report"),
    Case(status: 404, code: "InvalidApi.NotFound", kind: .permanent, advice: "'endpoint'"),
    Case(status: 404, code: "InvalidAction.NotFound", kind: .permanent, advice: "'endpoint'"),
    Case(status: 400, code: "InvalidProtocol.NeedSsl", kind: .permanent, advice: "TLS"),
    Case(status: 400, code: "Throttling.User", kind: .throttled(wait: nil), advice: "'requests_per_second'"),
    Case(status: 400, code: "Throttling.Api", kind: .throttled(wait: nil), advice: "'requests_per_second'"),
    Case(status: 400, code: "Throttling", kind: .throttled(wait: nil), advice: "'requests_per_second'"),
    Case(status: 503, code: "ServiceUnavailable", kind: .transient, advice: "tries again by itself"),
    // Codes without a row of their own.
    Case(status: 400, code: "Unheard.Of", kind: .permanent, advice: "look the code up"),
    Case(status: 403, code: "nopermission", kind: .permanent, advice: "look the code up"),
    Case(status: 429, code: "Unheard.Of", kind: .throttled(wait: nil), advice: "'requests_per_second'"),
    Case(status: 500, code: "Unheard.Of", kind: .transient, advice: "tries again by itself"),
    Case(status: 504, code: "Unheard.Of", kind: .transient, advice: "tries again by itself"),
    Case(status: 302, code: "Unheard.Of", kind: .transient, advice: "proxies"),
  ])
  func `each code has its class and its fix`(_ row: Case) throws {
    let body = #"{"RequestId":"5F2C","HostId":"h","Code":"\#(row.code)","Message":"\#(row.message)","Recommend":"r"}"#
    let answer = STSResponse(httpStatus: row.status, retryAfter: nil)
      .assumedSession(from: Array(body.utf8).span, now: UTCTime(seconds: 0))
    let failure = try #require(answer.refused)
    #expect(failure.kind == row.kind)
    #expect(failure.code == row.code)
    #expect(failure.httpStatus == row.status)
    #expect(failure.requestID == "5F2C")
    #expect(failure.advice.contains(row.advice), "\(failure.advice)")
    #expect(failure.blamesAccessKey == row.blamesAccessKey)
  }

  /// A trust policy names users, and the message didn't name the user.
  @Test func `a missing permission names the key's owner, once that is known`() {
    let signer = CallerIdentity(arn: "acs:ram::1:user/keeper")
    let denied = Failure(.permanent, code: "NoPermission", httpStatus: 403, requestID: "5F2C", advice: "allow it")
    #expect(denied.naming(nil) == denied)
    let named = denied.naming(signer)
    #expect(named.advice == "allow it; the AccessKey is that of 'acs:ram::1:user/keeper'")
    #expect(named.kind == denied.kind && named.code == denied.code && named.requestID == "5F2C")
    #expect(named.naming(signer) == named, "once")
    let missing = Failure(.permanent, code: "EntityNotExist.Role", advice: "create it")
    #expect(missing.naming(signer) == missing)
  }

  struct WaitCase: Sendable {
    let header: String
    let wait: Duration?
  }

  @Test(arguments: [
    WaitCase(header: "1500", wait: .milliseconds(1500)),
    WaitCase(header: "0", wait: .zero),
    WaitCase(header: "300001", wait: .minutes(5)),
    WaitCase(header: "9223372036854775807", wait: .minutes(5)),
    WaitCase(header: "99999999999999999999", wait: .minutes(5)),
    WaitCase(header: "-1", wait: nil),
    WaitCase(header: "soon", wait: nil),
    WaitCase(header: "", wait: nil),
  ])
  func `a requested wait makes any refusal a throttling`(_ row: WaitCase) {
    let response = STSResponse(httpStatus: 403, retryAfter: row.header)
    let now = UTCTime(seconds: 0)
    let coded = response.assumedSession(from: Array(#"{"Code":"NoPermission"}"#.utf8).span, now: now)
    #expect(coded.refused?.kind == .throttled(wait: row.wait))
    let html = response.assumedSession(from: Array("<html>".utf8).span, now: now)
    #expect(html.refused?.kind == .throttled(wait: row.wait))
  }

  @Test func `members in lower case are understood`() {
    let answer = STSResponse(httpStatus: 400, retryAfter: nil).callerIdentity(
      from: Array(#"{"requestId":"r-1","code":"Throttling.User","message":"m"}"#.utf8).span)
    #expect(answer.refused?.code == "Throttling.User")
    #expect(answer.refused?.requestID == "r-1")
  }

  @Test func `neither message nor control characters reach the failure`() throws {
    let body =
      #"{"Code":"A\n\u001b[31mB 视\#(String(repeating: "x", count: 100))","RequestId":"1\r\n2\#(String(repeating: "9", count: 300))","#
      + #""Message":"server string to sign is:Marked7Secret"}"#
    let failure = try #require(
      STSResponse(httpStatus: 400, retryAfter: nil).callerIdentity(from: Array(body.utf8).span).refused)
    #expect(failure.code == "A[31mB" + String(repeating: "x", count: 58))
    #expect(failure.requestID == "12" + String(repeating: "9", count: 126))
    #expect(!String(reflecting: failure).contains("Marked7Secret"))
  }

  /// A session policy without sts:AssumeRole has the same code, and only trust policies were named.
  @Test func `where a role's session signs, the advice names its session policy, too`() {
    let row = ErrorTable.row(forCode: "NoPermission", httpStatus: 403)
    let failure = Failure(row.kind, code: "NoPermission", httpStatus: 403, advice: row.advice)
    #expect(
      failure.adviceForSession(of: "base")
        == "allow the role that signs, or its account, in the role's trust policy, and give that role AliyunSTSAssumeRoleAccess; if 'base' has a policy_file, allow sts:AssumeRole there, too; the session of role 'base' signs"
    )
  }

  /// "lower 'requests_per_second' in [sts], or write more 'regions'", to a host that called as often as its share of the quota.
  @Test func `in a fleet a used-up quota needs nobody, and other failures are as they are`() {
    let row = ErrorTable.row(forCode: "Throttling.User", httpStatus: 400)
    let throttled = Failure(
      .throttled(wait: .seconds(3)), code: "Throttling.User", httpStatus: 400, requestID: "5F2C", advice: row.advice)
    #expect(throttled.inFleet.advice.contains("goes on by itself") && !throttled.inFleet.advice.contains("lower"))
    #expect(throttled.inFleet.kind == throttled.kind && throttled.inFleet.requestID == "5F2C")
    let other = Failure(.permanent, code: "NoPermission", advice: "allow it")
    #expect(other.inFleet == other)
  }
}
