import Glibc
import Laboratory
import TestSupport
import Testing

/// `check --online` with sources that are no AccessKey.
@Suite(.serialized) struct CheckSourcesTests {
  private static let account = RealmDraft.account

  private func check(_ lab: Lab, _ words: String...) throws -> (status: CInt, output: String, errors: String) {
    let run = try ChildProcess.run([Programs.commandLine, "check", "--online", "--config", lab.configPath] + words)
    // A token begins with the base64 of `{"`.
    for secret in [RealmDraft.key.secret, "STS.", "eyJ"] { #expect(!"\(run)".contains(secret), "\(run)") }
    return (run.status, run.output, run.errors)
  }

  private func expect(_ run: (status: CInt, output: String, errors: String), _ status: CInt, _ says: [String]) {
    #expect(run.status == status && run.errors.isEmpty, "\(run)")
    for words in says { #expect(run.output.contains(words), "\(words) in:\n\(run.output)") }
  }

  // MARK: - Chains

  private func chain() throws -> Lab {
    var realm = RealmDraft(lifetime: nil, roles: ["leaf", "base"])
    realm.rights = ["base": ["sts:AssumeRole"]]
    return try Lab(realm) { draft in
      draft.sources = "[source.hop]\ntype = \"role\"\nrole = \"base\"\n"
      draft.roles = [("leaf", "hop"), ("base", "main")].map { name, source in
        var role = SettingsDraft.Role(name, more: "source = \"\(source)\"")
        role.times = role.times.replacing("floor = \"0s\"", with: "floor = \"1min\"")
        return role
      }
    }
  }

  @Test func `a role is tried through its chain, even if it alone was asked for`() throws {
    let lab = try chain()
    let good = try check(lab, "--role", "leaf")
    expect(
      good, 0,
      [
        "ok       role base: ",
        "ok       source hop: signs with the session 'acs:ram::\(Self.account):assumed-role/base/",
        "ok       role leaf: STS issues sessions of ",
      ])
    try lab.emulator.fault("kind=error&code=NoPermission&status=403&action=AssumeRole", role: "leaf")
    expect(
      try check(lab), 77,
      ["failed   role leaf: NoPermission", "the session of role 'base' signs", "ok       role base: "]
    )
    try lab.emulator.clearFaults()
    try lab.emulator.fault("kind=error&code=NoPermission&status=403&action=AssumeRole", role: "base")
    expect(
      try check(lab), 77,
      [
        "failed   role base: NoPermission", "skipped  source hop: role 'base' has no session that could sign",
        "skipped  role leaf: source hop has no session",
      ])
  }

  @Test func `source test tries a chain from its AccessKey on, and leaves other sources alone`() throws {
    let lab = try chain()
    lab.draft.sources += "[source.token]\ntype = \"oidc\"\n"
    lab.draft.sources += "provider_arn = \"acs:ram::\(Self.account):oidc-provider/idp\"\n"
    lab.draft.sources += "token_file = \"\(lab.directory.path("token"))\"\n"
    lab.draft.roles.append(SettingsDraft.Role("third", more: "source = \"token\""))
    try lab.writeSettings()
    let run = try ChildProcess.run(
      [Programs.commandLine, "source", "test", lab.draft.keyPath, "--config", lab.configPath])
    expect(
      (run.status, run.output, run.errors), 0,
      [
        "ok       role base: ", "ok       role leaf: ",
        "skipped  role third: no AccessKey of yours signs for it, but source 'token' of type oidc",
      ])
  }

  /// Nothing was tried, the status was 0, and the command to install the key followed.
  @Test func `source test says which roles it can't try, and then has no command to install the key`() throws {
    let lab = try chain()
    lab.draft.sources += "[source.token]\ntype = \"oidc\"\n"
    lab.draft.sources += "provider_arn = \"acs:ram::\(Self.account):oidc-provider/idp\"\n"
    lab.draft.sources += "token_file = \"\(lab.directory.path("token"))\"\n"
    lab.draft.roles.append(SettingsDraft.Role("third", more: "source = \"token\""))
    try lab.writeSettings()
    // A copy is a candidate: the key itself is in place.
    try lab.directory.write(
      "AccessKey ID,AccessKey Secret\n\(RealmDraft.key.id),\(RealmDraft.key.secret)\n", to: "new.csv", mode: 0o400)
    func test(_ words: String...) throws -> (status: CInt, output: String, errors: String) {
      let run = try ChildProcess.run(
        [Programs.commandLine, "source", "test", lab.directory.path("new.csv"), "--config", lab.configPath] + words)
      #expect(run.output.contains("to put it in place") == (run.status == 0), "\(run)")
      return (run.status, run.output, run.errors)
    }
    expect(
      try test("--role", "third"), 4,
      ["skipped  role third: no AccessKey of yours signs for it, but source 'token' of type oidc"])
    expect(
      try test("--source", "main", "--role", "third"), 4,
      ["skipped  role third: source 'token' signs for it, and '--source' names another"])
    expect(
      try test("--source", "main", "--role", "leaf", "--role", "base"), 4,
      ["ok       role base: ", "skipped  role leaf: source 'hop' signs for it, and '--source' names another"])
    expect(try test("--source", "main"), 0, ["ok       role base: "])
  }

  // MARK: - Services

  private static let host = "role = \"acs:ram::\(account):role/host\""
  private static let ecsTrust =
    "trust_policy = '{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"sts:AssumeRole\",\"Principal\":{\"Service\":[\"ecs.aliyuncs.com\"]}}]}'"

  @Test func `the metadata service is asked, and named where it isn't there`() throws {
    let lab = try Lab.withService("[ecs]\n\(Self.host)", trusts: ["host": Self.ecsTrust]) {
      "type = \"ecs-ram-role\"\nmetadata_address = \"127.0.0.1:\($0.emulator.metadataPort)\""
    }
    expect(
      try check(lab), 0,
      [
        "ok       source other: hands out a credential of 'acs:ram::\(Self.account):assumed-role/host/",
        "ok       role uploader: ",
      ])
    lab.draft.sources = "[source.other]\ntype = \"ecs-ram-role\"\nmetadata_address = \"127.0.0.1:1\"\n"
    try lab.writeSettings()
    expect(
      try check(lab), 4,
      [
        "failed   source other: Connect: the metadata service: ",
        "next: look at what listens at 127.0.0.1:1",
        "skipped  role uploader: source other has no credential",
      ])
  }

  @Test func `a server behind a credentials URI is asked with the daemon's certificate`() throws {
    func source(_ lab: Lab, _ more: String) -> String {
      """
      type = "credentials-uri"
      url = "https://127.0.0.1:\(lab.emulator.credentialsURIPort)/credentials"
      ca_file = "\(lab.emulator.authorityPath)"
      \(more)
      """
    }
    let lab = try Lab.withService("[credentials_uri]\n\(Self.host)\npath = \"/credentials\"") { lab in
      let file = lab.emulator.clientCertificatePath
      return source(lab, "certificate = \"\(file)\"\nkey = \"\(file)\"")
    }
    expect(try check(lab), 0, ["ok       source other: hands out a credential of ", "ok       role uploader: "])
    lab.draft.sources = "[source.other]\n" + source(lab, "") + "\n"
    try lab.writeSettings()
    expect(try check(lab), 4, ["failed   source other: ", "'certificate'"])
  }

  @Test func `KMS Agent is asked with its token, and the key's owner is shown`() throws {
    let lab = try Lab.withService("[kms.secrets.keeper]\naccount = \"\(Self.account)\"\nuser = \"keeper\"") {
      """
      type = "kms"
      secret = "keeper"
      token_file = "\($0.emulator.kmsTokenPath)"
      agent_address = "127.0.0.1:\($0.emulator.kmsAgentPort)"
      """
    }
    expect(
      try check(lab), 0,
      [
        "ok       source other: hands out a credential of 'acs:ram::\(Self.account):user/keeper'",
        "ok       role uploader: ",
      ])
  }

  @Test func `a token is read, and what STS says of it is explained`() throws {
    let provider = "acs:ram::\(Self.account):oidc-provider/idp"
    let trust =
      "trust_policy = '{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"sts:AssumeRole\",\"Principal\":{\"Federated\":[\"\(provider)\"]}}]}'"
    let lab = try Lab.withService(
      """
      [accounts.\(Self.account).oidc_providers.idp]
      issuer = "https://idp.example"
      client_ids = ["sts.aliyuncs.com"]
      """, trusts: ["uploader": trust]
    ) { "type = \"oidc\"\nprovider_arn = \"\(provider)\"\ntoken_file = \"\($0.directory.path("token"))\"" }
    let missing = try check(lab)
    #expect([77, 78].contains(missing.status) && missing.output.contains("No such file"), "\(missing)")
    func write(_ parameters: String) throws {
      unlink(lab.directory.path("token"))
      try lab.directory.write(try lab.emulator.ask("POST", "/oidc-token\(parameters)") + "\n", to: "token", mode: 0o644)
    }
    try write("")
    expect(
      try check(lab), 0,
      ["ok       source other: '\(lab.directory.path("token"))' has a token", "ok       role uploader: "])
    try write("?lifetime=-10")
    let late = try check(lab)
    expect(
      late, late.status,
      ["failed   role uploader: AuthenticationFail.OIDCToken.Expired", "look why its file isn't renewed"])
    #expect([4, 77].contains(late.status))
  }
}
