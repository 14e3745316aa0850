import Testing

@testable import Emulator

/// KMS Agent, and the AccessKey that KMS rotates.
@Suite struct KMSAgentTests {
  private static let query = "/secretsmanager/get?secretId=keeper-key"

  private func cloud(_ lines: String = "") throws -> TestCloud {
    let text = """
      \(TestCloud.configuration)
      [kms]
      \(lines)
      [kms.secrets.keeper-key]
      account = "1234567890123456"
      user = "keeper"
      """
    let model = try AccountModel(toml: text)
    return try TestCloud { $0 = model }
  }

  private func ask(_ cloud: inout TestCloud, _ target: String = Self.query) -> TestAnswer {
    cloud.ask(.kmsAgent, "GET", target, [("X-KMS-Token", cloud.service.hostServices.kmsAgent.token)])
  }

  private func key(_ cloud: inout TestCloud) throws -> Key {
    let value = try #require(PolicyValue(json: ask(&cloud).body?.text("SecretData") ?? ""))
    return Key(id: value.text("AccessKeyId"), secret: value.text("AccessKeySecret"))
  }

  /// Whether the secret was rotated.
  private func rotate(_ cloud: inout TestCloud, _ secret: String = "keeper-key", keepSeconds: Int64 = 0) -> Bool {
    cloud.service.rotate(secret: secret, keepSeconds: keepSeconds, at: cloud.now)
  }

  @Test func `a secret has the user's AccessKey, in the form of GetSecretValue`() throws {
    var cloud = try cloud()
    let answer = ask(&cloud)
    #expect(answer.status == 200)
    #expect(answer.body?.text("SecretName") == "keeper-key" && answer.body?.text("SecretType") == "RAMCredentials")
    #expect(answer.body?.text("SecretDataType") == "text" && answer.body?.text("VersionId") == "v1")
    #expect(answer.body?["VersionStages"]?["VersionStage"]?.strings == ["ACSCurrent"])
    #expect(PolicyValue(json: answer.body?.text("ExtendedConfig") ?? "")?.text("SecretSubType") == "RamUserAccessKey")
    #expect(try key(&cloud).id == "LTAIkeeper")
    #expect(cloud.send(as: try key(&cloud)).status == 200)
    #expect(ask(&cloud, "/v1/keeper%2Dkey").status == 200)
  }

  @Test func `requests without the token, or forwarded ones, are refused`() throws {
    var cloud = try cloud()
    let token = cloud.service.hostServices.kmsAgent.token
    #expect(cloud.ask(.kmsAgent, "GET", Self.query).status == 403)
    #expect(cloud.ask(.kmsAgent, "GET", Self.query, [("X-KMS-Token", "\(token)x")]).status == 403)
    #expect(cloud.ask(.kmsAgent, "GET", Self.query, [("X-Vault-Token", token)]).status == 200)
    let forwarded = [("X-KMS-Token", token), ("X-Forwarded-For", "192.0.2.1")]
    #expect(cloud.ask(.kmsAgent, "GET", Self.query, forwarded).status == 400)
    #expect(cloud.ask(.kmsAgent, "POST", Self.query, [("X-KMS-Token", token)]).status == 405)
    #expect(ask(&cloud, "/elsewhere").status == 404)
    #expect(ask(&cloud, "/secretsmanager/get?secretId=other").code == "Forbidden.ResourceNotFound")
    #expect(cloud.ask(.kmsAgent, "GET", "/ping").text == "healthy")
  }

  @Test func `after a rotation both keys are valid for a while, then the former one is gone`() throws {
    var cloud = try cloud()
    let former = try key(&cloud)
    #expect(rotate(&cloud, keepSeconds: 600))
    let new = try key(&cloud)
    #expect(new.id != former.id && new.id.hasPrefix("LTAI"))
    #expect(ask(&cloud).body?.text("VersionId") == "v2")
    for key in [former, new] { #expect(cloud.send(as: key).status == 200) }
    cloud.now = TestCloud.start.advanced(bySeconds: 600)
    #expect(cloud.send(as: former).code == "InvalidAccessKeyId.NotFound")
    #expect(cloud.send(as: new).status == 200)
    cloud.service.model = try self.cloud().service.model
    #expect(cloud.send(as: new).status == 200, "a rotation outlasts a reload")
    #expect(cloud.send(as: former).code == "InvalidAccessKeyId.NotFound")
    #expect(rotate(&cloud))
    #expect(cloud.send(as: new).code == "InvalidAccessKeyId.NotFound")
    #expect(!rotate(&cloud, "other"))
  }

  @Test func `the agent's cache keeps a former key for its time`() throws {
    var cloud = try cloud(#"cache = "300s""#)
    #expect(try key(&cloud).id == "LTAIkeeper")
    #expect(rotate(&cloud))
    cloud.now = TestCloud.start.advanced(bySeconds: 299)
    #expect(try key(&cloud).id == "LTAIkeeper")
    cloud.now = TestCloud.start.advanced(bySeconds: 300)
    #expect(try key(&cloud).id != "LTAIkeeper")
  }

  @Test func `faults choose it by its service`() throws {
    var cloud = try cloud()
    cloud.service.faults.add(Fault(.fields(["SecretData"], value: "{}"), count: 1, service: .kms))
    #expect(ask(&cloud).body?.text("SecretData") == "{}")
    cloud.service.faults.add(Fault(.error(.internalError, retryAfterMilliseconds: nil), count: 1, service: .kms))
    #expect(ask(&cloud).status == 500)
    #expect(ask(&cloud).status == 200)
    #expect(cloud.service.callCounts.count(action: "GetSecretValue", result: "bent") == 1)
  }
}
