import Testing

@testable import Emulator

@Suite struct AssumeRoleTests {
  @Test(arguments: Shape.allCases)
  func `every form of request gets a session that works`(_ shape: Shape) throws {
    var cloud = try TestCloud()
    let answer = cloud.send("AssumeRole", ["DurationSeconds": "900"], shape: shape)
    #expect(answer.status == 200)
    #expect(answer.credentials?.text("Expiration") == "2026-01-02T03:15:00Z")
    #expect(answer.body?["AssumedRoleUser"]?.text("Arn") == "acs:ram::1234567890123456:role/uploader/session")
    let key = try #require(answer.key)
    #expect(key.id.hasPrefix("STS.") && key.token?.hasPrefix("CAIS") == true)
    let identity = cloud.send("GetCallerIdentity", as: key, shape: shape)
    #expect(identity.status == 200)
    #expect(identity.body?.text("Arn") == "acs:ram::1234567890123456:assumed-role/uploader/session")
  }

  @Test func `answers and errors have their request id`() throws {
    var cloud = try TestCloud()
    let good = cloud.send()
    let bad = cloud.send("AssumeRole", ["RoleArn": TestCloud.arn("nobody")])
    for answer in [good, bad] {
      #expect(answer.body?.text("RequestId") == answer.reply.answer.header("x-acs-request-id"))
      #expect(answer.body?.text("RequestId").utf8.count == 36)
      #expect(answer.reply.answer.header("Date") == "Fri, 02 Jan 2026 03:00:00 GMT")
    }
    #expect(bad.body?.text("HostId") == "sts.aliyuncs.com")
    #expect(bad.body?.text("Recommend").contains("EntityNotExist.Role") == true)
    #expect(good.body?.text("RequestId") != bad.body?.text("RequestId"))
  }

  struct Life: Sendable, CustomTestStringConvertible {
    let role: String
    let asked: String?
    let expires: String

    var testDescription: String { "\(asked ?? "nothing") asked of \(role)" }
  }

  @Test(arguments: [
    Life(role: "uploader", asked: nil, expires: "2026-01-02T04:00:00Z"),
    Life(role: "uploader", asked: "900", expires: "2026-01-02T03:15:00Z"),
    Life(role: "uploader", asked: "3600", expires: "2026-01-02T04:00:00Z"),
    Life(role: "long", asked: "43200", expires: "2026-01-02T15:00:00Z"),
    Life(role: "long", asked: nil, expires: "2026-01-02T04:00:00Z"),
    Life(role: "short", asked: "3600", expires: "2026-01-02T03:00:12Z"),
  ])
  func `a session expires at the time in its answer`(_ row: Life) throws {
    var cloud = try TestCloud()
    var parameters = ["RoleArn": TestCloud.arn(row.role)]
    parameters["DurationSeconds"] = row.asked
    let answer = cloud.send("AssumeRole", parameters)
    #expect(answer.credentials?.text("Expiration") == row.expires)
    let key = try #require(answer.key)
    let end = try #require(WallTime(row.expires))
    cloud.now = WallTime(microseconds: end.microseconds - 1)
    #expect(cloud.send("GetCallerIdentity", as: key).status == 200)
    cloud.now = end
    #expect(cloud.send("GetCallerIdentity", as: key).code == "InvalidSecurityToken.Expired")
    #expect(cloud.send("AssumeRole", as: key).code == "InvalidSecurityToken.Expired")
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let parameter: String
    let value: String
    let expect: String

    init(_ name: String, _ parameter: String, _ value: String, _ expect: String = "") {
      self.name = name
      self.parameter = parameter
      self.value = value
      self.expect = expect
    }

    var testDescription: String { name }
  }

  static let policy = #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"vod:*","Resource":"*"}]}"#

  @Test(arguments: [
    Case("a session name of 2", "RoleSessionName", "ab"),
    Case("a session name of 64", "RoleSessionName", String(repeating: "a", count: 64)),
    Case("a session name with every symbol", "RoleSessionName", "a.b@c-d_e"),
    Case("a session name of 1", "RoleSessionName", "a", "InvalidParameter.RoleSessionName"),
    Case(
      "a session name of 65", "RoleSessionName", String(repeating: "a", count: 65), "InvalidParameter.RoleSessionName"),
    Case("a session name with a blank", "RoleSessionName", "a b", "InvalidParameter.RoleSessionName"),
    Case("a session name beyond ASCII", "RoleSessionName", "视频", "InvalidParameter.RoleSessionName"),
    Case("an empty session name", "RoleSessionName", "", "MissingRoleSessionName"),
    Case("an empty role", "RoleArn", "", "MissingRoleArn"),
    Case("a role of another service", "RoleArn", "acs:oss::1:role/a", "InvalidParameter.RoleArn"),
    Case("a user as role", "RoleArn", "acs:ram::1234567890123456:user/keeper", "InvalidParameter.RoleArn"),
    Case("a role with a path", "RoleArn", TestCloud.arn("a/b"), "InvalidParameter.RoleArn"),
    Case("a role without a name", "RoleArn", TestCloud.arn(""), "InvalidParameter.RoleArn"),
    Case("a role of no account", "RoleArn", "acs:ram::x:role/a", "InvalidParameter.RoleArn"),
    Case("a role that isn't there", "RoleArn", TestCloud.arn("nobody"), "EntityNotExist.Role"),
    Case("900 s", "DurationSeconds", "900"),
    Case("the role's maximum", "DurationSeconds", "3600"),
    Case("899 s", "DurationSeconds", "899", "InvalidParameter.DurationSeconds"),
    Case("a second above the role's maximum", "DurationSeconds", "3601", "InvalidParameter.DurationSeconds"),
    Case("no number", "DurationSeconds", "1h", "InvalidParameter.DurationSeconds"),
    Case("a negative number", "DurationSeconds", "-900", "InvalidParameter.DurationSeconds"),
    Case("more than fits", "DurationSeconds", "99999999999999999999", "InvalidParameter.DurationSeconds"),
    Case("an external id of 2", "ExternalId", "ab"),
    Case("an external id of 1224", "ExternalId", String(repeating: "a", count: 1224)),
    Case("an external id with every symbol", "ExternalId", "a_+=,.@:/-b"),
    Case("an external id of 1", "ExternalId", "a", "InvalidParameter.ExternalId"),
    Case("an external id of 1225", "ExternalId", String(repeating: "a", count: 1225), "InvalidParameter.ExternalId"),
    Case("an external id with a star", "ExternalId", "a*b", "InvalidParameter.ExternalId"),
    Case("a policy", "Policy", policy),
    Case("a policy of 2047 bytes", "Policy", policy + String(repeating: " ", count: 2047 - policy.utf8.count)),
    Case(
      "a policy of 2048 bytes", "Policy", policy + String(repeating: " ", count: 2048 - policy.utf8.count),
      "InvalidParameter.PolicySize"),
    Case("a policy that isn't JSON", "Policy", "{", "InvalidParameter.PolicyGrammar"),
    Case("a policy that isn't a policy", "Policy", "{}", "InvalidParameter.PolicyGrammar"),
    Case("a source identity", "SourceIdentity", "Alice=+,.@-_"),
    Case("a reserved source identity", "SourceIdentity", "acs:alice", "InvalidParameter.SourceIdentity"),
  ])
  func `parameters have their limits`(_ row: Case) throws {
    for shape in [Shape.v1Query, .v3Query] {
      var cloud = try TestCloud()
      #expect(cloud.send("AssumeRole", [row.parameter: row.value], shape: shape).code == row.expect)
    }
  }

  @Test func `a source identity is in the answer and stays for chained sessions`() throws {
    var cloud = try TestCloud()
    let first = cloud.send("AssumeRole", ["RoleArn": TestCloud.arn("long"), "SourceIdentity": "alice"])
    #expect(first.body?.text("SourceIdentity") == "alice")
    let key = try #require(first.key)
    let chained = ["RoleArn": TestCloud.arn("chained")]
    #expect(cloud.send("AssumeRole", chained, as: key).body?.text("SourceIdentity") == "alice")
    let other = chained.merging(["SourceIdentity": "bob"]) { $1 }
    #expect(cloud.send("AssumeRole", other, as: key).code == "InvalidParameter.SourceIdentity")
  }

  @Test func `without Format the answer is XML`() throws {
    var cloud = try TestCloud()
    let request = CloudVector.v1.first { $0.name == "xml-format" }
    let vector = try #require(request)
    cloud.now = try vector.time
    let text = cloud.send(vector.request).text
    #expect(text.hasPrefix("<?xml version='1.0' encoding='UTF-8'?><Error><RequestId>"))
    #expect(text.contains("<Code>InvalidAccessKeyId.NotFound</Code>"))
  }
}
