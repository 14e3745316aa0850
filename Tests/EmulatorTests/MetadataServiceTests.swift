import Testing

@testable import Emulator

/// The metadata service of an ECS instance.
@Suite struct MetadataServiceTests {
  private static let trust = """
    [accounts.1234567890123456.roles.host]
    trust_policy = '''{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",
      "Principal":{"Service":["ecs.aliyuncs.com"]}}]}'''
    policies = ["AliyunSTSAssumeRoleAccess"]

    """

  /// A cloud whose `[ecs]` has these lines.
  private func cloud(_ lines: String = #"role = "acs:ram::1234567890123456:role/host""#) throws -> TestCloud {
    let given = try AccountModel(toml: "\(TestCloud.configuration)\n\(Self.trust)[ecs]\n\(lines)\n")
    return try TestCloud { $0 = given }
  }

  private func token(_ cloud: inout TestCloud, life: String? = "60") -> TestAnswer {
    let headers = life.map { [("X-aliyun-ecs-metadata-token-ttl-seconds", $0)] } ?? []
    return cloud.ask(.metadata, "PUT", MetadataService.tokenPath, headers)
  }

  private func get(_ cloud: inout TestCloud, _ name: String = "host", token: String? = nil) -> TestAnswer {
    let headers = token.map { [("X-aliyun-ecs-metadata-token", $0)] } ?? []
    return cloud.ask(.metadata, "GET", MetadataService.rolePath + name, headers)
  }

  @Test func `the role's name and a session of it come with a token`() throws {
    var cloud = try cloud()
    let token = token(&cloud)
    #expect(token.status == 200)
    #expect(get(&cloud, "", token: token.text).text == "host")
    let document = get(&cloud, token: token.text)
    #expect(document.status == 200 && document.code == "Success")
    #expect(document.body?.text("Expiration") == "2026-01-02T09:00:00Z")
    #expect(document.body?.text("LastUpdated") == "2026-01-02T03:00:00Z")
    let key = try #require(document.documentKey)
    let identity = cloud.send("GetCallerIdentity", as: key)
    #expect(identity.body?.text("Arn") == "acs:ram::1234567890123456:assumed-role/host/vm-emulated")
    #expect(cloud.send(as: key).status == 200, "the session may assume a role")
    #expect(cloud.service.callCounts.count(action: "GetMetadataCredentials", role: "host", result: "OK") == 1)
  }

  @Test(arguments: [nil, "", "0", "21601", "-1", "+5", "1h"])
  func `a token's life is 1 to 21600 seconds`(_ life: String?) throws {
    var cloud = try cloud()
    #expect(token(&cloud, life: life).status == 400)
    for good in ["1", "21600"] { #expect(token(&cloud, life: good).status == 200) }
  }

  @Test func `a token lapses, and another's isn't taken`() throws {
    var cloud = try cloud()
    let token = token(&cloud).text
    cloud.now = TestCloud.start.advanced(bySeconds: 59)
    #expect(get(&cloud, token: token).status == 200)
    cloud.now = TestCloud.start.advanced(bySeconds: 60)
    #expect(get(&cloud, token: token).status == 401)
    #expect(get(&cloud, token: "").status == 401)
    var other = try self.cloud()
    #expect(get(&other, token: token).status == 401)
  }

  @Test func `without a token it answers only where the instance allows that`() throws {
    var open = try cloud()
    #expect(get(&open).status == 200)
    var closed = try cloud(#"role = "acs:ram::1234567890123456:role/host"\#nimds_v1 = false"#)
    #expect(get(&closed).status == 403)
    #expect(get(&closed, token: token(&closed).text).status == 200)
  }

  @Test(arguments: [
    "", #"role = "acs:ram::1234567890123456:role/uploader""#, #"role = "acs:ram::1234567890123456:role/nobody""#,
  ])
  func `an instance without a role that trusts ECS has none`(_ lines: String) throws {
    var cloud = try cloud(lines)
    for name in ["", "host", "uploader", "nobody"] { #expect(get(&cloud, name).status == 404) }
  }

  @Test func `other paths and methods aren't there`() throws {
    var cloud = try cloud()
    #expect(get(&cloud, "other").status == 404)
    #expect(get(&cloud, "host/").status == 404)
    #expect(cloud.ask(.metadata, "GET", "/latest/meta-data/instance-id").status == 404)
    #expect(cloud.ask(.metadata, "POST", MetadataService.rolePath + "host").status == 404)
    #expect(cloud.ask(.metadata, "GET", MetadataService.tokenPath).status == 405)
    #expect(get(&cloud, "", token: nil).text == "host")
    #expect(cloud.ask(.metadata, "GET", String(MetadataService.rolePath.dropLast())).text == "host")
  }

  @Test func `a session is replaced before its end, and when a rotation is asked for`() throws {
    var cloud = try cloud(
      #"role = "acs:ram::1234567890123456:role/host"\#nlifetime = "1h"\#nrenew_before = "10min""#)
    let first = try #require(get(&cloud).documentKey)
    cloud.now = TestCloud.start.advanced(bySeconds: 2999)
    #expect(get(&cloud).documentKey?.id == first.id)
    cloud.now = TestCloud.start.advanced(bySeconds: 3000)
    let second = try #require(get(&cloud).documentKey)
    #expect(second.id != first.id)
    #expect(cloud.send("GetCallerIdentity", as: first).status == 200, "the former one is still valid")
    cloud.service.renewSession(of: .metadata)
    #expect(get(&cloud).documentKey?.id != second.id)
  }

  @Test func `a lapsed credential is one that STS refuses`() throws {
    var cloud = try cloud()
    cloud.service.faults.add(Fault(.lapsed, count: 1, service: .ecs))
    let lapsed = get(&cloud)
    #expect(lapsed.body?.text("Expiration") == "2026-01-02T02:59:00Z")
    #expect(
      cloud.send("GetCallerIdentity", as: try #require(lapsed.documentKey)).code == "InvalidSecurityToken.Expired")
    #expect(cloud.send("GetCallerIdentity", as: try #require(get(&cloud).documentKey)).status == 200)
  }

  @Test func `faults choose it by its service and actions`() throws {
    var cloud = try cloud()
    let unavailable = Fault.Kind.error(.unavailable, retryAfterMilliseconds: nil)
    cloud.service.faults.add(Fault(unavailable, action: "PutMetadataToken", service: .ecs))
    #expect(token(&cloud).status == 503)
    #expect(get(&cloud).status == 200)
    #expect(cloud.send().status == 200)
    cloud.service.faults.removeAll()
    cloud.service.faults.add(Fault(.fields(["SecurityToken"], value: nil), count: 1, service: .ecs))
    #expect(get(&cloud).body?["SecurityToken"] == nil)
    cloud.service.faults.add(Fault(.delay(milliseconds: 50), count: 1, service: .ecs))
    #expect(get(&cloud).reply.delayMilliseconds == 50)
    cloud.service.faults.add(Fault(.refuse, count: 1, service: .ecs))
    #expect(get(&cloud).reply.manner == .refused)
    cloud.service.faults.add(Fault(.html(status: 502), count: 1, service: .ecs))
    #expect(get(&cloud).status == 502)
    cloud.service.faults.add(Fault(.garbage(.half), count: 1, service: .ecs))
    #expect(get(&cloud).body == nil)
    let counts = cloud.service.callCounts
    #expect(counts.count(action: "GetMetadataCredentials", result: "bent") == 2)
    #expect(counts.count(action: "PutMetadataToken", result: "ServiceUnavailable") == 1)
    #expect(counts.count(action: "GetMetadataCredentials", result: "refused") == 1)
  }

  @Test(arguments: [
    #"role = "host""#, #"role = 1"#, #"lifetime = "0s"\#nrole = "acs:ram::1:role/host""#, #"roles = []"#,
  ])
  func `an unknown setting is refused`(_ lines: String) {
    #expect(throws: AccountModelError.self) { try cloud(lines) }
  }
}

extension TestCloud {
  /// Asks one of a host's services.
  mutating func ask(
    _ host: HostService, _ method: String, _ target: String, _ headers: [(name: String, value: String)] = []
  ) -> TestAnswer {
    let request = Request(
      method: method, target: target, headers: headers.map { .init(name: $0.name, value: $0.value) }, isSecure: false)
    return TestAnswer(service.handle(request, by: host, at: now))
  }
}

extension TestAnswer {
  /// The credential of a document.
  var documentKey: Key? {
    body.map { Key(id: $0.text("AccessKeyId"), secret: $0.text("AccessKeySecret"), token: $0.text("SecurityToken")) }
  }
}
