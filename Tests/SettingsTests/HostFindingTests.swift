import Settings
import Testing

/// Findings about sources, the endpoint, the socket, and files that others may write to.
@Suite struct HostFindingTests {
  @Test(arguments: [
    Finding(
      "a URL", "[sts]\nendpoint = \"https://sts.aliyuncs.com/\"",
      #":10: sts.endpoint is 'https://sts.aliyuncs.com/', expected host or host:port; write endpoint = "sts.aliyuncs.com" or remove the line"#
    ),
    Finding(
      "without TLS", "[sts]\nendpoint = \"http://127.0.0.1:8080/x\"",
      #":10: sts.endpoint is 'http://127.0.0.1:8080/x', and STS is called over TLS only; write endpoint = "127.0.0.1:8080" or remove the line to use "sts.aliyuncs.com""#
    ),
    Finding(
      "no host", "[sts]\nendpoint = \"sts aliyuncs\"",
      #":10: sts.endpoint is 'sts aliyuncs', expected host or host:port; set endpoint to host or host:port, or remove the line to use "sts.aliyuncs.com""#
    ),
    Finding(
      "the root's dot", "[sts]\nendpoint = \"sts.aliyuncs.com.\"",
      #":10: sts.endpoint is 'sts.aliyuncs.com.', and the dot at the end is no part of a host's name in TLS; write endpoint = "sts.aliyuncs.com" or remove the line"#
    ),
    Finding(
      "the root's dot before a port", "[sts]\nfallback_endpoints = [\"sts.aliyuncs.com.:8443\"]",
      #":10: sts.fallback_endpoints has 'sts.aliyuncs.com.:8443', and the dot at the end is no part of a host's name in TLS; write fallback_endpoints = ["sts.aliyuncs.com:8443"] or remove the line to use []"#
    ),
    Finding(
      "certificates", "[sts]\nca_file = \"missing.pem\"",
      ":10: sts.ca_file is '/etc/rolekeeper/missing.pem', which can't be read: there is no such file; correct the path, or remove the line to use the system's certificates; until then a start fails, and systemd tries again every second"
    ),
  ])
  func `an invalid endpoint is reported with a valid one`(_ finding: Finding) { finding.check() }

  /// With such a file, the daemon exited once a second, and the check reported nothing.
  @Test(arguments: ["", "certificates", "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"])
  func `a CA file without a certificate is an error`(_ text: String) {
    var host = FakeHost()
    host.files["/etc/rolekeeper/ca.pem"] = FakeHost.File(text: text)
    Finding(
      "no certificate", "[sts]\nca_file = \"ca.pem\"",
      ":10: sts.ca_file is '/etc/rolekeeper/ca.pem', which holds no certificate in PEM form; put the authorities' certificates there, or remove the line to use the system's certificates; until then a start fails, and systemd tries again every second"
    ).check(on: host)
  }

  @Test(arguments: ["CERTIFICATE", "TRUSTED CERTIFICATE", "X509 CERTIFICATE"])
  func `each of OpenSSL's headings begins a certificate, whatever text comes first`(_ heading: String) {
    var host = FakeHost()
    host.files["/etc/rolekeeper/ca.pem"] = FakeHost.File(text: "# ours\n-----BEGIN \(heading)-----\nAA==\n")
    Finding("", "[sts]\nca_file = \"ca.pem\"").check(on: host)
  }

  @Test func `an invalid socket setting is reported with what to write`() {
    let long = "/run/" + String(repeating: "x", count: 103)
    let text = soundSettings.replacing(
      "group = \"rolekeeper-clients\"", with: "path = \"\(long)\"\nmode = \"0770\"\ngroup = 7.5\nmax_connections = 0")
    expect(
      FakeHost().load(text),
      [
        #"/etc/rolekeeper/rolekeeper.toml:5: socket.path has 108 bytes, allowed are 107; set path to an absolute path of at most 107 bytes, or remove the line to use "/run/rolekeeper/rolekeeper.sock""#,
        #"/etc/rolekeeper/rolekeeper.toml:6: socket.mode is '0770', allowed are reading and writing, by its owner at least; write mode = "0660" or remove the line"#,
        #"/etc/rolekeeper/rolekeeper.toml:7: socket.group has a number with a fraction, expected a group's name or number; set group to a group's name or number, or remove the line to use the daemon's own group"#,
        "/etc/rolekeeper/rolekeeper.toml:8: socket.max_connections is 0, allowed are 1 to 60000; write max_connections = 1 or remove the line to use 1024",
      ])
    expect(
      FakeHost().load(soundSettings.replacing("[socket]", with: "[socket]\npath = \"rolekeeper.sock\"\nmode = 660")),
      [
        #"/etc/rolekeeper/rolekeeper.toml:5: socket.path is 'rolekeeper.sock', expected an absolute path, not '/' alone, without '..' and control characters; set path to an absolute path of at most 107 bytes, or remove the line to use "/run/rolekeeper/rolekeeper.sock""#,
        #"/etc/rolekeeper/rolekeeper.toml:6: socket.mode is a number, expected an octal string; write mode = "0660" or remove the line"#,
      ])
  }

  @Test func `the root directory is accepted neither as socket nor as the directory of files`() {
    let rest = "expected an absolute path, not '/' alone, without '..' and control characters; set"
    expect(
      FakeHost().load(
        soundSettings.replacing("[socket]", with: "[files]\ndirectory = \"//.//\"\n[socket]\npath = \"/\"")),
      [
        #"/etc/rolekeeper/rolekeeper.toml:5: files.directory is '//.//', \#(rest) directory to an absolute path, or remove the line to use "/run/rolekeeper/roles""#,
        #"/etc/rolekeeper/rolekeeper.toml:7: socket.path is '/', \#(rest) path to an absolute path of at most 107 bytes, or remove the line to use "/run/rolekeeper/rolekeeper.sock""#,
      ])
  }

  @Test func `a reader who can't connect to the socket is reported with the fix`() {
    var host = FakeHost()
    host.memberships = [:]
    expect(
      host.load(soundSettings),
      [
        "/etc/rolekeeper/rolekeeper.toml:8: warning: roles.uploader.allow.users names user 'uploader', who can't reach the socket: with mode 0660 only its owner and the group 'rolekeeper-clients' can; run: sudo usermod -aG rolekeeper-clients uploader, which counts from its next login"
      ])
    expect(
      host.load(soundSettings.replacing("[socket]", with: "[socket]\nmode = \"0600\"")),
      [
        #"/etc/rolekeeper/rolekeeper.toml:9: warning: roles.uploader.allow.users names user 'uploader', who can't reach the socket: with mode 0600 only its owner can; write mode = "0660" in [socket] and run: sudo usermod -aG rolekeeper-clients uploader, which counts from its next login"#
      ])
    expect(
      host.load(soundSettings.replacing("group = \"rolekeeper-clients\"", with: "")),
      [
        #"/etc/rolekeeper/rolekeeper.toml:8: warning: roles.uploader.allow.users names user 'uploader', who can't reach the socket: with mode 0660 only its owner and the group 'rolekeeper' can; write group = "rolekeeper-clients" in [socket] and run: sudo usermod -aG rolekeeper-clients uploader, which counts from its next login"#
      ])
    expect(
      host.load(soundSettings.replacing("[\"uploader\"]", with: "[4000]")),
      [
        #"/etc/rolekeeper/rolekeeper.toml:8: warning: roles.uploader.allow.users names user 4000, who can't reach the socket: with mode 0660 only its owner and the group 'rolekeeper-clients' can; write mode = "0666" in [socket], or give that number to a user of the group"#
      ])
    // The first message must name everything: it took three rounds.
    let closed = soundSettings.replacing("group = \"rolekeeper-clients\"", with: "mode = \"0600\"")
    expect(
      host.load(closed),
      [
        #"/etc/rolekeeper/rolekeeper.toml:8: warning: roles.uploader.allow.users names user 'uploader', who can't reach the socket: with mode 0600 only its owner can; write mode = "0660" and group = "rolekeeper-clients" in [socket] and run: sudo usermod -aG rolekeeper-clients uploader, which counts from its next login"#
      ])
    host.memberships = ["uploader": [997]]
    expect(
      host.load(closed),
      [
        #"/etc/rolekeeper/rolekeeper.toml:8: warning: roles.uploader.allow.users names user 'uploader', who can't reach the socket: with mode 0600 only its owner can; write mode = "0660" and group = "rolekeeper-clients" in [socket]"#
      ])
    // Another group may permit more than to connect, so it isn't proposed.
    host.memberships = [:]
    host.groups.removeAll { $0.name == "rolekeeper-clients" }
    expect(
      host.load(soundSettings.replacing("\"rolekeeper-clients\"", with: "\"media\"")),
      [
        #"/etc/rolekeeper/rolekeeper.toml:8: warning: roles.uploader.allow.users names user 'uploader', who can't reach the socket: with mode 0660 only its owner and the group 'media' can; write group = "rolekeeper-clients" in [socket] and run: sudo groupadd --system rolekeeper-clients && sudo usermod -aG rolekeeper-clients uploader, which counts from its next login"#
      ])
    host.groups = FakeHost().groups
    expect(host.load(soundSettings.replacing("group = \"rolekeeper-clients\"", with: "mode = \"0666\"")), [])
    expect(host.load(soundSettings.replacing("[\"uploader\"]", with: "[\"root\", \"rolekeeper\"]")), [])
  }

  /// The socket was open to everybody, and its directory to nobody.
  @Test func `a socket in a directory that is closed to its readers is reported`() {
    var host = FakeHost()
    host.directories["/srv/closed"] = FakeHost.File(uid: 998, mode: 0o700)
    let text = soundSettings.replacing("[socket]", with: "[socket]\npath = \"/srv/closed/in/s\"")
    expect(
      host.load(text),
      [
        #"/etc/rolekeeper/rolekeeper.toml:9: warning: roles.uploader.allow.users names user 'uploader', who can't reach the socket: only root and user 'rolekeeper' may search '/srv/closed' (mode 0700); write path = "/run/rolekeeper/s" in [socket]"#
      ])
    expect(host.load(text.replacing("[\"uploader\"]", with: "[\"root\", \"rolekeeper\"]")), [])
    host.directories["/srv/closed"]?.mode = 0o710
    expect(host.load(text), [])
    host.directories["/run/rolekeeper"] = FakeHost.File(uid: 998, mode: 0o700)
    #expect(
      host.load(soundSettings).diagnostics.map(\.remedy) == [
        "run: sudo systemd-tmpfiles --create rolekeeper.conf"
      ])
  }

  @Test func `a source needs one AccessKey that exists`() {
    var host = FakeHost()
    expect(
      host.load(soundSettings.replacing("\"access-key\"\n[", with: "\"other\"\n[")),
      [
        "/etc/rolekeeper/rolekeeper.toml:3: source.main.credential is 'other', which systemd didn't pass; put the AccessKey into /etc/rolekeeper/other, with mode 0400, and run: sudo systemctl edit rolekeeper, with the lines [Service], LoadCredential=other:/etc/rolekeeper/other and SetCredential=other:missing; then run: sudo rolekeeper check && sudo systemctl restart rolekeeper"
      ])
    expect(
      host.load(soundSettings.replacing("credential =", with: "file = \"/k.csv\"\ncredential =")),
      [
        "/etc/rolekeeper/rolekeeper.toml:3: source.main.file is set together with credential, but an AccessKey comes from one of them; remove one of the lines",
        "/etc/rolekeeper/rolekeeper.toml:3: warning: source.main.file is '/k.csv', which can't be seen: there is no such file; put the AccessKey there, or correct the path; the daemon starts without it, and takes it up when it comes",
      ])
    expect(
      host.load(soundSettings.replacing("credential = \"access-key\"\n", with: "")),
      [
        #"/etc/rolekeeper/rolekeeper.toml:1: source.main names no AccessKey; write credential = "access-key" or file = "PATH""#
      ])
    expect(
      host.load(soundSettings.replacing("type = \"access-key\"", with: "type = \"ecs-role\"")),
      [
        #"/etc/rolekeeper/rolekeeper.toml:2: source.main.type is 'ecs-role', allowed are 'access-key', 'role', 'ecs-ram-role', 'oidc', 'credentials-uri', 'kms', 'upstream'; write type = "access-key""#
      ])
    expect(
      host.load(soundSettings.replacing("[source.main]", with: "[source.Main]")),
      [
        "/etc/rolekeeper/rolekeeper.toml:1: source.Main isn't a valid name for a source; write [source.main]: 1 to 32 of a-z 0-9 _ -, beginning with a letter or digit"
      ])
    expect(
      host.load("[roles.x]\nrole_arn = \"acs:ram::1234567890123456:role/x\"\n"),
      [
        #"/etc/rolekeeper/rolekeeper.toml: source is missing, and the roles need one; write [source.main] with type = "access-key" and credential = "access-key""#
      ])
    expect(
      host.load(""),
      [
        "/etc/rolekeeper/rolekeeper.toml: note: there is no role in the settings yet; write [roles.NAME] and its keys below"
      ])
    host.credentialsDirectory = nil
    expect(
      host.load(soundSettings),
      [
        "/etc/rolekeeper/rolekeeper.toml:3: note: source.main.credential is not checked: credentials exist inside the unit only; to see them, start the unit: sudo systemctl start rolekeeper"
      ])
    #expect(
      host.load(soundSettings).settings?.sources == [
        SourceSettings(name: "main", accessKey: .credential(name: "access-key", path: nil))
      ])
  }

  @Test func `an AccessKey file that others may read is reported`() {
    var host = FakeHost()
    let text = soundSettings.replacing("credential = \"access-key\"", with: "file = \"key.csv\"")
    expect(
      host.load(text),
      [
        "/etc/rolekeeper/rolekeeper.toml:3: warning: source.main.file is '/etc/rolekeeper/key.csv', which can't be seen: there is no such file; put the AccessKey there, or correct the path; the daemon starts without it, and takes it up when it comes"
      ])
    host.files["/etc/rolekeeper/key.csv"] = FakeHost.File(mode: 0o640)
    expect(
      host.load(text),
      [
        "/etc/rolekeeper/key.csv: others than its owner may read the AccessKey: its mode is 0640; run: sudo chmod 0400 /etc/rolekeeper/key.csv; make a new AccessKey if others had access"
      ])
    // If the file became root's, the daemon couldn't read it.
    host.files["/etc/rolekeeper/key.csv"] = FakeHost.File(uid: 1002, mode: 0o600)
    expect(
      host.load(text),
      [
        "/etc/rolekeeper/key.csv: user 'alice' may write to it (its owner); run: sudo chown rolekeeper /etc/rolekeeper/key.csv"
      ])
    host.files["/etc/rolekeeper/key.csv"] = FakeHost.File(mode: 0o400)
    expect(host.load(text), [])
    #expect(
      host.load(text).settings?.sources == [
        SourceSettings(name: "main", accessKey: .file(path: "/etc/rolekeeper/key.csv"))
      ])
  }

  @Test func `settings that others may write to are refused`() {
    var host = FakeHost()
    host.files[FakeHost.path] = FakeHost.File(mode: 0o664)
    host.directories["/etc/rolekeeper"] = FakeHost.File(mode: 0o777)
    host.directories["/etc/rolekeeper/roles.d"] = FakeHost.File(uid: 1002, mode: 0o755)
    host.files["/etc/rolekeeper/p.json"] = FakeHost.File(text: policy, gid: 2000, mode: 0o660)
    expect(
      host.load(soundSettings + "policy_file = \"p.json\"", rolesD: ["a.toml": ""]),
      [
        "/etc/rolekeeper/rolekeeper.toml: group 'root' may write to it (mode 0664); run: sudo chmod go-w /etc/rolekeeper/rolekeeper.toml",
        "/etc/rolekeeper: everybody may write to it (mode 0777); run: sudo chmod go-w /etc/rolekeeper",
        "/etc/rolekeeper/p.json: group 'media' may write to it (mode 0660); run: sudo chmod go-w /etc/rolekeeper/p.json",
        "/etc/rolekeeper/roles.d: user 'alice' may write to it (its owner); run: sudo chown root /etc/rolekeeper/roles.d",
      ])

    host = FakeHost()
    host.links[FakeHost.path] = "/srv/git/rolekeeper.toml"
    host.directories["/srv/git"] = FakeHost.File(gid: 2000, mode: 0o2775)
    expect(host.load(soundSettings), ["/srv/git: group 'media' may write to it (mode 2775); \(Self.keepIt)"])

    // Whoever may write to a directory above may replace the directory of the settings.
    host = FakeHost()
    host.directories["/etc"] = FakeHost.File(gid: 2000, mode: 0o775)
    expect(host.load(soundSettings), ["/etc: group 'media' may write to it (mode 0775); \(Self.keepIt)"])
    host = FakeHost()
    host.links[FakeHost.path] = "/srv/alice/git/rolekeeper.toml"
    host.directories["/srv/alice"] = FakeHost.File(uid: 1002, mode: 0o755)
    expect(host.load(soundSettings), ["/srv/alice: user 'alice' may write to it (its owner); \(Self.keepIt)"])
    host = FakeHost()
    host.links[FakeHost.path] = "/tmp/own/rolekeeper.toml"
    host.directories["/tmp"] = FakeHost.File(mode: 0o1777)
    host.directories["/tmp/own"] = FakeHost.File(uid: 998, mode: 0o700)
    expect(host.load(soundSettings), [])

    host = FakeHost()
    host.files[FakeHost.path] = FakeHost.File(uid: 998, mode: 0o600)
    host.directories["/etc/rolekeeper"] = FakeHost.File(uid: 998, mode: 0o700)
    expect(host.load(soundSettings), [])
  }

  /// With an ACL, the mode's group bits are its mask. The message named the group 'root', which could only read.
  @Test func `users with access by an ACL are named, with the ACL entry`() {
    /// An ACL with entries for alice, the group media and the owning group, and its mask.
    func list(_ alice: UInt8, _ media: UInt8, _ group: UInt8, mask: UInt8) -> [UInt8] {
      [2, 0, 0, 0, 1, 0, 7, 0, 0, 0, 0, 0, 2, 0, alice, 0, 0xEA, 3, 0, 0, 4, 0, group, 0, 0, 0, 0, 0]
        + [8, 0, media, 0, 0xD0, 7, 0, 0, 16, 0, mask, 0, 0, 0, 0, 0, 32, 0, 5, 0, 0, 0, 0, 0]
    }
    func findings(_ list: [UInt8], mode: UInt32 = 0o775) -> [String] {
      var host = FakeHost()
      host.directories["/etc/rolekeeper"] = FakeHost.File(mode: mode, accessList: list)
      return host.load(soundSettings).diagnostics.map(\.description)
    }
    let fix = "run: sudo chmod go-w /etc/rolekeeper"
    #expect(
      findings(list(7, 0, 5, mask: 7)) == [
        "/etc/rolekeeper: user 'alice' may write to it (ACL entry user:alice:rwx); \(fix)"
      ])
    #expect(
      findings(list(5, 6, 5, mask: 7)) == [
        "/etc/rolekeeper: group 'media' may write to it (ACL entry group:media:rw-); \(fix)"
      ])
    #expect(
      findings(list(5, 5, 7, mask: 7)) == [
        "/etc/rolekeeper: group 'root' may write to it (ACL entry group::rwx); \(fix)"
      ])
    #expect(
      findings(list(5, 5, 5, mask: 7)) == ["/etc/rolekeeper: whoever its ACL names may write to it (mode 0775); \(fix)"]
    )
    #expect(
      findings(list(7, 0, 5, mask: 7), mode: 0o777) == [
        "/etc/rolekeeper: everybody may write to it (mode 0777); \(fix)"
      ])
    #expect(findings(list(7, 7, 5, mask: 5), mode: 0o755).isEmpty, "the mask takes it away")

    var host = FakeHost()
    host.files["/etc/rolekeeper/password"] = FakeHost.File(uid: 998, mode: 0o440, accessList: list(4, 0, 0, mask: 4))
    host.directories["/srv/app"] = FakeHost.File(mode: 0o775, accessList: list(7, 0, 5, mask: 7))
    let lines =
      "[[roles.uploader.files]]\npath = \"/srv/app/a\"\n[sts]\nproxy = \"http://keeper@h:1\"\nproxy_password_file = \"/etc/rolekeeper/password\""
    let found = host.load(soundSettings + lines).diagnostics.map(\.description)
    #expect(found.count == 2)
    #expect(
      found.contains {
        $0.hasPrefix(
          "/etc/rolekeeper/password: user 'alice' may read the proxy's password (ACL entry user:alice:r--); run: sudo chmod 0400"
        )
      }, "\(found)")
    #expect(
      found.contains {
        $0.contains("is '/srv/app/a', and user 'alice' may write to its directory (ACL entry user:alice:rwx); ")
      }, "\(found)")
  }

  @Test func `a file that can't be read is reported`() {
    #expect(
      SettingsLoader(host: FakeHost()).load(FakeHost.path).diagnostics.map(\.description) == [
        "/etc/rolekeeper/rolekeeper.toml: the settings can't be read: there is no such file; write the settings there, or name another file"
      ])
    var host = FakeHost()
    host.files[FakeHost.path] = FakeHost.File(isReadable: false)
    expect(
      host.load(soundSettings, rolesD: ["a.toml": "[roles.Bad]\n"]),
      [
        "/etc/rolekeeper/rolekeeper.toml: the settings can't be read: permission denied; run: sudo chgrp rolekeeper /etc/rolekeeper/rolekeeper.toml && sudo chmod g+r /etc/rolekeeper/rolekeeper.toml",
        "/etc/rolekeeper/roles.d/a.toml:1: roles.Bad isn't a valid name for a role; write [roles.bad]: 1 to 32 of a-z 0-9 _ -, beginning with a letter or digit",
        "/etc/rolekeeper/roles.d/a.toml:1: roles.Bad.role_arn is missing; set role_arn to acs:ram::ACCOUNT:role/NAME",
      ])
    host = FakeHost()
    host.nameFailure = .other("Connection refused")
    expect(
      host.load(soundSettings),
      [
        "/etc/rolekeeper/rolekeeper.toml:5: socket.group names group 'rolekeeper-clients', which can't be looked up: Connection refused; check this host's user database (getent passwd), or write its number; until then a start fails, and systemd tries again every second",
        "/etc/rolekeeper/rolekeeper.toml:8: roles.uploader.allow.users names user 'uploader', which can't be looked up: Connection refused; check this host's user database (getent passwd), or write its number; until then a start fails, and systemd tries again every second",
      ])
  }

  /// While the directory of users was down, the daemon exited with 78 after a crash, and systemd didn't start it again.
  @Test func `only errors that may end by themselves count as passing`() {
    var host = FakeHost()
    #expect(!host.load(soundSettings).isFailurePassing)
    let unknown = soundSettings.replacing("\"uploader\"", with: "\"uploadre\"")
    #expect(!host.load(unknown).isFailurePassing)
    host.nameFailure = .passing("Resource temporarily unavailable")
    #expect(host.load(soundSettings).isFailurePassing)
    #expect(!host.load(soundSettings + "colour = \"green\"\n").isFailurePassing)
  }

  /// Other programs replace a CA file or a password, and may be in the middle of it.
  @Test(
    arguments: [
      (#"ca_file = "ca.pem""#, nil), (#"ca_file = "ca.pem""#, FakeHost.File()),
      (#"ca_file = "ca.pem""#, FakeHost.File(text: "-----BEGIN CERT")),
      (#"ca_file = "ca.pem""#, FakeHost.File(isReadable: false)),
      ("proxy = \"http://keeper@h:1\"\nproxy_password_file = \"password.csv\"", nil),
    ] as [(String, FakeHost.File?)])
  func `a file that is being replaced is a passing error`(_ lines: String, _ file: FakeHost.File?) {
    var host = FakeHost()
    host.files["/etc/rolekeeper/ca.pem"] = file
    #expect(host.load(soundSettings + "[sts]\n\(lines)\n").isFailurePassing)
  }

  @Test func `a CA file that others may write to isn't used, however often it is read`() {
    var host = FakeHost()
    host.files["/etc/rolekeeper/ca.pem"] = FakeHost.File(text: "-----BEGIN CERTIFICATE-----\n", mode: 0o666)
    let loaded = host.load(soundSettings + "[sts]\nca_file = \"ca.pem\"\n")
    #expect(loaded.settings == nil && !loaded.isFailurePassing)
  }

  @Test func `a disk that doesn't answer is a passing error`() {
    var host = FakeHost()
    host.readFailures[FakeHost.path] = .passing("Input/output error")
    #expect(host.load(soundSettings).isFailurePassing)
    host = FakeHost()
    host.readFailures["/etc/rolekeeper/p.json"] = .passing("Stale file handle")
    #expect(host.load(soundSettings + "policy_file = \"p.json\"\n").isFailurePassing)
  }

  /// Whoever writes a number needn't depend on a directory of users.
  @Test func `a numeric user or group needs no look-up`() {
    var host = FakeHost()
    host.nameFailure = .passing("Connection refused")
    let text = soundSettings.replacing("\"rolekeeper-clients\"", with: "997").replacing("\"uploader\"", with: "1001")
    let output = "[[roles.uploader.files]]\npath = \"a\"\nowner = 1001\n"
    expect(host.load(text + output + "group = 2000\n"), [])
    let loaded = host.load(text + output)
    expect(
      loaded,
      [
        "/etc/rolekeeper/rolekeeper.toml:11: roles.uploader.files.owner is user 1001, whose primary group can't be looked up; check this host's user database (getent passwd), or write group too; until then a start fails, and systemd tries again every second"
      ])
    #expect(loaded.isFailurePassing)
  }

  /// A command for a path that isn't ours could break the host: `chmod go-w /tmp`, `chown root /home/alice`.
  @Test(arguments: [
    ("/tmp", FakeHost.File(mode: 0o1777)), ("/home/alice", FakeHost.File(uid: 1002, mode: 0o755)),
    ("/", FakeHost.File(mode: 0o777)), ("/etc", FakeHost.File(gid: 2000, mode: 0o775)),
  ])
  func `no command is proposed for files that aren't rolekeeper's`(_ directory: String, _ status: FakeHost.File) {
    var host = FakeHost()
    host.directories[directory] = status
    let parent = directory == "/" ? "" : directory
    host.files["\(parent)/p.json"] = FakeHost.File(text: policy, uid: status.uid)
    host.files["\(parent)/ca.pem"] = FakeHost.File(text: "certificates")
    host.files["\(parent)/key"] = FakeHost.File(uid: 998, mode: 0o644)
    let text =
      soundSettings.replacing("credential = \"access-key\"", with: "file = \"\(parent)/key\"")
      + "policy_file = \"\(parent)/p.json\"\n[[roles.uploader.files]]\npath = \"\(parent)/a\"\n[sts]\nca_file = \"\(parent)/ca.pem\"\n"
    let loaded = host.load(text)
    #expect(loaded.settings == nil)
    for finding in loaded.diagnostics {
      for command in ["chmod", "chown"] { #expect(!finding.description.contains(command), "\(finding)") }
    }
    #expect(loaded.diagnostics.contains { $0.remedy == Self.keepIt })
  }

  private static let keepIt =
    "keep it in /etc/rolekeeper, or in another directory that root alone may write to, with all directories above"

  private let policy = #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#

  private func expect(
    _ loaded: LoadedSettings, _ sentences: [String], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(loaded.diagnostics.map(\.description) == sentences, sourceLocation: sourceLocation)
    #expect(
      (loaded.settings == nil) == loaded.diagnostics.contains { $0.severity == .error }, sourceLocation: sourceLocation)
  }
}
