import Testing

@testable import Settings

/// What the way to STS may look like: fallback endpoints and a proxy.
@Suite struct STSFindingTests {
  static let passwordFile = FakeHost.File(text: "hunter2", uid: 998, mode: 0o400)

  /// The remedy was the same number in quotes.
  @Test(arguments: [
    ("requests_per_second = 1e400", "write requests_per_second = 10000 or remove the line to use 2"),
    ("burst = 99999999999999999999", "write burst = 10000 or remove the line to use 20"),
    ("burst = -99999999999999999999", "write burst = 1 or remove the line to use 20"),
    ("timeout = 99999999999999999999", #"write timeout = "1min" or remove the line to use 10s"#),
  ])
  func `for a number that exceeds all types, an allowed one is proposed`(_ line: String, _ remedy: String) throws {
    let found = FakeHost().load(soundSettings + "[sts]\n\(line)\n").diagnostics.map(\.description)
    #expect(
      found.count == 1 && found[0].contains(":10: this is not TOML") && found[0].hasSuffix("; \(remedy)"), "\(found)")
  }

  @Test func `fallback endpoints and a proxy are read as they are written`() throws {
    var host = FakeHost()
    host.files["/etc/rolekeeper/proxy-password"] = Self.passwordFile
    let loaded = host.load(
      soundSettings + """
        [sts]
        endpoint = "sts.cn-hangzhou.aliyuncs.com"
        fallback_endpoints = ["sts-vpc.cn-hangzhou.aliyuncs.com", "sts.aliyuncs.com:8443"]
        timeout = "5s"
        proxy = "http://CORP\\\\keeper@proxy.example:3128/"
        proxy_password_file = "proxy-password"
        """)
    #expect(loaded.diagnostics.map(\.description) == [])
    let sts = try #require(loaded.settings?.sts)
    #expect(
      sts.endpoints.map(\.description) == [
        "sts.cn-hangzhou.aliyuncs.com", "sts-vpc.cn-hangzhou.aliyuncs.com", "sts.aliyuncs.com:8443",
      ])
    // Each has 7 s for looking up its name, with the resolver's defaults, and 3 s to connect.
    #expect(sts.lookupTimeout == .seconds(7) && sts.wholeTimeout == .seconds(30))
    #expect(sts.proxy?.address.url == "http://proxy.example:3128")
    #expect(sts.proxy?.address.user == "CORP\\keeper")
    #expect(sts.proxy?.passwordFile == "/etc/rolekeeper/proxy-password")
  }

  private static let passed = "/run/credentials/rolekeeper.service/proxy-password"

  private static func loadPassed(_ host: FakeHost, check: CheckScope? = nil) -> [String] {
    var host = host
    host.directories["/run/credentials/rolekeeper.service"] = FakeHost.File(mode: 0o550)
    host.files[FakeHost.path] = FakeHost.File(
      text: soundSettings + "[sts]\nproxy = \"http://keeper@h:1\"\nproxy_password_file = \"\(passed)\"\n")
    return SettingsLoader(host: host, check: check).load(FakeHost.path).diagnostics.map {
      $0.description.replacing(FakeHost.path, with: "")
    }
  }

  /// Systemd 257's was refused, with advice to change its mode.
  @Test(arguments: [(998, 0o400), (0, 0o440), (0, 0o400)])
  func `a password that systemd passes is taken as each of its releases passes it`(_ uid: UInt32, _ mode: UInt32) {
    var host = FakeHost()
    host.files[Self.passed] = FakeHost.File(text: "hunter2", uid: uid, mode: mode)
    for directory in [host.credentialsDirectory, nil] {
      host.credentialsDirectory = directory
      #expect(Self.loadPassed(host).filter { $0.contains("proxy_password") || $0.contains("/run/credentials/") } == [])
    }
  }

  @Test(arguments: [(0, 0o444), (0, 0o460), (1001, 0o440)])
  func `one that others may read is refused, and no mode is to be changed there`(_ uid: UInt32, _ mode: UInt32) throws {
    var host = FakeHost()
    host.files[Self.passed] = FakeHost.File(text: "hunter2", uid: uid, mode: mode)
    let found = Self.loadPassed(host)
    #expect(
      found.count == 1 && found[0].hasPrefix("\(Self.passed): others than the daemon's user may read"), "\(found)")
    #expect(!found[0].contains("chmod") && !found[0].contains("chown") && found[0].contains("LoadCredential="))
  }

  @Test
  func `one that isn't passed is reported with the lines for the unit, and by check where the unit doesn't pass it`()
    throws
  {
    let fix =
      "put the proxy's password into /etc/rolekeeper/proxy-password, with mode 0400, and run: sudo systemctl edit rolekeeper, with the "
      + "lines [Service] and LoadCredential=proxy-password:/etc/rolekeeper/proxy-password; then run: sudo rolekeeper check && sudo "
      + "systemctl restart rolekeeper"
    let missing = ":11: sts.proxy_password_file is '\(Self.passed)', which systemd didn't pass; \(fix)"
    #expect(Self.loadPassed(FakeHost()) == [missing])
    var host = FakeHost()
    host.credentialsDirectory = nil
    func check(_ unit: String) -> [String] {
      var host = host
      host.files["/usr/lib/systemd/system/rolekeeper.service"] = FakeHost.File(
        text: "[Service]\nExecStart=/usr/sbin/rolekeeperd\nUser=rolekeeper\n\(unit)\n")
      return Self.loadPassed(host, check: CheckScope(unit: InstalledUnit(on: host), trials: StartTrials()))
        .filter { $0.contains("proxy_password") }
    }
    #expect(check("") == [missing])
    let passing = check("LoadCredential=proxy-password:/etc/rolekeeper/proxy-password")
    #expect(passing.count == 1 && passing[0].contains("note: sts.proxy_password_file is not checked"), "\(passing)")
  }

  @Test(arguments: [
    ("/run/credentials/a.service/x", true), ("/run/credentials/x", false), ("/run/credentials/a.service/x/y", false),
    ("/run/credentials/../x/y", false), ("/run/credentials/a//", false), ("/own/x", true), ("/own/x/y", false),
    ("/etc/x", false),
  ])
  func `only files right in a service's directory are systemd's`(_ path: String, _ isThere: Bool) {
    #expect(CredentialsDirectory.holds(path, own: "/own") == isThere)
  }

  @Test func `without a word there is neither`() throws {
    let sts = try #require(FakeHost().load(soundSettings).settings?.sts)
    #expect(sts.endpoints.count == 1 && sts.proxy == nil && sts.wholeTimeout == .seconds(10))
  }

  @Test(arguments: [
    Finding(
      "one text", "[sts]\nfallback_endpoints = \"a.example\"",
      #":10: sts.fallback_endpoints is a string, expected a list of strings; write fallback_endpoints = ["a.example"] or remove the line to use []"#
    ),
    Finding(
      "URLs, each on its line", "[sts]\nfallback_endpoints = [\n\"https://a.example/\",\n\"http://b.example\", 7 ]",
      #":11: sts.fallback_endpoints has 'https://a.example/', expected host or host:port; write fallback_endpoints = ["a.example"] or remove the line to use []"#,
      #":12: sts.fallback_endpoints has a whole number, expected host or host:port each; set fallback_endpoints to a list of host or host:port each, or remove the line to use []"#,
      #":12: sts.fallback_endpoints has 'http://b.example', and STS is called over TLS only; write fallback_endpoints = ["b.example"] or remove the line to use []"#
    ),
    Finding(
      "twice", "[sts]\nendpoint = \"a.example\"\nfallback_endpoints = [\"b.example\", \"a.example\", \"b.example\"]",
      ":11: sts.fallback_endpoints has 'a.example', which is already tried before it; remove it, or write another region's endpoint",
      ":11: sts.fallback_endpoints has 'b.example', which is already tried before it; remove it, or write another region's endpoint"
    ),
    Finding(
      "too many", "[sts]\nfallback_endpoints = [\"a\", \"b\", \"c\", \"d\", \"e\"]",
      ":10: sts.fallback_endpoints has 5, allowed are 4; remove the others"),
    Finding(
      "another kind of proxy", "[sts]\nproxy = \"socks5://h:1\"",
      #":10: sts.proxy isn't an http:// proxy, the only supported kind; set proxy to http://HOST:PORT or http://USER@HOST:PORT, or remove the line"#
    ),
    Finding(
      "no port", "[sts]\nproxy = \"http://proxy.example\"",
      #":10: sts.proxy names no port; set proxy to http://HOST:PORT or http://USER@HOST:PORT, or remove the line"#),
    Finding(
      "no place", "[sts]\nproxy = \"http://pro xy:1\"",
      #":10: sts.proxy is no proxy; set proxy to http://HOST:PORT or http://USER@HOST:PORT, or remove the line"#
    ),
    Finding(
      "an odd user", "[sts]\nproxy = \"http://a b@h:1\"",
      #":10: sts.proxy has ' ' in its user; write it percent-encoded, as %20"#),
    Finding(
      "an address as a user", "[sts]\nproxy = \"http://alice@corp@h:1\"",
      #":10: sts.proxy has '@' in its user; write it percent-encoded, as %40"#),
    Finding(
      "a user in another script", "[sts]\nproxy = \"http://ålice@h:1\"",
      #":10: sts.proxy has 'å' in its user; write it percent-encoded, as %C3%A5"#),
    Finding(
      "half an escape", "[sts]\nproxy = \"http://alice%4@h:1\"",
      #":10: sts.proxy has '%4' in its user, which is no percent-encoded byte; write two hexadecimal digits behind each %, and % itself as %25"#
    ),
    Finding(
      "a per cent sign", "[sts]\nproxy = \"http://100%sure@h:1\"",
      #":10: sts.proxy has '%su' in its user, which is no percent-encoded byte; write two hexadecimal digits behind each %, and % itself as %25"#
    ),
    Finding(
      "a signed escape", "[sts]\nproxy = \"http://a%+4@h:1\"",
      #":10: sts.proxy has '%+4' in its user, which is no percent-encoded byte; write two hexadecimal digits behind each %, and % itself as %25"#
    ),
    Finding(
      "an escaped colon", "[sts]\nproxy = \"http://a%3Ab@h:1\"",
      #":10: sts.proxy has a user that decodes to one with a colon, which no proxy's user can have; write another user"#
    ),
    Finding(
      "an escaped line break", "[sts]\nproxy = \"http://a%0D%0Ab@h:1\"",
      #":10: sts.proxy has a user that decodes to one with a control character; write another user"#),
    Finding(
      "bytes that are no text", "[sts]\nproxy = \"http://a%FFb@h:1\"",
      #":10: sts.proxy has a user that decodes to bytes that aren't UTF-8; write another user"#),
    Finding(
      "an empty user", "[sts]\nproxy = \"http://@h:1\"",
      #":10: sts.proxy has a user of 0 bytes, allowed are 1 to 64; write a shorter user, or the proxy without one"#),
    Finding(
      "a user alone", "[sts]\nproxy = \"http://keeper@h:1\"",
      #":10: sts.proxy names user 'keeper' without a password; write proxy_password_file = "/etc/rolekeeper/proxy-password", or the proxy without a user"#
    ),
    Finding(
      "a password alone", "[sts]\nproxy_password_file = \"p\"",
      #":10: sts.proxy_password_file is set without a proxy; write proxy = "http://USER@HOST:PORT" or remove the line"#
    ),
    Finding(
      "a password for nobody", "[sts]\nproxy = \"http://h:1\"\nproxy_password_file = \"/etc/rolekeeper/gone.csv\"",
      #":11: sts.proxy_password_file is set, but the proxy has no user; write proxy = "http://USER@HOST:PORT" or remove the line"#,
      ":11: sts.proxy_password_file is '/etc/rolekeeper/gone.csv', which can't be seen: there is no such file; put the proxy's password there, or correct the path; until then a start fails, and systemd tries again every second"
    ),
    Finding(
      "a password as a setting", "[sts]\nproxy_password = \"hunter2\"",
      ":10: sts.proxy_password is not a setting; did you mean proxy_password_file?"
    ),
  ])
  func `an error is reported with its line and what to write`(_ finding: Finding) { finding.check() }

  @Test(arguments: [
    ("alice%40corp", "alice@corp"), ("%c3%a5sa", "åsa"), ("100%25", "100%"), ("a%20b", "a b"),
    ("CORP%5Ckeeper", "CORP\\keeper"),
    ("a+b", "a+b"), ("a~!$&'()*,;=b", "a~!$&'()*,;=b"),
  ])
  func `a proxy's user is decoded`(_ text: String, _ user: String) throws {
    var host = FakeHost()
    host.files["/etc/rolekeeper/proxy-password"] = Self.passwordFile
    let loaded = host.load(
      soundSettings + "[sts]\nproxy = \"http://\(text)@h:1\"\nproxy_password_file = \"proxy-password\"")
    #expect(loaded.diagnostics.map(\.description) == [])
    #expect(loaded.settings?.sts.proxy?.address.user == user)
  }

  @Test func `a password in the URL is refused, and not repeated`() {
    let loaded = FakeHost().load(soundSettings + "[sts]\nproxy = \"http://keeper:hunter2@h:1\"")
    #expect(
      loaded.diagnostics.map(\.description) == [
        #"/etc/rolekeeper/rolekeeper.toml:10: sts.proxy has a password in it, where everybody can read it; write proxy = "http://USER@HOST:PORT", the password into a file of mode 0400, and proxy_password_file = "/etc/rolekeeper/proxy-password""#
      ])
  }

  @Test func `a password's file must be readable by the daemon alone`() {
    let lines = "[sts]\nproxy = \"http://keeper@h:1\"\nproxy_password_file = \"/etc/rolekeeper/proxy-password\""
    func check(_ file: FakeHost.File, _ sentences: String...) {
      var host = FakeHost()
      host.files["/etc/rolekeeper/proxy-password"] = file
      #expect(host.load(soundSettings + lines).diagnostics.map(\.description) == sentences)
    }
    check(Self.passwordFile)
    check(
      FakeHost.File(uid: 998, mode: 0o440),
      "/etc/rolekeeper/proxy-password: others than its owner may read the proxy's password: its mode is 0440; run: sudo chmod 0400 /etc/rolekeeper/proxy-password; have the password changed if others had access"
    )
    check(
      FakeHost.File(uid: 998, mode: 0o602),
      "/etc/rolekeeper/proxy-password: everybody may write to it (mode 0602); run: sudo chmod 0400 /etc/rolekeeper/proxy-password; have the password changed if others had access"
    )
  }

  @Test func `the time for all endpoints is counted when a role's outage is checked`() {
    let lines = "[sts]\ntimeout = \"1min\"\nfallback_endpoints = [\"a\", \"b\", \"c\", \"d\"]"
    let sentence = FakeHost().load(soundSettings + lines).diagnostics.map(\.description)
    // 75 s, and the time by which five requests of 60 s exceed the 10 s in it; looking up names and connecting takes
    // less.
    #expect(
      sentence.count == 1 && sentence[0].contains("survive_outage 20min and 6min5s for retries are needed"),
      "\(sentence)")
    #expect(FakeHost().load(soundSettings + "[sts]\ntimeout = \"1min\"").diagnostics.count == 0)
  }
}
