import Testing

@testable import Emulator

/// Roles that are assumed by sessions of other roles.
@Suite struct RoleChainTests {
  private func cloud(_ lines: String = "", account: String = "") throws -> TestCloud {
    let base = TestCloud.configuration.replacing(
      #"access_keys = [{ id = "LTAIroot""#, with: "\(account)\n" + #"access_keys = [{ id = "LTAIroot""#)
    let model = try AccountModel(toml: "\(base)\n\(lines)")
    return try TestCloud { $0 = model }
  }

  /// A role that only sessions of `caller` may assume, and that may assume any role.
  private func link(_ name: String, trusting caller: String, condition: String = "") -> String {
    """
    [accounts.1234567890123456.roles.\(name)]
    max_session_duration = "12h"
    policies = ["AliyunSTSAssumeRoleAccess"]
    trust_policy = '''{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",
      "Principal":{"RAM":["acs:ram::1234567890123456:role/\(caller)"]}\(condition)}]}'''

    """
  }

  @Test(arguments: Shape.allCases)
  func `each hop is signed by the session before it`(_ shape: Shape) throws {
    let links = link("second", trusting: "long") + link("third", trusting: "second") + link("fourth", trusting: "third")
    var cloud = try cloud(links)
    var key = try cloud.assume("long")
    for role in ["second", "third", "fourth"] {
      let answer = cloud.send("AssumeRole", ["RoleArn": TestCloud.arn(role)], as: key, shape: shape)
      #expect(answer.status == 200, "\(answer.text)")
      key = try #require(answer.key)
    }
    let arn = cloud.send("GetCallerIdentity", as: key).body?.text("Arn")
    #expect(arn == "acs:ram::1234567890123456:assumed-role/fourth/session")
    #expect(cloud.send("AssumeRole", ["RoleArn": TestCloud.arn("third")], as: key).code == "NoPermission")
  }

  @Test func `a trust in a role is in no user, nor in another role`() throws {
    var cloud = try cloud(link("second", trusting: "long"))
    let second = ["RoleArn": TestCloud.arn("second")]
    #expect(cloud.send("AssumeRole", second).code == "NoPermission")
    let short = try cloud.assume("short")
    #expect(cloud.send("AssumeRole", second, as: short).code == "NoPermission")
  }

  @Test func `a session that has ended, or lacks its token, signs nothing`() throws {
    var cloud = try cloud(link("second", trusting: "long"))
    let second = ["RoleArn": TestCloud.arn("second")]
    let key = try cloud.assume("long", ["DurationSeconds": "900"])
    #expect(cloud.send("AssumeRole", second, as: Key(id: key.id, secret: key.secret)).code == "MissingSecurityToken")
    cloud.now = TestCloud.start.advanced(bySeconds: 900)
    #expect(cloud.send("AssumeRole", second, as: key).code == "InvalidSecurityToken.Expired")
  }

  @Test func `the chain's sessions outlive the one that they were assumed with`() throws {
    var cloud = try cloud(link("second", trusting: "long"))
    let key = try cloud.assume("long", ["DurationSeconds": "900"])
    let chained = try cloud.assume("second", ["DurationSeconds": "43200"], as: key)
    cloud.now = TestCloud.start.advanced(bySeconds: 43_199)
    #expect(cloud.send("GetCallerIdentity", as: chained).status == 200)
  }

  @Test func `an account may limit the life of chained sessions`() throws {
    var cloud = try cloud(link("second", trusting: "long"), account: #"chained_session_duration = "1h""#)
    let key = try cloud.assume("long", ["DurationSeconds": "43200"])
    func code(_ seconds: String) -> String {
      cloud.send("AssumeRole", ["RoleArn": TestCloud.arn("second"), "DurationSeconds": seconds], as: key).code
    }
    #expect(code("3600").isEmpty && code("3601") == "InvalidParameter.DurationSeconds")
  }

  @Test func `a source identity is set at the first hop, kept, and asked for by trust policies`() throws {
    let condition = #","Condition":{"StringEquals":{"sts:SourceIdentity":"alice"}}"#
    let links = link("second", trusting: "long", condition: condition) + link("third", trusting: "second")
    var cloud = try cloud(links)
    let named = try cloud.assume("long", ["SourceIdentity": "alice"])
    let second = cloud.send("AssumeRole", ["RoleArn": TestCloud.arn("second")], as: named)
    #expect(second.body?.text("SourceIdentity") == "alice")
    let third = cloud.send("AssumeRole", ["RoleArn": TestCloud.arn("third")], as: try #require(second.key))
    #expect(third.body?.text("SourceIdentity") == "alice")
    let nameless = try cloud.assume("long")
    #expect(cloud.send("AssumeRole", ["RoleArn": TestCloud.arn("second")], as: nameless).code == "NoPermission")
    #expect(cloud.send("AssumeRole", ["RoleArn": TestCloud.arn("long")]).body?["SourceIdentity"] == nil)
  }

  @Test func `a source identity may be given at a later hop, if none was before`() throws {
    var cloud = try cloud(link("second", trusting: "long"))
    let key = try cloud.assume("long")
    let named = ["RoleArn": TestCloud.arn("second"), "SourceIdentity": "bob"]
    #expect(cloud.send("AssumeRole", named, as: key).body?.text("SourceIdentity") == "bob")
  }

  @Test(arguments: ["a", "acs:x", "aliyun:x", "alibabacloud:x", "a b", "a/b", String(repeating: "a", count: 65)])
  func `a source identity has 2 to 64 characters and no reserved beginning`(_ text: String) throws {
    var cloud = try cloud()
    #expect(cloud.send("AssumeRole", ["SourceIdentity": text]).code == "InvalidParameter.SourceIdentity")
    #expect(cloud.send("AssumeRole", ["SourceIdentity": "ab"]).status == 200)
    #expect(cloud.send("AssumeRole", ["SourceIdentity": String(repeating: "a", count: 64)]).status == 200)
  }
}
