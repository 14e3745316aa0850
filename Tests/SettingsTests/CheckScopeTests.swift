import Testing

@testable import Settings

/// What `check` finds beyond the loader, with the shipped unit.
@Suite struct CheckScopeTests {
  private static let unitPath = "/usr/lib/systemd/system/rolekeeper.service"

  private static func host(dropIn: String = "") throws -> FakeHost {
    let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    var host = FakeHost()
    host.credentialsDirectory = nil
    let (_, unit) = try SystemHost().read("\(root)/systemd/rolekeeper.service", limit: 1 << 20)
    host.files[unitPath] = FakeHost.File(text: String(decoding: unit, as: UTF8.self))
    host.files["/etc/systemd/system/rolekeeper.service.d/override.conf"] = FakeHost.File(text: "[Service]\n\(dropIn)\n")
    return host
  }

  private static func check(
    _ host: FakeHost, _ lines: String, passedKey: ((String) -> StartTrials.Finding?)? = { _ in nil }
  ) -> [String] {
    var host = host
    host.files[FakeHost.path] = FakeHost.File(text: soundSettings + lines)
    let scope = CheckScope(unit: InstalledUnit(on: host), trials: .passing(passedKey))
    let found = SettingsLoader(host: host, check: scope).load(FakeHost.path).diagnostics
    return found.map { $0.description.replacing(FakeHost.path, with: "") }
  }

  private static func output(_ path: String, _ more: String = "") -> String {
    "[[roles.uploader.files]]\npath = \"\(path)\"\n\(more)"
  }

  private static let own =
    "use a directory of its own: run: sudo install -d -o rolekeeper -m 0711 /srv/rolekeeper/uploader; write path = \"/srv/rolekeeper/uploader/a\"; "
    + "let the unit write there: sudo systemctl edit rolekeeper, with the lines [Service] and ReadWritePaths=-/srv/rolekeeper/uploader; then run: sudo rolekeeper check && sudo systemctl restart rolekeeper"

  @Test func `the shipped settings have no finding with the shipped unit`() throws {
    #expect(try Self.check(Self.host(), "") == [])
  }

  struct Case: CustomTestStringConvertible, Sendable {
    let path: String
    var dropIn = ""
    let sentence: String?

    var testDescription: String { "\(path) \(dropIn)" }
  }

  @Test(arguments: [
    Case(path: "/home/alice/a", sentence: "the unit doesn't see that directory (ProtectHome=); \(own)"),
    Case(path: "/tmp/a", sentence: "the unit doesn't see that directory (PrivateTmp=); \(own)"),
    Case(path: "/var/tmp/x/a", sentence: "the unit doesn't see that directory (PrivateTmp=); \(own)"),
    Case(
      path: "/srv/app/a",
      sentence: "the daemon's user 'rolekeeper' may not write to its directory (mode 0755, owned by user 'root'); "
        + "use a directory of its own: run: sudo install -d -o rolekeeper -m 0711 /srv/app/rolekeeper; write path = \"/srv/app/rolekeeper/a\"; "
        + "let the unit write there: sudo systemctl edit rolekeeper, with the lines [Service] and ReadWritePaths=-/srv/app/rolekeeper; then run: sudo rolekeeper check && sudo systemctl restart rolekeeper"
    ),
    Case(
      path: "/etc/a",
      sentence:
        "the daemon's user 'rolekeeper' may not write to its directory (mode 0755, owned by user 'root'); \(own)"),
    Case(path: "/srv/own/a", dropIn: "ReadWritePaths=-/srv/own", sentence: nil),
    Case(path: "/run/rolekeeper/a", sentence: nil),
    // It was treated as a directory that is created, as /run/rolekeeper itself.
    Case(
      path: "/run/rolekeeper/extra/a",
      sentence:
        "there is no directory '/run/rolekeeper/extra'; write path = \"a\", which is then /run/rolekeeper/roles/uploader/a"
    ),
    Case(
      path: "/run/rolekeeper/roots/a",
      sentence:
        "the daemon's user 'rolekeeper' may not write to its directory (mode 0755, owned by user 'root'); write path = \"a\", which is then /run/rolekeeper/roles/uploader/a"
    ),
    Case(
      path: "/var/lib/rolekeeper/sub/a", dropIn: "StateDirectory=rolekeeper",
      sentence:
        "there is no directory '/var/lib/rolekeeper/sub'; write path = \"a\", which is then /run/rolekeeper/roles/uploader/a"
    ),
    Case(path: "/var/lib/rolekeeper/a", dropIn: "StateDirectory=rolekeeper", sentence: nil),
  ])
  func `an output that would never be written is found before the start`(_ row: Case) throws {
    var host = try Self.host(dropIn: row.dropIn)
    host.directories["/srv/own"] = FakeHost.File(uid: 998, mode: 0o711)
    host.directories["/tmp"] = FakeHost.File(mode: 0o1777)
    host.directories["/var/lib/rolekeeper"] = FakeHost.File(uid: 998, mode: 0o755)
    host.missingDirectories.formUnion(["/srv/app/rolekeeper", "/run/rolekeeper/extra", "/var/lib/rolekeeper/sub"])
    host.directories["/home/alice"] = FakeHost.File(uid: 1002, mode: 0o755)
    let found = Self.check(host, Self.output(row.path))
    #expect(
      found == (row.sentence.map { [":10: warning: roles.uploader.files.path is '\(row.path)', and \($0)"] } ?? []))
  }

  /// After following a remedy, there must not be another one to follow.
  @Test func `following the remedy of a finding ends it`() throws {
    var host = try Self.host(dropIn: "ReadWritePaths=-/srv/rolekeeper/uploader")
    host.directories["/srv/rolekeeper/uploader"] = FakeHost.File(uid: 998, gid: 0, mode: 0o711)
    #expect(Self.check(host, Self.output("/srv/rolekeeper/uploader/a")) == [])
  }

  @Test func `for a directory that only the unit hides, the drop-in alone is proposed`() throws {
    var host = try Self.host()
    host.directories["/srv/own"] = FakeHost.File(uid: 998, mode: 0o711)
    #expect(
      Self.check(host, Self.output("/srv/own/a")) == [
        ":10: warning: roles.uploader.files.path is '/srv/own/a', where the unit may not write; "
          + "run: sudo systemctl edit rolekeeper, with the lines [Service] and ReadWritePaths=-/srv/own; then run: sudo rolekeeper check && sudo systemctl restart rolekeeper"
      ])
  }

  @Test func `the roles' directory is checked, too`() throws {
    var host = try Self.host()
    host.directories["/srv/files"] = FakeHost.File(uid: 998, mode: 0o711)
    #expect(
      Self.check(host, "[files]\ndirectory = \"/srv/files\"\n") == [
        ":10: warning: files.directory is '/srv/files', where the unit may not write; "
          + "run: sudo systemctl edit rolekeeper, with the lines [Service] and ReadWritePaths=-/srv/files; then run: sudo rolekeeper check && sudo systemctl restart rolekeeper"
      ])
  }

  @Test func `a bare file name isn't proposed if the role has a file of that name`() throws {
    var host = try Self.host()
    host.missingDirectories.insert("/run/rolekeeper/extra")
    let found = Self.check(host, Self.output("a") + Self.output("/run/rolekeeper/extra/a"))
    #expect(found.count == 1 && found[0].hasSuffix(Self.own), "\(found)")
  }

  @Test func `the roles' directory may be missing directly in a directory that systemd creates, but no deeper`() throws
  {
    var host = try Self.host(dropIn: "StateDirectory=rolekeeper")
    host.missingDirectories.formUnion(["/run/rolekeeper/a", "/var/lib/rolekeeper"])
    #expect(Self.check(host, "[files]\ndirectory = \"/run/rolekeeper/a\"\n") == [])
    #expect(Self.check(host, "[files]\ndirectory = \"/var/lib/rolekeeper/a\"\n") == [])
    let found = Self.check(host, "[files]\ndirectory = \"/run/rolekeeper/a/b\"\n")
    #expect(
      found.count == 1 && found[0].contains("isn't there, and the daemon's user 'rolekeeper' can't make it in"),
      "\(found)")
  }

  @Test func `if the unit's runtime directory is missing, the command that creates it is proposed`() throws {
    var host = try Self.host()
    host.directories = [:]
    host.missingDirectories.insert("/run/rolekeeper")
    let found = Self.check(host, "")
    #expect(
      found.count == 2 && found[1].contains("socket.path is '/run/rolekeeper/rolekeeper.sock', and its"),
      "\(found)")
    #expect(found.allSatisfy { $0.hasSuffix("; run: sudo systemd-tmpfiles --create rolekeeper.conf") }, "\(found)")
  }

  private static let role = "[roles.x]\nrole_arn = \"acs:ram::1234567890123456:role/a\"\n"

  /// `check` didn't notice a file that was cut off before these keys.
  @Test(arguments: ["", "allow = {}", "allow = { users = [], groups = [] }", "files = []"])
  func `a role without readers and files is a warning`(_ line: String) throws {
    let at = line.hasPrefix("allow") ? 11 : 9
    #expect(
      try Self.check(Self.host(), Self.role + line) == [
        ":\(at): warning: roles.x.allow names nobody, and the role has no file, so only root and the admins get its credential; "
          + #"write its readers, as allow = { users = ["uploader"] }, or [[roles.x.files]]; users = ["root"] says that root alone is meant"#
      ])
  }

  /// Each such role had two lines of its own.
  @Test func `several roles without readers and files are one warning`() throws {
    let others = ["y", "z"].map { Self.role.replacing("roles.x", with: "roles.\($0)") }.joined()
    let found = try Self.check(Self.host(), Self.role + others)
    #expect(
      found.count == 1 && found[0].contains("; the same applies to roles 'y', 'z'; write their readers"), "\(found)")
  }

  @Test(arguments: [
    "allow = { users = [\"root\"] }", "allow = { groups = [\"media\"] }", "[[roles.x.files]]\npath = \"a\"",
  ])
  func `a role with a reader or a file isn't a warning`(_ lines: String) throws {
    #expect(try Self.check(Self.host(), Self.role + lines) == [])
  }

  @Test(arguments: ["alow = { users = [\"alice\"] }", "allow = { user = [\"alice\"] }", "allow = 7"])
  func `a role whose readers were reported as invalid isn't a warning`(_ line: String) throws {
    let found = try Self.check(Self.host(), Self.role + line)
    #expect(!found.isEmpty && !found.contains { $0.contains("names nobody") }, "\(found)")
  }

  struct ReloadCase: CustomTestStringConvertible, Sendable {
    let path: String
    var dropIn = ""
    /// The path at which `systemctl reload` looks; nil if it is the daemon's.
    let found: String?
    var fix = ""

    var testDescription: String { "\(path) \(dropIn)" }
  }

  /// `check` reported nothing, and `systemctl reload` didn't find the daemon.
  @Test(arguments: [
    ReloadCase(
      path: "/run/rolekeeper/s", found: "/run/rolekeeper/rolekeeper.sock",
      fix: "the lines [Service] and Environment=ROLEKEEPER_SOCKET=/run/rolekeeper/s"),
    ReloadCase(
      path: "/run/rolekeeper/s", dropIn: "Environment=\"A=b c\" ROLEKEEPER_SOCKET=/run/rolekeeper/old",
      found: "/run/rolekeeper/old", fix: "Environment=ROLEKEEPER_SOCKET=/run/rolekeeper/s"),
    ReloadCase(
      path: "/run/rolekeeper/rolekeeper.sock", dropIn: "Environment=ROLEKEEPER_SOCKET=/run/rolekeeper/s",
      found: "/run/rolekeeper/s", fix: "Environment=ROLEKEEPER_SOCKET=/run/rolekeeper/rolekeeper.sock"),
    ReloadCase(
      path: "/run/rolekeeper/s", dropIn: "ExecReload=\nExecReload=/usr/bin/rolekeeper --socket /run/x reload",
      found: "/run/x", fix: "correct --socket in the unit's ExecReload="),
    ReloadCase(path: "/run/rolekeeper/s", dropIn: "Environment=ROLEKEEPER_SOCKET=%t/rolekeeper/s", found: nil),
    ReloadCase(path: "/run/rolekeeper/s", dropIn: "EnvironmentFile=-/etc/default/rolekeeper", found: nil),
    ReloadCase(path: "/run/rolekeeper/s", dropIn: "ExecReload=\nExecReload=/bin/kill -HUP $MAINPID", found: nil),
    ReloadCase(path: "/run/rolekeeper/rolekeeper.sock", found: nil),
  ])
  func `a socket that a reload won't find is a warning`(_ row: ReloadCase) throws {
    var host = try Self.host(dropIn: row.dropIn)
    host.files[FakeHost.path] = FakeHost.File(text: Self.socket(row.path))
    for isListenedOn in [false, true] {
      var trials = StartTrials.passing()
      trials.isListenedOn = { $0 == row.path && isListenedOn }
      let scope = CheckScope(unit: InstalledUnit(on: host), trials: trials)
      let loaded = SettingsLoader(host: host, check: scope).load(FakeHost.path)
      #expect(
        loaded.diagnostics.map(\.problem)
          == (row.found.map { ["is '\(row.path)', and 'systemctl reload rolekeeper' looks for the daemon at '\($0)'"] }
            ?? []))
      #expect(loaded.settings != nil && loaded.diagnostics.allSatisfy { $0.severity == .warning })
      for finding in loaded.diagnostics {
        #expect(finding.remedy.contains(row.fix), "\(finding)")
        // If the unit already named the new socket, a reload couldn't move the daemon there.
        #expect(
          finding.remedy.contains("restart") == (finding.remedy.contains("systemctl edit") && !isListenedOn),
          "\(finding)")
      }
    }
  }

  struct SocketCase: CustomTestStringConvertible, Sendable {
    let path: String
    let problem: String?

    var testDescription: String { path }
  }

  /// They were warnings, although the daemon couldn't start with them, or nobody could connect.
  @Test(arguments: [
    SocketCase(path: "/tmp/x.sock", problem: "and the unit doesn't see that directory (PrivateTmp=)"),
    SocketCase(path: "/home/alice/x.sock", problem: "and the unit doesn't see that directory (ProtectHome=)"),
    SocketCase(
      path: "/var/lib/x.sock",
      problem: "and the daemon's user 'rolekeeper' may not write to its directory (mode 0755, owned by user 'root')"),
    SocketCase(path: "/srv/own/x.sock", problem: "where the unit may not write"),
    SocketCase(path: "/srv/gone/x.sock", problem: "and its directory isn't there"),
    SocketCase(path: "/run/gone/x.sock", problem: "and its directory isn't there"),
    SocketCase(path: "/run/rolekeeper/gone/x.sock", problem: "and its directory isn't there"),
    SocketCase(path: "/srv/file/x.sock", problem: "and '/srv/file' isn't a directory"),
    SocketCase(path: "/run/rolekeeper/x.sock", problem: nil),
    SocketCase(path: "/srv/open/x.sock", problem: nil),
  ])
  func `a socket that the daemon can't create, or that nobody could reach, is an error`(_ row: SocketCase) throws {
    var host = try Self.host(dropIn: "ReadWritePaths=/srv/open")
    host.directories["/srv/own"] = FakeHost.File(uid: 998, mode: 0o711)
    host.directories["/srv/open"] = FakeHost.File(uid: 998, mode: 0o711)
    host.missingDirectories.formUnion(["/srv/gone", "/run/gone", "/run/rolekeeper/gone"])
    host.files["/etc/systemd/system/rolekeeper.service.d/reload.conf"] = FakeHost.File(text: Self.anyReload)
    host.files["/srv/file"] = FakeHost.File()
    host.files[FakeHost.path] = FakeHost.File(text: Self.socket(row.path))
    var tried: [String] = []
    var trials = StartTrials.passing()
    trials.socket = {
      tried.append($0)
      return nil
    }
    let scope = CheckScope(unit: InstalledUnit(on: host), trials: trials)
    let loaded = SettingsLoader(host: host, check: scope).load(FakeHost.path)
    #expect(
      loaded.diagnostics.map { "\($0.severity) \($0.problem)" }
        == (row.problem.map { ["error is '\(row.path)', \($0)"] } ?? []))
    #expect((loaded.settings == nil) == (row.problem != nil))
    #expect(tried == (row.problem == nil ? [row.path] : []), "no second error for the same")
  }

  /// Reloads in a way that doesn't depend on the socket's path.
  private static let anyReload = "[Service]\nExecReload=\nExecReload=/bin/kill -HUP $MAINPID\n"

  private static func socket(_ path: String) -> String {
    soundSettings.replacing("[socket]", with: "[socket]\npath = \"\(path)\"")
  }

  /// A reload moved the socket into the unit's own /tmp and reported success, and nobody on the host could connect.
  @Test(arguments: [
    ("0::/system.slice/rolekeeper.service\n", true), ("1:name=systemd:/system.slice/rolekeeper.service\n", true),
    ("0::/user.slice/user-0.slice/session-1.scope\n", false), ("0::/system.slice/other-rolekeeper.service\n", false),
  ])
  func `the unit's daemon refuses a socket that isn't visible outside the unit`(_ cgroup: String, _ isUnits: Bool)
    throws
  {
    var host = try Self.host()
    host.credentialsDirectory = FakeHost().credentialsDirectory
    host.files["/proc/self/cgroup"] = FakeHost.File(text: cgroup)
    let loaded = host.load(Self.socket("/tmp/x.sock"))
    #expect(
      loaded.diagnostics.map(\.description)
        == (isUnits
          ? [
            "\(FakeHost.path):5: socket.path is '/tmp/x.sock', and the unit doesn't see that directory (PrivateTmp=); write path = \"/run/rolekeeper/x.sock\""
          ] : []))
    #expect((loaded.settings == nil) == isUnits)
    // Another unit's settings, or one with another view.
    #expect(host.load(Self.socket("/run/rolekeeper/x.sock")).diagnostics.isEmpty)
    host.files["/etc/systemd/system/rolekeeper.service.d/override.conf"]?.text = "[Service]\nPrivateTmp=no\n"
    #expect(host.load(Self.socket("/tmp/x.sock")).diagnostics.isEmpty)
    host.files["/etc/systemd/system/rolekeeper.service.d/override.conf"]?.text =
      "[Service]\nExecStart=\nExecStart=/usr/sbin/rolekeeperd --config /etc/rolekeeper/other.toml\n"
    #expect(host.load(Self.socket("/tmp/x.sock")).diagnostics.isEmpty)
  }

  /// It proposed to install the unit, although the unit was installed.
  @Test func `settings other than those of the unit are checked as such`() throws {
    var host = try Self.host()
    host.directories["/run/rolekeeper"] = FakeHost.File(uid: 998, mode: 0o711)
    host.missingDirectories.insert("/run/rolekeeper/roles")
    host.files["/etc/rolekeeper/other.toml"] = FakeHost.File(text: soundSettings)
    let unit = try #require(InstalledUnit(on: host))
    #expect(!unit.starts(with: "/etc/rolekeeper/other.toml", on: host))
    let scope = CheckScope(unit: nil, otherConfigPath: unit.configPath, trials: .passing())
    #expect(
      SettingsLoader(host: host, check: scope).load("/etc/rolekeeper/other.toml").diagnostics.map(\.description) == [
        "/etc/rolekeeper/other.toml:3: note: source.main.credential is not checked: the installed rolekeeper.service starts the daemon with '/etc/rolekeeper/rolekeeper.toml'; "
          + "for what that passes, check '/etc/rolekeeper/rolekeeper.toml'"
      ])
  }

  /// For valid settings, the check proposed to remove the socket of the running daemon.
  @Test func `files that the checking user may not see are a note`() throws {
    var host = try Self.host()
    host.deniedDirectories = ["/etc/rolekeeper/keys"]
    host.directories["/etc/rolekeeper/roles.d"] = FakeHost.File(mode: 0o700)
    host.files["/etc/rolekeeper/roles.d/a.toml"] = FakeHost.File(isReadable: false)
    host.files["/etc/rolekeeper/p.json"] = FakeHost.File(isReadable: false)
    host.files["/etc/rolekeeper/ca.pem"] = FakeHost.File(isReadable: false)
    host.files["/etc/rolekeeper/password"] = FakeHost.File(uid: 998, mode: 0o400)
    let text =
      soundSettings.replacing("credential = \"access-key\"", with: "file = \"keys/a\"")
        + """
        policy_file = "p.json"
        [sts]
        ca_file = "ca.pem"
        proxy = "http://keeper@proxy.example:3128"
        proxy_password_file = "password"
        """
    host.files[FakeHost.path] = FakeHost.File(text: text)
    var trials = StartTrials()
    trials.proxyPassword = { .init(.error, "can't be used: '\($0)': denied", "chown it", isDenied: true) }
    trials.socket = { .init(.error, "can't be used: '\($0)': denied", "look as root", isDenied: true) }
    trials.authorities = { _ in .init(.error, "isn't tried", "") }
    func load(isDaemonsUser: Bool) -> LoadedSettings {
      let scope = CheckScope(unit: InstalledUnit(on: host), isDaemonsUser: isDaemonsUser, trials: trials)
      return SettingsLoader(host: host, check: scope).load(FakeHost.path)
    }
    let others = load(isDaemonsUser: false)
    #expect(others.diagnostics.map(\.severity) == Array(repeating: .note, count: 6), "\(others.diagnostics)")
    #expect(others.diagnostics.allSatisfy { $0.remedy == "run: sudo rolekeeper check" }, "\(others.diagnostics)")
    #expect(others.settings != nil)
    let own = load(isDaemonsUser: true)
    #expect(own.diagnostics.map(\.severity) == Array(repeating: .error, count: 6), "\(own.diagnostics)")
  }

  /// These findings had no line, as if no setting caused them.
  @Test func `the result of a trial is reported with the line of its setting`() throws {
    var host = try Self.host()
    host.files["/etc/rolekeeper/key"] = FakeHost.File(uid: 998, mode: 0o400)
    host.files["/etc/rolekeeper/password"] = FakeHost.File(uid: 998, mode: 0o400)
    host.files["/etc/rolekeeper/ca.pem"] = FakeHost.File(text: "-----BEGIN CERTIFICATE-----\n")
    host.files[FakeHost.path] = FakeHost.File(
      text: soundSettings.replacing("credential = \"access-key\"", with: "file = \"key\"")
        + "[sts]\nca_file = \"ca.pem\"\nproxy = \"http://keeper@proxy.example:3128\"\nproxy_password_file = \"password\"\n"
    )
    var trials = StartTrials()
    trials.keyFile = { .init(.error, "of '\($0)'", "key") }
    trials.proxyPassword = { .init(.error, "of '\($0)'", "password") }
    trials.authorities = { .init(.error, "of '\($0.caFile ?? "")'", "authorities") }
    trials.socket = { .init(.error, "of '\($0)'", "socket") }
    let scope = CheckScope(unit: InstalledUnit(on: host), trials: trials)
    let found = SettingsLoader(host: host, check: scope).load(FakeHost.path).diagnostics
    #expect(
      found.map { $0.description.replacing(FakeHost.path, with: "") } == [
        ":3: source.main.file of '/etc/rolekeeper/key'; key",
        ":4: socket.path of '/run/rolekeeper/rolekeeper.sock'; socket",
        ":10: sts.ca_file of '/etc/rolekeeper/ca.pem'; authorities",
        ":12: sts.proxy_password_file of '/etc/rolekeeper/password'; password",
      ])
  }

  @Test(arguments: ["", "Type=notify-reload", "Type=exec", "Type=simple"])
  func `a role that is required is of use only where systemd waits for the daemon`(_ type: String) throws {
    let found = try Self.check(Self.host(dropIn: type), "required = true")
    let warning =
      ":9: warning: roles.uploader.required has no effect, since the unit isn't of Type=notify: systemd doesn't wait for the daemon; sudo "
      + "systemctl edit rolekeeper, with the lines [Service] and Type=notify; then run: sudo rolekeeper check && sudo systemctl restart "
      + "rolekeeper"
    #expect(found == (type.isEmpty || type.hasPrefix("Type=notify") ? [] : [warning]))
    #expect(try Self.check(Self.host(dropIn: type), "required = false") == [])
  }

  @Test func `without a unit only permissions count`() throws {
    var host = FakeHost()
    host.directories["/run/rolekeeper"] = FakeHost.File(uid: 998, mode: 0o711)
    host.missingDirectories.insert("/run/rolekeeper/roles")
    host.directories["/home/alice"] = FakeHost.File(uid: 998, mode: 0o711)
    #expect(Self.check(host, Self.output("/home/alice/a")) == [])
    host.credentialsDirectory = nil
    #expect(
      Self.check(host, "") == [
        #":3: note: source.main.credential is not checked: no installed rolekeeper.service starts the daemon with these settings; install the unit, or write file = "PATH" instead"#
      ])
  }

  /// It was both a warning and an error, with a proposal to open /root.
  @Test func `an AccessKey file that the daemon's user can't reach is one error, and a missing one a warning`() throws {
    var host = try Self.host()
    host.deniedDirectories = ["/root"]
    func check(_ path: String) -> [String] {
      let text = soundSettings.replacing("credential = \"access-key\"", with: "file = \"\(path)\"")
      var host = host
      host.files[FakeHost.path] = FakeHost.File(text: text)
      let scope = CheckScope(unit: InstalledUnit(on: host), trials: .passing())
      return SettingsLoader(host: host, check: scope).load(FakeHost.path).diagnostics.map {
        $0.description.replacing(FakeHost.path, with: "")
      }
    }
    #expect(
      check("/root/key") == [
        ":3: source.main.file is '/root/key', which can't be seen: permission denied; keep it in /etc/rolekeeper, where the daemon's user can read it"
      ])
    #expect(
      check("/etc/rolekeeper/key.csv") == [
        ":3: warning: source.main.file is '/etc/rolekeeper/key.csv', which can't be seen: there is no such file; put the AccessKey there, or correct the path; the daemon starts without it, and takes it up when it comes"
      ])
  }

  @Test func `the AccessKey that the unit will pass is checked`() throws {
    let host = try Self.host()
    #expect(
      Self.check(host, "", passedKey: { $0 == "/etc/rolekeeper/access-key" ? nil : .init(.error, "?", "?") }) == [])
    #expect(
      Self.check(host, "", passedKey: { .init(.error, "can't be used: '\($0)' is empty", "fill it") }) == [
        ":3: source.main.credential can't be used: '/etc/rolekeeper/access-key' is empty; fill it"
      ])
    #expect(
      Self.check(host, "", passedKey: { _ in .init(.warning, "looks cut off", "copy it again") }) == [
        ":3: warning: source.main.credential looks cut off; copy it again"
      ])
    #expect(
      Self.check(host, "", passedKey: nil) == [
        ":3: note: source.main.credential is not checked: only root may read '/etc/rolekeeper/access-key', from which the unit takes it; run: sudo rolekeeper check"
      ])
    #expect(
      try Self.check(Self.host(dropIn: "LoadCredential="), "") == [
        ":3: source.main.credential is 'access-key', which \(Self.unitPath) doesn't pass; put the AccessKey into /etc/rolekeeper/access-key, with mode 0400, "
          + "and run: sudo systemctl edit rolekeeper, with the lines [Service], LoadCredential=access-key:/etc/rolekeeper/access-key and SetCredential=access-key:missing; "
          + "then run: sudo rolekeeper check && sudo systemctl restart rolekeeper"
      ])
  }

  /// It proposed to have the unit pass `acess-key`, too.
  @Test func `for a misspelt credential, the one that the unit passes is proposed`() throws {
    var host = try Self.host()
    let text = soundSettings.replacing("\"access-key\"\n[", with: "\"acess-key\"\n[")
    host.files[FakeHost.path] = FakeHost.File(text: text)
    let scope = CheckScope(unit: InstalledUnit(on: host), trials: .passing())
    #expect(
      SettingsLoader(host: host, check: scope).load(FakeHost.path).diagnostics.map(\.description) == [
        "\(FakeHost.path):3: source.main.credential is 'acess-key', which \(Self.unitPath) doesn't pass; did you mean \"access-key\", which the unit passes?"
      ])
    #expect(
      FakeHost().load(text).diagnostics.map(\.description) == [
        "\(FakeHost.path):3: source.main.credential is 'acess-key', which systemd didn't pass; did you mean \"access-key\", which systemd passes?"
      ])
    #expect(
      FakeHost().load(text.replacing("acess-key", with: "my key")).diagnostics.map(\.remedy) == [
        "choose a name of letters, digits, '-' and '_', and write the same in the unit's LoadCredential="
      ])
  }

  /// systemd copies it as root, so it can be used.
  @Test func `a file that others may read, of which the unit passes a copy, is a warning`() throws {
    var host = try Self.host()
    func check(_ file: FakeHost.File) -> [String] {
      host.files["/etc/rolekeeper/access-key"] = file
      return Self.check(host, "")
    }
    let path = "/etc/rolekeeper/access-key"
    let start = ":3: warning: source.main.credential names '\(path)' by the unit's LoadCredential=, and "
    #expect(
      check(FakeHost.File(mode: 0o644)) == [
        "\(start)others than its owner may read it: its mode is 0644; run: sudo chmod 0400 \(path); make a new AccessKey if others had access"
      ])
    #expect(
      check(FakeHost.File(uid: 1002, mode: 0o600)) == [
        "\(start)user 'alice' may write to it (its owner); run: sudo chown root \(path)"
      ])
    #expect(check(FakeHost.File(mode: 0o400)) == [] && check(FakeHost.File(uid: 998, mode: 0o600)) == [])
    // An error of its content is enough.
    host.files[path] = FakeHost.File(mode: 0o644)
    #expect(Self.check(host, "", passedKey: { _ in .init(.error, "?", "?") }) == [":3: source.main.credential ?; ?"])
  }

  /// The result of a usual `chmod 600` or `chmod 700`; similar findings had a command.
  @Test func `for a file that the daemon's user can't read, the command that permits it is proposed`() throws {
    func remedy(_ lines: String, _ change: (inout FakeHost) -> Void) throws -> [String] {
      var host = try Self.host()
      host.files[FakeHost.path] = FakeHost.File(text: soundSettings + lines)
      change(&host)
      let scope = CheckScope(unit: InstalledUnit(on: host), trials: .passing())
      let found = SettingsLoader(host: host, check: scope).load(FakeHost.path).diagnostics
      return Array(Set(found.filter { $0.severity == .error }.map(\.remedy))).sorted()
    }
    func settings(_ mode: UInt32, uid: UInt32 = 0, gid: UInt32 = 0) throws -> [String] {
      try remedy("") {
        $0.files[FakeHost.path] = FakeHost.File(uid: uid, gid: gid, mode: mode, isReadable: false)
      }
    }
    let path = FakeHost.path
    #expect(try settings(0o600) == ["run: sudo chgrp rolekeeper \(path) && sudo chmod g+r \(path)"])
    #expect(try settings(0o600, gid: 998) == ["run: sudo chmod g+r \(path)"])
    #expect(try settings(0o200, uid: 998) == ["run: sudo chmod u+r \(path)"])
    #expect(try settings(0o600, gid: 2000) == ["run: sudo chgrp rolekeeper \(path) && sudo chmod g+r \(path)"])
    #expect(try settings(0o640, gid: 2000) == ["let the daemon's user read \(path)"], "the group would lose it")
    #expect(
      try remedy("policy_file = \"p/p.json\"\n") {
        $0.directories["/etc/rolekeeper/p"] = FakeHost.File(mode: 0o700)
        $0.deniedDirectories = ["/etc/rolekeeper/p"]
      } == ["run: sudo chgrp rolekeeper /etc/rolekeeper/p && sudo chmod g+rx /etc/rolekeeper/p"])
    #expect(
      try remedy("policy_file = \"p.json\"\n") {
        $0.files["/etc/rolekeeper/p.json"] = FakeHost.File(isReadable: false)
        $0.links["/etc/rolekeeper/p.json"] = "/etc/shadow"
      } == ["keep it in /etc/rolekeeper, where the daemon's user can read it"])
    for owner: UInt32 in [0, 998] {
      let found = try remedy("[sts]\nproxy = \"http://a@proxy.example:3128\"\nproxy_password_file = \"pw\"\n") {
        $0.files["/etc/rolekeeper/pw"] = FakeHost.File(uid: owner, mode: 0o400)
      }
      #expect(found == (owner == 0 ? ["run: sudo chown rolekeeper /etc/rolekeeper/pw"] : []))
    }
  }
}

extension StartTrials {
  /// All trials succeed, except that `passedKey` decides on the file that systemd will pass.
  static func passing(_ passedKey: ((String) -> Finding?)? = { _ in nil }) -> StartTrials {
    var trials = StartTrials()
    trials.passedKey = passedKey
    return trials
  }
}
