import Testing

@testable import Emulator

/// A row for every error of STS and its gateway, with the vendor's wording.
@Suite struct RefusalTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let status: Int
    let code: String
    let message: String
    let send: @Sendable (inout TestCloud) throws -> TestAnswer

    init(
      _ name: String, _ status: Int, _ code: String, _ message: String,
      send: @escaping @Sendable (inout TestCloud) throws -> TestAnswer
    ) {
      self.name = name
      self.status = status
      self.code = code
      self.message = message
      self.send = send
    }

    var testDescription: String { name }
  }

  static let operations = [
    Case("role ARN", 400, "InvalidParameter.RoleArn", "The parameter RoleArn is wrongly formed.") {
      $0.send("AssumeRole", ["RoleArn": "uploader"])
    },
    Case("session name", 400, "InvalidParameter.RoleSessionName", "The parameter RoleSessionName is wrongly formed.") {
      $0.send("AssumeRole", ["RoleSessionName": "?"])
    },
    Case("external id", 400, "InvalidParameter.ExternalId", "The parameter ExternalId is wrongly formed.") {
      $0.send("AssumeRole", ["ExternalId": "?"])
    },
    Case(
      "duration", 400, "InvalidParameter.DurationSeconds", "The Min/Max value of DurationSeconds is 15min/1hr."
    ) { $0.send("AssumeRole", ["DurationSeconds": "1"]) },
    Case("policy", 400, "InvalidParameter.PolicyGrammar", "The parameter Policy has not passed grammar check.") {
      $0.send("AssumeRole", ["Policy": "x"])
    },
    Case("large policy", 400, "InvalidParameter.PolicySize", "The size of Policy must be smaller than 2048 bytes.") {
      $0.send("AssumeRole", ["Policy": String(repeating: "x", count: 3000)])
    },
    Case(
      "content type", 400, "InvalidParameter.ContentType",
      #"The ContentType request header must be either "application/json" or "application/x-www-form-urlencoded"."#
    ) {
      $0.send {
        $0.headers.append(.init(name: "Content-Type", value: "text/plain"))
        $0.body = [1]
      }
    },
    Case(
      "no permission", 403, "NoPermission",
      "You are not authorized to do this action. You should be authorized by RAM."
    ) { $0.send(as: .idle) },
    Case("root", 403, "NoPermission", "Roles may not be assumed by root accounts.") { $0.send(as: .root) },
    Case(
      "no trust", 403, "NoPermission",
      "No permission perform sts:AssumeRole on this Role. Maybe you are not authorized to perform sts:AssumeRole or "
        + "the specified role does not trust you."
    ) { $0.send("AssumeRole", ["RoleArn": TestCloud.arn("partner")]) },
    Case("no such role", 404, "EntityNotExist.Role", "The specified Role not exists .") {
      $0.send("AssumeRole", ["RoleArn": TestCloud.arn("nobody")])
    },
    Case(
      "internal error", 500, "InternalError", "STS Server Internal Error happened, please send the RequestId to us."
    ) {
      $0.service.faults.add(Fault(.error(.internalError, retryAfterMilliseconds: nil)))
      return $0.send()
    },
  ]

  static let gateway = [
    Case("unknown key", 404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.") {
      $0.send(as: Key(id: "LTAInobody", secret: "x"))
    },
    Case("disabled key", 400, "InvalidAccessKeyId.Inactive", "Specified access key is disabled.") {
      $0.send(as: Key(id: "LTAIold", secret: "old secret"))
    },
    Case(
      "incomplete signature", 400, "IncompleteSignature",
      "The request signature does not conform to Aliyun standards. server string to sign is:"
    ) {
      $0.send {
        $0.headers.removeAll { $0.name == "Authorization" }
        $0.headers.append(.init(name: "Authorization", value: "ACS3-HMAC-SHA256 Credential=LTAIkeeper"))
      }
    },
    Case("used nonce", 400, "SignatureNonceUsed", "Specified signature nonce was used already.") {
      var sent: Request?
      _ = $0.send { sent = $0 }
      return $0.send(try #require(sent))
    },
    Case("old request", 400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.") {
      var sent: Request?
      _ = $0.send { sent = $0 }
      $0.now = $0.now.advanced(bySeconds: 3600)
      return $0.send(try #require(sent))
    },
    Case("odd time", 400, "InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted.") {
      let draft = Draft(action: "GetCallerIdentity", parameters: [:], nonce: "n", time: "now")
      return $0.send(draft.signed(by: .keeper, shape: .v1Query))
    },
    Case("expired token", 400, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired.") {
      let key = try $0.assume("short")
      $0.now = $0.now.advanced(bySeconds: 12)
      return $0.send("GetCallerIdentity", as: key)
    },
    Case("odd token", 400, "InvalidSecurityToken.Malformed", "Specified SecurityToken is malformed.") {
      var key = try $0.assume()
      key.token = "CAIS"
      return $0.send("GetCallerIdentity", as: key)
    },
    Case(
      "another's token", 400, "InvalidSecurityToken.MismatchWithAccessKey",
      "Specified SecurityToken mismatch with the AccessKey."
    ) {
      var key = try $0.assume()
      key.id = "STS.another"
      return $0.send("GetCallerIdentity", as: key)
    },
    Case("no token", 400, "MissingSecurityToken", "SecurityToken is mandatory for this action.") {
      $0.send("GetCallerIdentity", as: Key(id: "STS.another", secret: "x"))
    },
    Case("no key", 400, "MissingAccessKeyId", "AccessKeyId is mandatory for this action.") {
      $0.send(
        Request(method: "GET", target: "/?Action=AssumeRole&Version=2015-04-01&Format=JSON", headers: []))
    },
    Case("no action", 400, "MissingAction", "Action is mandatory for this action.") {
      $0.send(Request(method: "GET", target: "/?Format=JSON", headers: []))
    },
    Case("no nonce", 400, "MissingSignatureNonce", "SignatureNonce is mandatory for this action.") {
      $0.send { $0.headers.removeAll { $0.name == "x-acs-signature-nonce" } }
    },
    Case("no role", 400, "MissingRoleArn", "RoleArn is mandatory for this action.") {
      $0.send("AssumeRole", ["RoleArn": ""])
    },
    Case(
      "unknown action", 404, "InvalidAction.NotFound",
      "Specified api is not found, please check your url and method."
    ) { $0.send("AssumeNothing") },
    Case(
      "unknown version", 404, "InvalidApi.NotFound", "Specified api is not found, please check your url and method."
    ) {
      var draft = Draft(action: "GetCallerIdentity", parameters: [:], nonce: "n", time: $0.now.isoText)
      draft.version = "2014-05-26"
      return $0.send(draft.signed(by: .keeper, shape: .v1Get))
    },
    Case("plain HTTP", 400, "InvalidProtocol.NeedSsl", "Your request is denied as lack of ssl protect.") {
      $0.send { $0.isSecure = false }
    },
    Case("too many", 400, "Throttling.User", "Request was denied due to user flow control.") {
      for _ in 0..<2 { _ = $0.send(as: .other) }
      return $0.send(as: .other)
    },
    Case("too many for the API", 400, "Throttling.Api", "Request was denied due to user flow control.") {
      $0.service.faults.add(Fault(.error(.apiThrottled, retryAfterMilliseconds: nil)))
      return $0.send()
    },
    Case("too many for anybody", 400, "Throttling", "Request was denied due to request throttling.") {
      $0.service.faults.add(Fault(.error(.throttled, retryAfterMilliseconds: nil)))
      return $0.send()
    },
    Case(
      "unavailable", 503, "ServiceUnavailable", "The request has failed due to a temporary failure of the server."
    ) {
      $0.service.faults.add(Fault(.error(.unavailable, retryAfterMilliseconds: nil)))
      return $0.send()
    },
  ]

  @Test(arguments: operations + gateway)
  func `an error has the vendor's status, code and wording`(_ row: Case) throws {
    var cloud = try TestCloud()
    let answer = try row.send(&cloud)
    #expect(answer.status == row.status)
    #expect(answer.code == row.code)
    #expect(answer.message == row.message)
  }

  @Test func `a request that can't be decoded is refused`() throws {
    var cloud = try TestCloud()
    for target in ["/?a=%", "/?a=%zz", "/?a=%ff", "/?%c3%28=1"] {
      #expect(cloud.send(Request(method: "GET", target: target, headers: [])).code == "IncompleteSignature")
    }
    for method in ["PUT", "DELETE", "PATCH", ""] {
      #expect(cloud.send { $0.method = method }.code == "InvalidApi.NotFound")
    }
  }
}
