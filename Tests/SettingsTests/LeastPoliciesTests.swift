import Settings
import Testing

@Suite struct LeastPoliciesTests {
  private static let account = "1234567890123456"

  private static func policies(_ more: String, host: FakeHost = FakeHost()) throws -> [LeastPolicies.Document] {
    let loaded = host.load(soundSettings + more)
    return LeastPolicies(try #require(loaded.settings, "\(loaded.diagnostics)")).documents
  }

  @Test func `a source's user may assume its roles and nothing else, and the role trusts that user`() throws {
    let documents = try Self.policies("")
    #expect(
      documents.map(\.text) == [
        #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":["acs:ram::1234567890123456:role/ramtestupload"]}]}"#,
        #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":["acs:ram::1234567890123456:user/<RAM user of source.main>"]}}]}"#,
      ])
    #expect(documents[0].heading.contains("source.main") && documents[0].heading.contains("to assume this role"))
    #expect(documents[1].heading.contains("acs:ram::1234567890123456:role/ramtestupload, role 'uploader'"))
    #expect(documents[1].heading.contains("replace <RAM user of source.main> by the name, and the account"))
  }

  /// Of a host's own roles beside those of a tier, only the former were named.
  @Test func `a tier's roles need no policy of this host, unless it falls back to STS`() throws {
    var host = FakeHost()
    host.files["/etc/rolekeeper/host.pem"] = FakeHost.File()
    host.files["/etc/rolekeeper/host.key"] = FakeHost.File(uid: 998, mode: 0o400)
    let tier = """
      [source.tier]
      type = "upstream"
      urls = ["https://tier1.example"]
      certificate = "/etc/rolekeeper/host.pem"
      key = "/etc/rolekeeper/host.key"

      """
    func policies(_ text: String) throws -> LeastPolicies {
      let loaded = host.load(text)
      return LeastPolicies(try #require(loaded.settings, "\(loaded.diagnostics)"))
    }
    let there = "on the tier, the same command prints what its roles need"
    let alone = try policies(tier + "[roles.x]\n[roles.y]\n")
    #expect(alone.documents.isEmpty)
    #expect(
      alone.remark == "each role comes from the tier of source.tier, so this host needs no permission in RAM; \(there)")

    let own = soundSettings + "source = \"main\"\n"
    let mixed = try policies(own + "[roles.x]\nsource = \"tier\"\n" + tier)
    #expect(mixed.documents.count == 2)
    #expect(mixed.remark == "role 'x' comes from the tier of source.tier and needs no policy for this host; \(there)")
    let two = try policies(own + "[roles.x]\nsource = \"tier\"\n[roles.y]\nsource = \"tier\"\n" + tier)
    #expect(
      two.remark == "roles 'x', 'y' come from the tier of source.tier and need no policy for this host; \(there)")

    let arn = "acs:ram::\(Self.account):role/x"
    let direct = try policies(
      own + "[roles.x]\nsource = \"tier\"\nrole_arn = \"\(arn)\"\n\(tier)fallback = \"direct\"\n")
    #expect(direct.remark == nil)
    #expect(direct.documents.first?.text.contains("\"\(arn)\"") == true, "the AccessKey may assume it")
    #expect(try policies(tier).remark == "there is no role, so nothing has to be allowed")
  }

  @Test func `the trust policy demands the ExternalId`() throws {
    let documents = try Self.policies("external_id = \"host-7\"\n")
    #expect(documents[1].text.hasSuffix(#""Condition":{"StringEquals":{"sts:ExternalId":["host-7"]}}}]}"#))
  }

  @Test func `roles of the settings that are one role in RAM share its trust policy`() throws {
    var host = FakeHost()
    host.files["/etc/rolekeeper/key.csv"] = FakeHost.File(uid: 998, mode: 0o400)
    let documents = try Self.policies(
      """
      external_id = "aa"
      source = "main"
      [roles.second]
      role_arn = "acs:ram::\(Self.account):role/ramtestupload"
      source = "main"
      external_id = "bb"
      allow = { users = ["uploader"] }
      [roles.third]
      role_arn = "acs:ram::\(Self.account):role/ramtestupload"
      source = "other"
      allow = { users = ["uploader"] }
      [source.other]
      type = "access-key"
      file = "key.csv"

      """, host: host)
    // Each source assumes the role once, whatever it is called here.
    #expect(documents.count == 3)
    #expect(documents[1].heading.contains("RAM user whose AccessKey is source.other"))
    let trust = documents[2]
    #expect(trust.heading.contains("roles 'uploader', 'second', 'third'"))
    #expect(
      trust.text.contains(
        #"user/<RAM user of source.main>"]},"Condition":{"StringEquals":{"sts:ExternalId":["aa","bb"]}}}"#))
    #expect(trust.text.hasSuffix(#"user/<RAM user of source.other>"]}}]}"#))
  }

  /// With a condition, the role that sends no ExternalId couldn't be assumed.
  @Test func `no ExternalId is demanded if one of the roles has none`() throws {
    let documents = try Self.policies(
      """
      external_id = "aa"
      [roles.second]
      role_arn = "acs:ram::\(Self.account):role/ramtestupload"
      allow = { users = ["uploader"] }

      """)
    #expect(documents.count == 2 && !documents[1].text.contains("Condition"))
  }

  @Test func `a role whose session signs for another is allowed and trusted by its ARN`() throws {
    let documents = try Self.policies(
      """
      source = "main"
      [source.hop]
      type = "role"
      role = "uploader"
      [roles.far]
      role_arn = "acs:ram::99:role/far"
      source = "hop"
      allow = { users = ["uploader"] }

      """)
    #expect(documents.count == 4)
    #expect(
      documents[1].heading.contains("for the role acs:ram::1234567890123456:role/ramtestupload: to assume this role"))
    #expect(documents[1].text.contains(#""Resource":["acs:ram::99:role/far"]"#))
    #expect(documents[3].heading == "trust policy for acs:ram::99:role/far, role 'far' of the settings")
    #expect(documents[3].text.contains(#""Principal":{"RAM":["acs:ram::1234567890123456:role/ramtestupload"]}"#))
  }

  private static func policies(ofType type: String, _ lines: String) throws -> [LeastPolicies.Document] {
    let role = """
      source = "other"
      [source.other]
      type = "\(type)"

      """
    var host = FakeHost()
    host.files["/etc/rolekeeper/token"] = FakeHost.File(uid: 998, mode: 0o400)
    return try policies(role + lines + "\n", host: host)
  }

  @Test func `a token's provider is trusted for one audience and subject, and needs no permission`() throws {
    let provider = "acs:ram::\(Self.account):oidc-provider/idp"
    let documents = try Self.policies(ofType: "oidc", "provider_arn = \"\(provider)\"\ntoken_file = \"token\"")
    #expect(
      documents.map(\.text) == [
        #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Federated":["\#(provider)"]},"#
          + #""Condition":{"StringEquals":{"oidc:aud":["<aud of the token of source.other>"],"#
          + #""oidc:sub":["<sub of the token of source.other>"]}}}]}"#
      ])
    #expect(
      documents[0].heading.hasSuffix(
        ": replace <aud of the token of source.other> and <sub of the token of source.other> by what the token has there"
      ))
  }

  @Test(arguments: [
    ("kms", "secret = \"keeper\"\ntoken_file = \"token\"", "user/<RAM user of source.other>", "secret 'keeper' of KMS"),
    ("ecs-ram-role", "", "role/<RAM role of the instance, source.other>", "RAM role of the ECS instance"),
    ("ecs-ram-role", "role_name = \"host\"", "role/host", "RAM role of the ECS instance"),
  ])
  func `who signs by another source is named as far as the settings say`(
    type: String, lines: String, name: String, heading: String
  ) throws {
    let documents = try Self.policies(ofType: type, lines)
    try #require(documents.count == 2)
    #expect(documents[0].heading.contains(heading) && documents[0].text.contains("sts:AssumeRole"), "\(documents)")
    #expect(
      documents[1].text.contains(#""Principal":{"RAM":["acs:ram::1234567890123456:\#(name)"]}"#), "\(documents)")
    #expect(documents[1].heading.contains("replace") == name.contains("<"), "\(documents)")
  }

  /// A policy has at most 6,144 characters.
  @Test func `many roles are in several permission policies`() throws {
    let roles = (0..<200).map { index in
      """
      [roles.r\(index)]
      role_arn = "acs:ram::\(Self.account):role/\(String(repeating: "n", count: 20))\(index)"
      refresh_after = "50min"
      survive_outage = "1min"
      pool = 1
      floor = "1min"
      allow = { users = ["uploader"] }

      """
    }
    let documents = try Self.policies(roles.joined())
    let permissions = documents.filter { $0.heading.hasPrefix("permission policy") }
    #expect(permissions.count == 2 && permissions.allSatisfy { $0.text.utf8.count <= 6144 })
    #expect(permissions[1].heading.contains(" 2 of 2, since one has at most 6144 characters,"))
    let names = permissions.flatMap { $0.text.split(separator: "\"").filter { $0.hasPrefix("acs:ram::") } }
    #expect(names.count == 201 && Set(names).count == 201)
    #expect(documents.count == 2 + 201)
  }

  @Test func `without a role there is nothing to allow`() throws {
    let loaded = FakeHost().load("[source.main]\ntype = \"access-key\"\ncredential = \"access-key\"\n")
    #expect(LeastPolicies(try #require(loaded.settings)).documents.isEmpty)
  }
}
