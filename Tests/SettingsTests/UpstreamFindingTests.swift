import Core
import Settings
import Testing

/// Sources of type `upstream`, and what their roles may have.
@Suite struct UpstreamFindingTests {
  private static let tier = """
    [source.tier]
    type = "upstream"
    urls = ["https://tier1.example", "https://tier2.example:8443/"]
    certificate = "/etc/rolekeeper/host.pem"
    key = "/etc/rolekeeper/host.key"

    """
  private static let main = "[source.main]\ntype = \"access-key\"\ncredential = \"access-key\"\n"
  private static let arn = "role_arn = \"acs:ram::1234567890123456:role/x\"\n"

  private func load(_ text: String) -> LoadedSettings {
    var host = FakeHost()
    host.files["/etc/rolekeeper/host.pem"] = FakeHost.File()
    host.files["/etc/rolekeeper/host.key"] = FakeHost.File(uid: 998, mode: 0o400)
    return host.load(text)
  }

  private func findings(_ text: String) -> [String] {
    load(text).diagnostics.map { $0.description.replacing(FakeHost.path, with: "") }
  }

  @Test func `a role of a tier needs a name and nothing else`() throws {
    let loaded = load(Self.tier + "[roles.x]\n")
    #expect(loaded.diagnostics.map(\.description) == [])
    let settings = try #require(loaded.settings)
    #expect(
      settings.sources.first?.upstream
        == UpstreamSettings(
          urls: ["https://tier1.example", "https://tier2.example:8443"], caFile: nil,
          certificate: "/etc/rolekeeper/host.pem", key: "/etc/rolekeeper/host.key"))
    let role = try #require(settings.roles.first)
    #expect(role.arn == nil && role.tier == TierRole() && role.source == "tier")
    #expect(role.timing.pool == 1 && role.timing.floor == .minutes(20) && role.timing.lapseMargin == .seconds(15))
  }

  /// They weren't read by `check`.
  @Test(arguments: ["upstream", "credentials-uri"])
  func `check tries the certificate with its key, and the daemon starts with any`(type: String) {
    let lines =
      type == "upstream"
      ? Self.tier
      : Self.tier.replacing("\"upstream\"", with: "\"credentials-uri\"")
        .replacing("urls = [\"https://tier1.example\", \"https://tier2.example:8443/\"]", with: "url = \"https://x/y\"")
    var host = FakeHost()
    host.files["/etc/rolekeeper/host.pem"] = FakeHost.File()
    host.files["/etc/rolekeeper/host.key"] = FakeHost.File(uid: 998, mode: 0o400)
    host.files[FakeHost.path] = FakeHost.File(text: lines)
    var tried: [String] = []
    var trials = StartTrials()
    trials.identity = { certificate, key in
      tried.append("\(certificate) \(key)")
      return StartTrials.Finding(.error, "can't be used: they differ", "change one")
    }
    let loaded = SettingsLoader(host: host, check: CheckScope(unit: nil, trials: trials)).load(FakeHost.path)
    #expect(tried == ["/etc/rolekeeper/host.pem /etc/rolekeeper/host.key"])
    #expect(
      loaded.diagnostics.map(\.description).contains(
        "\(FakeHost.path):4: warning: source.tier.certificate can't be used: they differ; change one; the daemon starts without it, and takes it up once it can be used"
      ), "\(loaded.diagnostics)")
    // Of a key that others may read, that is said.
    host.files["/etc/rolekeeper/host.key"] = FakeHost.File(uid: 998, mode: 0o444)
    _ = SettingsLoader(host: host, check: CheckScope(unit: nil, trials: trials)).load(FakeHost.path)
    #expect(tried.count == 1)
    #expect(!load(lines).diagnostics.contains { $0.severity == .error })
  }

  /// It ended the start, though the daemon goes on without the key.
  @Test(arguments: [false, true])
  func `a key that others may read is a warning, and one that they may write to an error`(isCheck: Bool) {
    func found(uid: UInt32 = 998, mode: UInt32) -> [String] {
      var host = FakeHost()
      host.files["/etc/rolekeeper/host.pem"] = FakeHost.File()
      host.files["/etc/rolekeeper/host.key"] = FakeHost.File(uid: uid, mode: mode)
      host.files[FakeHost.path] = FakeHost.File(text: Self.tier + "[roles.x]\nallow = { users = [\"root\"] }\n")
      return SettingsLoader(host: host, check: isCheck ? CheckScope(unit: nil) : nil).load(FakeHost.path).diagnostics
        .map(\.description)
    }
    #expect(
      found(mode: 0o644) == [
        "/etc/rolekeeper/host.key: warning: others than its owner may read the key of the certificate: its mode is 0644; run: sudo chmod 0400 /etc/rolekeeper/host.key; have a new certificate made if others had access; the daemon starts without it, and takes it up once it can be used"
      ])
    for mode in [0o602, 0o666] as [UInt32] {
      let errors = found(mode: mode)
      #expect(errors.count == 1 && !errors[0].contains("warning") && errors[0].contains("may write to it"), "\(errors)")
    }
  }

  /// Its ARN was said to be missing, which a role of a tier has none of.
  @Test func `of a role whose source isn't known, its ARN isn't said to be missing`() {
    #expect(
      findings(Self.tier + "[roles.x]\nsource = \"teir\"\n") == [
        ":7: roles.x.source is 'teir', and there is no [source.teir]; write source = \"tier\" or remove the line"
      ])
    let none = findings("[roles.x]\nsource = \"tier\"\n")
    #expect(none.count == 2 && none[0].hasPrefix(": source is missing"), "\(none)")
    #expect(none.last?.contains("there is no [source.tier]") == true, "\(none)")
    let mistyped = findings(Self.tier.replacing("upstream", with: "upstraem") + "[roles.x]\n")
    #expect(mistyped.count == 1 && mistyped[0].contains("write type = \"upstream\""), "\(mistyped)")
    let two = findings(Self.main + Self.tier + "[roles.x]\n")
    #expect(two.count == 1 && two[0].contains("there are 2 sources"), "\(two)")
    #expect(findings(Self.main + "[roles.x]\n").contains { $0.contains("role_arn is missing") })
  }

  /// With `source` copied from a host that signs itself.
  @Test func `a role without an ARN may be one of the tier that the settings have`() {
    #expect(
      findings(Self.main + Self.tier + "[roles.x]\nsource = \"main\"\n") == [
        ":9: roles.x.role_arn is missing; set role_arn to acs:ram::ACCOUNT:role/NAME, or write source = \"tier\" if the role comes from a tier"
      ])
    let direct = findings(Self.main + Self.tier + "fallback = \"direct\"\n[roles.x]\nsource = \"main\"\n")
    #expect(direct.count == 1 && direct[0].hasSuffix("set role_arn to acs:ram::ACCOUNT:role/NAME"), "\(direct)")
  }

  /// The sources are in the main file, which can't be read.
  @Test func `of a role whose source can't be looked up, its ARN isn't said to be missing`() {
    var host = FakeHost()
    host.files[FakeHost.path] = FakeHost.File(isReadable: false)
    let found = host.load("", rolesD: ["a.toml": "[roles.x]\nsource = \"tier\"\n"]).diagnostics.map(\.description)
    #expect(found.count == 1 && found[0].contains("the settings can't be read"), "\(found)")
  }

  @Test(arguments: [
    ("http://tier1.example", "https://tier1.example"), ("tier1.example", "https://tier1.example"),
    ("https://tier1.example/v1/bundle", "https://tier1.example"),
    ("http://tier1.example:8443/?x=1", "https://tier1.example:8443"),
    ("https://tier1.example.", "https://tier1.example"),
    ("https://tier1.example:", "https://tier1.example"), ("https://tier1.example ", "https://tier1.example"),
  ])
  func `a URL that can't be used is shown as it has to be`(written: String, meant: String) {
    #expect(
      findings(Self.tier.replacing("https://tier1.example", with: written) + "[roles.x]\n") == [
        ":3: source.tier.urls has '\(written)', expected https://HOST[:PORT]; write \"\(meant)\": the daemon asks for /v1/bundle there, over HTTPS"
      ])
  }

  /// The fix was to remove the line, which is needed, and to write `http://` in a list.
  @Test(arguments: [
    ("\"http://tier1.example/\"", "is a string, expected a list of strings; write urls = [\"https://tier1.example\"]"),
    (
      "\"https://u:hidden@tier1.example\"",
      "is a string, expected a list of strings; write urls = [\"https://tier1.example\"]"
    ),
    ("7", "is a whole number, expected a list of strings; set urls to a list of https://HOST[:PORT]"),
    ("[7]", "has a whole number, expected https://HOST[:PORT]; set urls to a list of https://HOST[:PORT]"),
  ])
  func `urls of another type are answered with a list`(value: String, words: String) {
    let text = Self.tier.replacing("[\"https://tier1.example\", \"https://tier2.example:8443/\"]", with: value)
    #expect(findings(text + "[roles.x]\n") == [":3: source.tier.urls \(words)"])
  }

  /// Only the same text twice was noticed.
  @Test(arguments: [
    ("https://Tier1.example", "has 'https://Tier1.example' besides 'https://tier1.example', which is the same machine"),
    (
      "https://tier1.example:443",
      "has 'https://tier1.example:443' besides 'https://tier1.example', which is the same machine"
    ),
    ("https://tier1.example/", "has 'https://tier1.example' twice"),
  ])
  func `one machine under two URLs is found`(second: String, problem: String) {
    let text = Self.tier.replacing("https://tier2.example:8443/", with: second)
    #expect(findings(text + "[roles.x]\n") == [":3: source.tier.urls \(problem); remove one of them"])
    #expect(
      load(Self.tier.replacing("tier2.example:8443/", with: "tier1.example:8443") + "[roles.x]\n").settings != nil)
  }

  @Test func `a password in a URL isn't shown`() {
    let found = findings(
      Self.tier.replacing("https://tier1.example", with: "https://u:hidden@tier1.example") + "[roles.x]\n")
    #expect(
      found.count == 1 && !found[0].contains("hidden") && found[0].contains("write \"https://tier1.example\""),
      "\(found)")
  }

  @Test func `hosts on a role of a tier are reported once`() {
    let found = findings(Self.tier + "[roles.x]\nallow = { hosts = [\"*.example\"] }\n")
    #expect(found.count == 1 && found[0].contains("have those hosts ask the tier themselves"), "\(found)")
  }

  @Test func `whether every role comes from a tier alone`() throws {
    #expect(try #require(load(Self.tier).settings).needsTiersAlone == false, "there is none")
    #expect(try #require(load(Self.tier + "[roles.x]\n").settings).needsTiersAlone)
    let mixed = Self.main + Self.tier + "[roles.x]\nsource = \"tier\"\n[roles.y]\nsource = \"main\"\n\(Self.arn)"
    #expect(try #require(load(mixed).settings).needsTiersAlone == false)
    let direct = Self.main + Self.tier + "fallback = \"direct\"\n[roles.x]\nsource = \"tier\"\n\(Self.arn)"
    #expect(try #require(load(direct).settings).needsTiersAlone == false)
  }

  /// A reload was refused, since the role no longer had 'duration', 'source' and 'pool', which were never written.
  @Test func `a role that moves from a tier to an AccessKey, or back, has lost nothing`() throws {
    let ofTier = try #require(load(Self.tier + "[roles.x]\n").settings)
    let ofKey = try #require(load(Self.main + "[roles.x]\n\(Self.arn)").settings)
    for (new, old) in [(ofKey, ofTier), (ofTier, ofKey)] {
      let difference = new.difference(from: old)
      let texts = (difference.losses + difference.warnings).map(\.problem)
      #expect(texts.filter { $0.contains("no longer has '") } == [])
    }
  }

  @Test func `floor, survive_outage, lapse_margin, files, units and readers are the host's`() throws {
    let loaded = load(
      Self.tier + """
        [roles.x]
        floor = "0s"
        survive_outage = "5min"
        lapse_margin = "5s"
        required = true
        refresh_units = ["app.service"]
        allow = { users = ["root"] }
        files = [{ path = "c.json" }]
        """)
    let role = try #require(loaded.settings?.roles.first, "\(loaded.diagnostics)")
    #expect(role.timing.floor == .zero && role.timing.surviveOutage == .minutes(5) && role.outputs.count == 1)
    #expect(role.isRequired && role.timing.lapseMargin == .seconds(5) && role.refreshUnits.count == 1)
  }

  /// What a host with direct roles writes would silently mean nothing.
  @Test(arguments: [
    (arn, "role_arn"), ("duration = \"1h\"\n", "duration"), ("max_duration = \"1h\"\n", "max_duration"),
    ("session_name = \"{role}\"\n", "session_name"), ("external_id = \"x1\"\n", "external_id"),
    ("pool = 1\n", "pool"), ("refresh_after = \"30min\"\n", "refresh_after"),
    ("policy_file = \"x.json\"\n", "policy_file"),
  ])
  func `what the tier decides about is refused with its line`(line: String, key: String) {
    let ofTier = ["max_duration", "pool", "refresh_after"].contains(key)
    let all = findings(Self.tier + "[roles.x]\n" + line)
    #expect(
      all.contains(
        ":7: roles.x.\(key) is written, and source 'tier' is a tier, which decides about it; remove the line"
          + (ofTier ? "" : ", or write fallback = \"direct\" in [source.tier]")), "\(all)")
  }

  @Test(arguments: [
    ("session_per = \"user\"\n", "session_per"),
    ("scopes = { task = { policy_file = \"t.json\" } }\n", "scopes"), ("idle = \"1h\"\n", "idle"),
  ])
  func `sessions of users and scopes can't be had from a tier`(line: String, key: String) {
    let all = findings(Self.tier + "[roles.x]\n" + line)
    #expect(
      all.contains(
        ":7: roles.x.\(key) is written, and source 'tier' is a tier, whose sessions are the same for all users and tasks; remove it, or give the role a source that signs"
      ), "\(all)")
  }

  @Test func `with a fallback, a role needs what a request to STS needs`() throws {
    let tier = Self.main + Self.tier + "fallback = \"direct\"\n"
    #expect(
      findings(tier + "[roles.x]\nsource = \"tier\"\n")
        == [
          ":10: roles.x.role_arn is missing, and [source.tier] has fallback = \"direct\"; set role_arn to acs:ram::ACCOUNT:role/NAME"
        ])
    let loaded = load(
      tier
        + "[roles.x]\nsource = \"tier\"\nfloor = \"10min\"\n\(Self.arn)duration = \"30min\"\nsession_name = \"{host}-{role}\"\nexternal_id = \"x1\"\n"
    )
    #expect(loaded.diagnostics.map(\.description) == [])
    let settings = try #require(loaded.settings)
    #expect(settings.sources.last?.upstream?.fallback == .init(source: "main", requestsPerSecond: 0.2))
    #expect(settings.roles.first?.tier?.fallback == .init(source: "main", duration: .minutes(30)))
    #expect(settings.roles.first?.arn?.description == "acs:ram::1234567890123456:role/x")
    let all = findings(tier + "[roles.x]\nsource = \"tier\"\n\(Self.arn)pool = 2\n")
    #expect(
      all == [":13: roles.x.pool is written, and source 'tier' is a tier, which decides about it; remove the line"])
  }

  /// `fallback = true` was answered with fallback = "none", and the role_arn that a fallback needs was said to be the tier's.
  @Test(arguments: [
    ("\"yes\"", "'yes'"), ("\"Direct\"", "'Direct'"), ("\"\"", "''"), ("true", "true"), ("false", "false"),
    ("1", "a whole number"),
  ])
  func `a fallback of another name is answered with what there is, and what it needs`(value: String, shown: String) {
    func found(_ sources: String) -> [String] {
      findings(sources + "fallback = \(value)\n[roles.x]\nsource = \"tier\"\n" + Self.arn)
    }
    func sentence(line: Int, needs: String) -> String {
      ":\(line): source.tier.fallback is \(shown), allowed are 'none', 'direct'; remove the line to have no fallback, or write fallback = \"direct\", which needs \(needs)role_arn in each role of this source"
    }
    #expect(found(Self.main + Self.tier) == [sentence(line: 9, needs: "")])
    #expect(
      found(Self.tier) == [
        sentence(
          line: 6, needs: "[source.main] with type = \"access-key\" and credential = \"access-key\" and ")
      ])
  }

  @Test(arguments: [
    ("", "fallback = \"direct\"\n", "source.tier.fallback is 'direct', and no source has an AccessKey"),
    (
      main + main.replacing("main", with: "other"), "fallback = \"direct\"\n",
      "source.tier.fallback is 'direct', and there are 2 sources with an AccessKey; write fallback_source = \"main\""
    ),
    (
      main, "fallback = \"direct\"\nfallback_source = \"mian\"\n",
      "source.tier.fallback_source is 'mian', and there is no [source.mian] with an AccessKey; write fallback_source = \"main\" or remove the line"
    ),
    (
      main, "fallback_source = \"main\"\n",
      "source.tier.fallback_source goes with fallback = \"direct\" only; write fallback = \"direct\", or remove the line"
    ),
    (main, "fallback_requests_per_second = 11\n", "fallback_requests_per_second is 11, allowed are 0.01 to 10"),
  ])
  func `a fallback names one AccessKey`(sources: String, lines: String, words: String) {
    let all = findings(sources + Self.tier + lines + "[roles.x]\nsource = \"tier\"\n" + Self.arn)
    #expect(all.contains { $0.contains(words) }, "\(all)")
  }

  @Test(arguments: [
    ("urls = [\"https://tier1.example\"]", "certificate is missing, and type is 'upstream'"),
    ("certificate = \"/c.pem\"\nkey = \"/c.key\"", "urls is missing, and type is 'upstream'"),
    ("urls = []", "urls is empty"),
    ("urls = [\"http://tier1.example\"]", "has 'http://tier1.example', expected https://HOST[:PORT]"),
    ("urls = [\"https://tier1.example/v1\"]", "has 'https://tier1.example/v1', expected https://HOST[:PORT]"),
    ("urls = [\"https://a.example\", \"https://a.example/\"]", "has 'https://a.example' twice; remove one of them"),
    ("url = \"https://a.example/\"", "url is written, and type is 'upstream'"),
  ])
  func `what is missing or wrong is named`(lines: String, words: String) {
    let all = findings("[source.s]\ntype = \"upstream\"\n\(lines)\n[roles.x]\n")
    #expect(all.contains { $0.contains(words) }, "\(all)")
  }

  private static func withFiles(_ path: String) -> String {
    tier.replacing("/etc/rolekeeper/host.pem", with: path) + "ca_file = \"\(path)\"\n[roles.x]\n"
  }

  /// Only of a missing key there was a warning.
  @Test func `a certificate and a CA file that aren't there yet are warnings`() {
    let loaded = load(Self.withFiles("/srv/rolekeeper/x.pem"))
    let rest =
      "is '/srv/rolekeeper/x.pem', which can't be seen: there is no such file; put WHAT there, or correct the path; "
      + "the daemon starts without it, and takes it up when it comes"
    #expect(
      loaded.diagnostics.map { $0.description.replacing(FakeHost.path, with: "") } == [
        ":4: warning: source.tier.certificate \(rest.replacing("WHAT", with: "the certificate"))",
        ":6: warning: source.tier.ca_file \(rest.replacing("WHAT", with: "the authorities' certificates"))",
      ])
    #expect(loaded.settings != nil)
  }

  /// A FIFO there hung the daemon.
  @Test func `a certificate and a CA file that are no regular files are refused`() {
    #expect(
      findings(Self.withFiles("/etc/pipe")) == [
        ":4: source.tier.certificate is '/etc/pipe', which isn't a regular file; write the path of the file with the certificate",
        ":6: source.tier.ca_file is '/etc/pipe', which isn't a regular file; write the path of the file with the authorities' certificates",
      ])
  }

  @Test(arguments: ["upstream", "credentials-uri"])
  func `check tries each of the files, and reports it with its line`(type: String) {
    var host = FakeHost()
    for name in ["ca.pem", "host.pem"] { host.files["/etc/rolekeeper/\(name)"] = FakeHost.File() }
    host.files["/etc/rolekeeper/host.key"] = FakeHost.File(uid: 998, mode: 0o400)
    let places =
      type == "upstream" ? "urls = [\"https://t.example\"]\n" : "url = \"https://t.example/c\"\n"
    let role = type == "upstream" ? "[roles.x]\n" : "[roles.x]\n\(Self.arn)allow = { users = [\"root\"] }\n"
    host.files[FakeHost.path] = FakeHost.File(
      text:
        "[source.s]\ntype = \"\(type)\"\n\(places)ca_file = \"ca.pem\"\ncertificate = \"host.pem\"\nkey = \"host.key\"\n\(role)"
    )
    var trials = StartTrials()
    trials.certificate = { .init(.error, "of '\($0)'", "certificate") }
    trials.certificateKey = { .init(.error, "of '\($0)'", "key") }
    trials.sourceAuthorities = { .init(.error, "of '\($0)'", "authorities") }
    let found = SettingsLoader(host: host, check: CheckScope(unit: nil, trials: trials)).load(FakeHost.path).diagnostics
    let warnings = found.filter { $0.severity == .warning }.map { $0.description.replacing(FakeHost.path, with: "") }
    let start = "the daemon starts without it, and takes it up once it can be used"
    let expected = [
      ":4: warning: source.s.ca_file of '/etc/rolekeeper/ca.pem'; authorities; \(start)",
      ":5: warning: source.s.certificate of '/etc/rolekeeper/host.pem'; certificate; \(start)",
      ":6: warning: source.s.key of '/etc/rolekeeper/host.key'; key; \(start)",
    ]
    #expect(warnings.filter(expected.contains) == expected && !found.contains { $0.severity == .error }, "\(found)")
  }

  /// Otherwise the roles of a host would be lost when its operator moves it to a tier, or adds a fallback while the tier is away.
  @Test func `a role keeps its sessions when it moves to a tier, and when it gets a fallback`() throws {
    let direct = try #require(load(Self.main + "[roles.x]\n" + Self.arn).settings?.roles.first)
    let tier = try #require(load(Self.tier + "[roles.x]\n").settings?.roles.first)
    let both = try #require(
      load(Self.main + Self.tier + "fallback = \"direct\"\n[roles.x]\nsource = \"tier\"\n" + Self.arn).settings?.roles
        .first)
    #expect(tier.keepsSessions(of: direct) && both.keepsSessions(of: tier) && direct.keepsSessions(of: both))
    #expect(tier.difference(from: direct).consequences.contains(.changesRequest))
  }

  @Test func `a tier's roles count nothing in the rate`() throws {
    let many = (0..<40).map { "[roles.r\($0)]\n" }.joined()
    #expect(findings("[sts]\nrequests_per_second = 0.1\n" + Self.tier + many) == [])
  }

  @Test func `an attempt has the time to ask each machine`() throws {
    let one = try #require(load(Self.tier + "[roles.x]\n").settings)
    #expect(one.attemptLimit > one.sts.attemptLimit)
  }

  // MARK: - Floors

  @Test func `a floor that no session could hold is refused, with what could be held`() {
    let line = "floor = \"11h\"\nsurvive_outage = \"1h\"\n"
    #expect(
      findings(Self.tier + "[roles.x]\n" + line) == [
        ":6: roles.x can't hold its floor whatever the tier has: floor 11h + survive_outage 1h + 54s until the next bundle + 1min31s for retries are more than 12h, the longest that a session lives; write floor = \"10h57min\", or survive_outage = \"57min\""
      ])
    #expect(findings(Self.tier + "[roles.x]\nfloor = \"10h57min\"\nsurvive_outage = \"1h\"\n") == [])
    let both = findings(Self.tier + "[roles.x]\nfloor = \"12h\"\nsurvive_outage = \"12h\"\n")
    #expect(
      both.count == 1 && both[0].hasSuffix("remove floor and survive_outage: their defaults can be held"), "\(both)")
  }

  @Test func `a machine more, and longer timeouts, cost a floor their time`() {
    let slow = "[sts]\ntimeout = \"60s\"\n" + Self.tier
    let found = findings(slow + "[roles.x]\nfloor = \"10h57min\"\nsurvive_outage = \"1h\"\n")
    #expect(found.count == 1 && found[0].contains("4min1s for retries"), "\(found)")
  }

  @Test func `a fallback's sessions have to hold the floor, too`() {
    let tier = Self.main + Self.tier + "fallback = \"direct\"\n"
    let role = "[roles.x]\nsource = \"tier\"\n\(Self.arn)duration = \"30min\"\n"
    #expect(
      findings(tier + role) == [
        ":10: roles.x can't hold its floor by its fallback: a session from STS is replaced at half of duration 30min, and then floor 20min + 1min15s for retries + 5s for the request of one role at 0.2 per second are needed; write duration = \"43min\", or floor = \"13min\""
      ])
    #expect(findings(tier + role.replacing("30min", with: "43min")) == [])
    #expect(findings(tier + role + "floor = \"13min\"\n") == [])
  }

  @Test func `a fallback has to be as fast as the roles' outage needs`() {
    let many = (0..<80).map { "[roles.r\($0)]\nsource = \"tier\"\n\(Self.arn)duration = \"12h\"\n" }.joined()
    let tier = Self.main + Self.tier + "fallback = \"direct\"\n"
    #expect(
      findings(tier + many) == [
        ":4: source.tier.fallback_requests_per_second is 0.2, so that the requests of 80 roles take 6min40s, and survive_outage 20min of role 'r0' leaves 5min5s for them; write fallback_requests_per_second = 0.27, or survive_outage = \"26min21s\" or more in the roles"
      ])
    #expect(findings(tier + "fallback_requests_per_second = 0.27\n" + many) == [])
    #expect(findings(tier + many.replacing("\"12h\"\n", with: "\"12h\"\nsurvive_outage = \"26min21s\"\n")) == [])
  }
}
