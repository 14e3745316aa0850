import Core
import Settings
import TestSupport
import Testing

/// `[source.NAME]` of every type, and the chains that roles make.
@Suite struct SourceFindingTests {
  /// Roles that sign for one another.
  private static func text(_ sources: String, _ roles: [(name: String, source: String)], floor: String = "20min")
    -> String
  {
    """
    [source.main]
    type = "access-key"
    credential = "access-key"
    \(sources)

    """
      + roles.map {
        """
        [roles.\($0.name)]
        role_arn = "acs:ram::1234567890123456:role/\($0.name)"
        source = "\($0.source)"
        floor = "\(floor)"

        """
      }.joined()
  }

  private func findings(_ text: String) -> [String] { FakeHost().load(text).diagnostics.map(\.sentence) }

  @Test func `a role may be the source of another, to any depth`() throws {
    let text = Self.text(
      """
      [source.base]
      type = "role"
      role = "base"
      [source.middle]
      type = "role"
      role = "middle"
      """, [("leaf", "middle"), ("middle", "base"), ("base", "main")])
    let loaded = FakeHost().load(text)
    #expect(loaded.diagnostics.map(\.description) == [])
    #expect(loaded.settings?.sources.map(\.role) == [nil, RoleName("base"), RoleName("middle")])
  }

  @Test func `a chain that leads back is refused and written out, once`() {
    let text = Self.text(
      """
      [source.a]
      type = "role"
      role = "a"
      [source.b]
      type = "role"
      role = "b"
      [source.c]
      type = "role"
      role = "c"
      """, [("a", "b"), ("b", "c"), ("c", "a")])
    #expect(
      findings(text)
        == [
          "source.a.role is 'a', whose session would be signed by itself: a ← b ← c ← a; give one of these roles another source, such as an AccessKey"
        ].map { "/etc/rolekeeper/rolekeeper.toml:6: \($0)" })
  }

  @Test func `a role that signs for itself is refused`() {
    let text = Self.text("[source.a]\ntype = \"role\"\nrole = \"a\"", [("a", "a")])
    #expect(findings(text).count == 1 && findings(text)[0].contains("a ← a"))
  }

  @Test func `a role that isn't there, keys of another type and a missing one are named with the fix`() {
    func finding(_ source: String) -> [String] { findings(Self.text(source, [("base", "main")])) }
    #expect(
      finding("[source.s]\ntype = \"role\"\nrole = \"bas\"")
        == [
          "/etc/rolekeeper/rolekeeper.toml:6: source.s.role is 'bas', and there is no [roles.bas]; write role = \"base\""
        ])
    #expect(
      finding("[source.s]\ntype = \"role\"\nrole = \"base\"\nfile = \"/etc/key\"")
        == [
          "/etc/rolekeeper/rolekeeper.toml:7: source.s.file is written, and type is 'role'; remove the line, or write type = \"access-key\""
        ])
    #expect(
      finding("[source.s]\ntype = \"role\"")
        == [
          "/etc/rolekeeper/rolekeeper.toml:4: source.s.role is missing, and type is 'role'; set role to the NAME of a [roles.NAME]"
        ])
  }

  /// STS refused it, and the advice was to look at trust policies.
  @Test(arguments: [
    (#""Effect":"Allow","Action":"oss:*","Resource":"*""#, true),
    (#""Effect":"Allow","Action":"sts:AssumeRole","Resource":"acs:ram::1234567890123456:role/other""#, true),
    (#""Effect":"Deny","Action":"sts:*","Resource":"*""#, true),
    (#""Effect":"Allow","Action":"sts:AssumeRole","Resource":"acs:ram:*:1234567890123456:role/leaf""#, false),
    (#""Effect":"Allow","Action":"STS:assume*","Resource":"acs:ram::*:role/LEAF""#, false),
    (
      #""Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"acs:SourceIp":"10.0.0.0/8"}}"#, false
    ),
  ])
  func `a role that signs for others needs a session policy that lets it`(statement: String, isDenied: Bool) throws {
    var host = FakeHost()
    host.files["/etc/rolekeeper/base.json"] = FakeHost.File(
      text: #"{"Version":"1","Statement":[{\#(statement)}]}"#)
    let text =
      Self.text("[source.base]\ntype = \"role\"\nrole = \"base\"", [("leaf", "base"), ("base", "main")])
      + "policy_file = \"base.json\"\n"
    let loaded = host.load(text)
    #expect(loaded.settings != nil)
    #expect(
      loaded.diagnostics.map(\.description)
        == (isDenied
          ? [
            "/etc/rolekeeper/rolekeeper.toml:6: warning: source.base.role is 'base', whose policy_file doesn't let its session assume what it signs for: sts:AssumeRole on 'acs:ram::1234567890123456:role/leaf'; allow sts:AssumeRole on these roles there, or remove policy_file from [roles.base]"
          ] : []))
    let documents = LeastPolicies(try #require(loaded.settings)).documents
    #expect(
      documents.map(\.heading).filter { $0.contains("its session policy ('policy_file') has to allow the same") }.count
        == 1)
  }

  @Test func `a role that signs for others needs a floor that outlasts a request`() {
    let source = "[source.base]\ntype = \"role\"\nrole = \"base\""
    let roles = [("leaf", "base"), ("base", "main")]
    #expect(
      findings(Self.text(source, roles, floor: "10s"))
        == [
          "/etc/rolekeeper/rolekeeper.toml:6: source.base.role is 'base', whose floor 10s is shorter than a request that it signs may take: 30s; write floor = \"30s\" or more in [roles.base]"
        ])
    #expect(findings(Self.text(source, roles, floor: "30s")) == [])
  }

  /// Whether a session may assume a role for longer is documented nowhere, and STS says so only at the first request.
  @Test(
    arguments: [
      ("type = \"role\"\nrole = \"base\"", "duration = \"2h\"", "duration is 2h"),
      ("type = \"role\"\nrole = \"base\"", "max_duration = \"90min\"", "max_duration is 1h30min"),
      ("type = \"ecs-ram-role\"", "duration = \"2h\"\nmax_duration = \"12h\"", "duration is 2h"),
      ("type = \"credentials-uri\"\nurl = \"https://h/c\"", "duration = \"61min\"", "duration is 1h1min"),
      ("type = \"role\"\nrole = \"base\"", "duration = \"1h\"", nil),
      ("type = \"kms\"\nsecret = \"keeper\"", "duration = \"12h\"", nil),
      ("type = \"access-key\"\nfile = \"/etc/key\"", "duration = \"12h\"", nil),
    ] as [(String, String, String?)])
  func `check warns of sessions of more than an hour that a session signs for`(
    source: String, times: String, says: String?
  ) {
    let text = Self.text("[source.s]\n\(source)", [("base", "main"), ("leaf", "s")]) + times + "\n"
    var host = FakeHost()
    host.files["/etc/key"] = FakeHost.File(uid: 998, mode: 0o400)
    host.files[FakeHost.path] = FakeHost.File(text: text)
    let found = SettingsLoader(host: host, check: CheckScope(unit: nil)).load(FakeHost.path).diagnostics
      .filter { $0.severity == .warning }.map(\.sentence).filter { $0.contains("signs with a session") }
    #expect(found.count == (says == nil ? 0 : 1))
    if let says {
      #expect(found.first?.contains("roles.leaf.\(says), and source 's' signs with a session") == true, "\(found)")
    }
    // The daemon itself can't do better than to try.
    let daemons = host.load(text).diagnostics.map(\.sentence)
    #expect(!daemons.contains { $0.contains("signs with a session") }, "\(daemons)")
  }

  // MARK: - Services

  private func load(_ lines: String, _ adjust: (inout FakeHost) -> Void = { _ in }) -> LoadedSettings {
    var host = FakeHost()
    adjust(&host)
    return host.load("[source.s]\n\(lines)\n[roles.x]\nrole_arn = \"acs:ram::1234567890123456:role/x\"\n")
  }

  private func kind(_ lines: String, _ adjust: (inout FakeHost) -> Void = { _ in }) -> SourceSettings.Kind? {
    let loaded = load(lines, adjust)
    #expect(loaded.diagnostics.map(\.description) == [])
    return loaded.settings?.sources.first?.kind
  }

  @Test func `each type of service has its keys and its defaults`() {
    #expect(
      kind("type = \"ecs-ram-role\"")
        == .instanceRole(InstanceRoleSettings(roleName: nil, allowsV1: false, site: "http://100.100.100.200")))
    #expect(
      kind("type = \"ecs-ram-role\"\nrole_name = \"host\"\nallow_imds_v1 = true\nmetadata_address = \"127.0.0.1:81\"")
        == .instanceRole(InstanceRoleSettings(roleName: "host", allowsV1: true, site: "http://127.0.0.1:81")))
    let arn = "acs:ram::1234567890123456:oidc-provider/idp"
    #expect(
      kind("type = \"oidc\"\nprovider_arn = \"\(arn)\"\ntoken_file = \"/run/t\"")
        == .identityToken(IdentityTokenSettings(providerARN: arn, tokenFile: "/run/t")))
    #expect(
      kind("type = \"kms\"\nsecret = \"keeper\"")
        == .kms(KMSSettings(secret: "keeper", tokenFile: "/var/run/kmstoken", site: "http://127.0.0.1:2025")))
    #expect(
      kind("type = \"credentials-uri\"\nsocket = \"/run/c.sock\"\npath = \"/c\"")
        == .credentialsURI(CredentialsURISettings(place: .socket("/run/c.sock", path: "/c"))))
    #expect(
      kind("type = \"credentials-uri\"\nurl = \"https://h:1/c?x=1\"")
        == .credentialsURI(
          CredentialsURISettings(place: .https(url: "https://h:1/c?x=1", caFile: nil, certificate: nil, key: nil))))
  }

  @Test(arguments: [
    ("type = \"oidc\"\nprovider_arn = \"acs:ram::1:oidc-provider/i\"", "token_file is missing, and type is 'oidc'"),
    ("type = \"oidc\"\ntoken_file = \"/run/t\"", "provider_arn is missing, and type is 'oidc'"),
    (
      "type = \"oidc\"\nprovider_arn = \"acs:ram::1:role/i\"\ntoken_file = \"/run/t\"",
      "provider_arn is 'acs:ram::1:role/i'"
    ),
    ("type = \"kms\"", "secret is missing, and type is 'kms'"),
    ("type = \"kms\"\nsecret = \"a b\"", "secret is 'a b'"),
    ("type = \"kms\"\nsecret = \"a\"\nagent_address = \"10.0.0.1:2025\"", "agent_address is '10.0.0.1:2025'"),
    ("type = \"kms\"\nsecret = \"a\"\nagent_address = \"localhost:2025\"", "agent_address is 'localhost:2025'"),
    // inet_aton(3) reads it as octal, 87.0.0.1.
    ("type = \"kms\"\nsecret = \"a\"\nagent_address = \"0127.0.0.1:2025\"", "agent_address is '0127.0.0.1:2025'"),
    ("type = \"ecs-ram-role\"\nmetadata_address = \"100.100.100.201\"", "metadata_address is '100.100.100.201'"),
    ("type = \"ecs-ram-role\"\nrole_name = \"a/b\"", "role_name is 'a/b'"),
    ("type = \"ecs-ram-role\"\nurl = \"https://h/\"", "url is written, and type is 'ecs-ram-role'"),
    ("type = \"credentials-uri\"", "names no server"),
    ("type = \"credentials-uri\"\nurl = \"http://127.0.0.1/c\"", "url isn't of the form https://HOST[:PORT]/PATH"),
    ("type = \"credentials-uri\"\nurl = \"https://u@h/c\"", "url isn't of the form"),
    (
      "type = \"credentials-uri\"\nurl = \"https://h/c\"\ncertificate = \"/c.pem\"",
      "certificate is written without key"
    ),
    ("type = \"credentials-uri\"\nurl = \"https://h/c\"\nkey = \"/c.key\"", "key is written without certificate"),
    ("type = \"credentials-uri\"\nurl = \"https://h/c\"\nsocket = \"/s\"", "socket is set together with url"),
    ("type = \"credentials-uri\"\nsocket = \"/s\"", "path is missing, and socket is written"),
    ("type = \"credentials-uri\"\nsocket = \"/s\"\npath = \"c\"", "path is 'c'"),
  ])
  func `what is missing, wrong or of another type is refused`(lines: String, words: String) {
    let loaded = load(lines)
    #expect(loaded.settings == nil)
    #expect(loaded.diagnostics.contains { $0.sentence.contains(words) }, "\(loaded.diagnostics.map(\.sentence))")
  }

  /// "… is missing …; set … or remove the line", where there is no such line, or the next check asks for it.
  @Test(arguments: [
    ("type = \"oidc\"", "set provider_arn to acs:ram::ACCOUNT:oidc-provider/NAME"),
    ("type = \"oidc\"", "set token_file to a path, relative to this file or absolute"),
    (
      "type = \"oidc\"\nprovider_arn = \"x\"\ntoken_file = \"/t\"",
      "set provider_arn to acs:ram::ACCOUNT:oidc-provider/NAME"
    ),
    ("type = \"kms\"", "set secret to 1 to 64 of A-Z a-z 0-9 / _ + = . @ -"),
    ("type = \"kms\"\nsecret = \"a b\"", "set secret to 1 to 64 of A-Z a-z 0-9 / _ + = . @ -"),
    (
      "type = \"credentials-uri\"\nurl = \"https://h/c\"\ncertificate = \"/c.pem\"",
      "set key to a path, relative to this file or absolute, or remove certificate"
    ),
    ("type = \"credentials-uri\"\nsocket = \"/s\"", "set path to a path that begins with /"),
    ("type = \"credentials-uri\"\nurl = \"h\"", "set url to https://HOST[:PORT]/PATH"),
    ("type = \"role\"\nrole = \"a b\"", "set role to the NAME of a [roles.NAME]"),
  ])
  func `what a type requires can't be removed`(lines: String, remedy: String) {
    let remedies = load(lines).diagnostics.map(\.remedy)
    #expect(remedies.contains(remedy), "\(remedies)")
  }

  @Test func `a token file that others may write to, and a key that they may read, are refused`() {
    let oidc = "type = \"oidc\"\nprovider_arn = \"acs:ram::1:oidc-provider/i\"\ntoken_file = \"/run/t\""
    let writable = load(oidc) { $0.files["/run/t"] = FakeHost.File(mode: 0o666) }
    #expect(writable.diagnostics.contains { $0.sentence.contains("may write to it") }, "\(writable.diagnostics)")
    let uri = "type = \"credentials-uri\"\nurl = \"https://h/c\"\ncertificate = \"/c.pem\"\nkey = \"/c.key\""
    let readable = load(uri) {
      $0.files["/c.pem"] = FakeHost.File()
      $0.files["/c.key"] = FakeHost.File(uid: 998, mode: 0o644)
    }
    #expect(readable.diagnostics.contains { $0.sentence.contains("its mode is 0644") }, "\(readable.diagnostics)")
  }

  /// Whoever may write to the socket's directory can put a socket there, and decide who signs.
  @Test func `a server's socket in a directory that others may write to is refused, also behind a link`() {
    let uri = "type = \"credentials-uri\"\nsocket = \"/run/broker/c.sock\"\npath = \"/c\""
    for (mode, uid) in [(0o1777, 0), (0o775, 0), (0o755, 1002)] as [(UInt32, UInt32)] {
      let loose = load(uri) { $0.directories["/run/broker"] = FakeHost.File(uid: uid, gid: 1002, mode: mode) }
      #expect(loose.settings == nil)
      #expect(
        loose.diagnostics.contains {
          $0.sentence.hasPrefix("/run/broker: ") && $0.sentence.contains("may write to it")
        },
        "\(loose.diagnostics)")
    }
    for uid in [0, 998] as [UInt32] {
      #expect(load(uri) { $0.directories["/run/broker"] = FakeHost.File(uid: uid, mode: 0o755) }.settings != nil)
    }
    #expect(load(uri) { $0.missingDirectories.insert("/run/broker") }.settings != nil, "it may be made later")
    let linked = load(uri) {
      $0.links["/run/broker/c.sock"] = "/srv/loose/c.sock"
      $0.directories["/srv/loose"] = FakeHost.File(mode: 0o777)
    }
    #expect(linked.diagnostics.contains { $0.sentence.hasPrefix("/srv/loose: ") }, "\(linked.diagnostics)")
  }

  /// Both were accepted, and not sent.
  @Test func `a role assumed with an identity token can't have an external id or a source identity`() {
    let oidc = """
      [source.token]
      type = "oidc"
      provider_arn = "acs:ram::1:oidc-provider/i"
      token_file = "/run/t"
      [source.base]
      type = "role"
      role = "base"
      [roles.base]
      role_arn = "acs:ram::1234567890123456:role/base"
      source = "token"
      floor = "20min"

      """
    let lines = "external_id = \"2f9c1e\"\nsession_per = \"user\"\nsource_identity = true\n"
    let direct = FakeHost().load(oidc + lines).diagnostics.filter { $0.severity == .error }.map(\.description)
    #expect(direct.count == 2, "\(direct)")
    for (line, key) in [(12, "external_id"), (14, "source_identity")] {
      #expect(
        direct.contains { $0.hasPrefix("\(FakeHost.path):\(line): roles.base.\(key) can't be sent: source 'token'") },
        "\(direct)")
    }
    let chained = FakeHost().load(
      oidc + "[roles.leaf]\nrole_arn = \"acs:ram::1234567890123456:role/leaf\"\nsource = \"base\"\n" + lines)
    #expect(!chained.diagnostics.contains { $0.severity == .error }, "\(chained.diagnostics.map(\.description))")
    let off = FakeHost().load(oidc + "session_per = \"user\"\nsource_identity = false\n")
    #expect(!off.diagnostics.contains { $0.severity == .error }, "\(off.diagnostics.map(\.description))")
  }

  /// The directory was looked at only if the file was there; whoever may write to it may put one there.
  @Test func `the directory of a token file is checked before the file is there`() {
    let oidc = "type = \"oidc\"\nprovider_arn = \"acs:ram::1:oidc-provider/i\"\ntoken_file = \"/run/token/t\""
    let loose = load(oidc) { $0.directories["/run/token"] = FakeHost.File(mode: 0o777) }
    #expect(loose.diagnostics.contains { $0.sentence.contains("may write to it") }, "\(loose.diagnostics)")
    let absent = load(oidc) { $0.missingDirectories.insert("/run/token") }
    #expect(absent.settings != nil, "\(absent.diagnostics)")
  }
}
