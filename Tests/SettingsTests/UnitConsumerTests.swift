import Core
import Testing

@testable import Settings

/// What `check` finds in units that load credentials from the daemon, and what the loader reports about `units`.
@Suite struct UnitConsumerTests {
  private static let directory = "/etc/systemd/system"
  private static let allowed =
    soundSettings.replacing("users = [\"uploader\"]", with: "users = [\"uploader\"], units = [\"app*.service\"]")

  /// The findings for a unit with this name and [Service] section; `isServed` is whether the settings have
  /// `[credentials]`.
  private static func findings(
    _ unit: String, _ lines: String, isServed: Bool = true, dropIn: String? = nil, refreshing units: String? = nil,
    in settings: String = allowed
  ) -> [String] {
    var host = FakeHost()
    host.files["/usr/lib/systemd/system/rolekeeper.service"] = FakeHost.File(
      text: "[Service]\nUser=rolekeeper\nLoadCredential=access-key:/etc/rolekeeper/access-key\n")
    host.files["/etc/rolekeeper/access-key"] = FakeHost.File(mode: 0o400)
    host.credentialsDirectory = nil
    host.files["\(directory)/\(unit)"] = FakeHost.File(text: "[Service]\n\(lines)\nExecStart=/bin/true\n")
    if let dropIn { host.files["\(directory)/\(unit).d/a.conf"] = FakeHost.File(text: "[Service]\n\(dropIn)\n") }
    let refreshed = units.map { "refresh_units = [\"\($0)\"]\n" } ?? ""
    let text = isServed ? settings + refreshed + "[credentials]\n" : soundSettings
    host.files[FakeHost.path] = FakeHost.File(text: text)
    let scope = CheckScope(unit: InstalledUnit(on: host), trials: .passing { _ in nil })
    return SettingsLoader(host: host, check: scope).load(FakeHost.path).diagnostics.map(\.description)
      .filter { $0.hasPrefix("\(directory)/\(unit)") }
  }

  private static let load = "LoadCredential=uploader:/run/rolekeeper/credentials.sock"

  @Test func `a unit with access that waits for its credential has no finding`() {
    #expect(Self.findings("app.service", "Type=exec\n\(Self.load)") == [])
    #expect(Self.findings("app.service", "Type=oneshot\nTimeoutStartSec=1min\n\(Self.load)") == [])
    #expect(Self.findings("app@.service", "Type=notify\n\(Self.load)") == [])
    #expect(Self.findings("other.service", "LoadCredential=x:/etc/x") == [])
    #expect(Self.findings("app.service", Self.load, dropIn: "Type=exec") == [])
  }

  struct Case: CustomTestStringConvertible {
    let unit: String
    let lines: String
    let sentence: String
    var testDescription: String { lines }

    init(_ lines: String, of unit: String = "app.service", _ sentence: String) {
      (self.unit, self.lines, self.sentence) = (unit, lines, sentence)
    }
  }

  private static let cases = [
    Case(
      load,
      "Type is simple, so systemd takes the unit for started while it still waits for its credential, and for one that never comes, for ever; write Type=exec: sudo systemctl edit app.service"
    ),
    Case(
      "Type=oneshot\n\(load)",
      "TimeoutStartSec is missing, and a oneshot unit without it waits for its credential without end; write TimeoutStartSec=2min, or what the unit takes: sudo systemctl edit app.service"
    ),
    Case(
      "Type=exec\n\(load)", of: "other.service",
      "LoadCredential=uploader isn't open to this unit: roles.uploader.allow doesn't name it; write units = [\"other.service\"] in roles.uploader.allow, if it may have that role"
    ),
    Case(
      "Type=exec\n\(load)", of: "tmpl@.service",
      "LoadCredential=uploader isn't open to any instance of this unit: roles.uploader.allow names none; write units = [\"tmpl@*.service\"] in roles.uploader.allow, if all of them may have that role"
    ),
    Case(
      "Type=exec\nLoadCredential=nobody:/run/rolekeeper/credentials.sock",
      "LoadCredential=nobody names a role that doesn't exist; write [roles.nobody] in the settings, or name another role: sudo systemctl edit app.service"
    ),
    Case(
      "Type=exec\nLoadCredential=uploader.xml:/run/rolekeeper/credentials.sock",
      "LoadCredential=uploader.xml names no credential; write ROLE or ROLE.FORMAT, with FORMAT one of json, env, env-file, aws, aws-process, aws-container, odps, ossutil, aliyun-cli, template: sudo systemctl edit app.service"
    ),
    Case(
      "Type=exec\nLoadCredential=uploader.template:/run/rolekeeper/credentials.sock",
      "LoadCredential=uploader.template names a template, and the files of role 'uploader' have none, or several; write one file with format = \"template\" in [[roles.uploader.files]], or name another format: sudo systemctl edit app.service"
    ),
    Case(
      "Type=exec\n\(load)", of: "app\(String(repeating: "x", count: 65)).service",
      "LoadCredential=uploader and the unit's name have 84 characters together, and systemd's address has room for 83; shorten the unit's name or the role's"
    ),
  ]

  @Test(arguments: cases)
  func `a unit that won't get its credential, or would hang, is a warning`(_ given: Case) {
    #expect(
      Self.findings(given.unit, given.lines) == ["\(Self.directory)/\(given.unit): warning: \(given.sentence)"])
  }

  /// Every start of an instance failed with status 243.
  @Test(arguments: [
    ("units = [\"tmpl@*.service\"]", true), ("units = [\"x.service\", \"tmpl@1.service\"]", true),
    ("units = [\"*.service\"]", true), ("units = [\"*\"]", true), ("units = [\"t?pl@*a?.service\"]", true),
    ("units = [\"foo.service\"]", false), ("units = [\"tmp@*.service\", \"tmpl*.socket\"]", false),
    ("groups = []", false),
  ])
  func `a template has a finding if none of its instances may have the credential`(
    _ given: (units: String, isOpen: Bool)
  ) {
    let text = Self.allowed.replacing("units = [\"app*.service\"]", with: given.units)
    let found = Self.findings("tmpl@.service", "Type=exec\n\(Self.load)", in: text)
    #expect(found.isEmpty == given.isOpen && found.count < 2, "\(found)")
  }

  /// It kept the old credential, while the journal said that it had the new one.
  @Test func `a unit that would be reloaded, but not get its credential by that, is a warning`() {
    func findings(_ lines: String, of unit: String = "app.service", refreshing units: String) -> [String] {
      Self.findings(unit, "\(lines)\n\(Self.load)", refreshing: units)
    }
    let reload = "Type=exec\nExecReload=/bin/kill -HUP $MAINPID"
    func warning(_ key: String, _ unit: String) -> String {
      "\(Self.directory)/\(unit): warning: \(key) makes rolekeeper reload the unit when the role has a new credential, and a reload "
        + "doesn't renew LoadCredential=uploader; take it out, so that the unit is restarted, or, from systemd 260, write "
        + "RefreshOnReload=credentials: sudo systemctl edit \(unit)"
    }
    #expect(findings(reload, refreshing: "app.service") == [warning("ExecReload", "app.service")])
    #expect(
      findings(reload, of: "app@.service", refreshing: "app@*.service") == [warning("ExecReload", "app@.service")])
    #expect(
      findings(reload, of: "app@.service", refreshing: "app@1.service") == [warning("ExecReload", "app@.service")])
    #expect(findings("Type=notify-reload", refreshing: "app*.service") == [warning("Type", "app.service")])
    #expect(findings(reload, refreshing: "other.service") == [])
    #expect(findings("\(reload)\nRefreshOnReload=credentials", refreshing: "app.service") == [])
    #expect(findings("Type=exec", refreshing: "app.service") == [])
  }

  @Test func `names of 83 characters together have no finding`() {
    #expect(Self.findings("app\(String(repeating: "x", count: 64)).service", "Type=exec\n\(Self.load)") == [])
  }

  @Test func `a unit that loads from a socket on which nothing listens is a warning`() {
    #expect(
      Self.findings("app.service", "Type=exec\n\(Self.load)", isServed: false) == [
        "\(Self.directory)/app.service: warning: LoadCredential names '/run/rolekeeper/credentials.sock', where nothing listens; run: sudo systemctl enable --now rolekeeper-credentials.socket; or write [credentials] in the settings"
      ])
  }

  // MARK: - The settings alone

  private static func load(_ text: String, unit: SocketUnit? = nil) -> LoadedSettings {
    var host = FakeHost()
    host.files[FakeHost.path] = FakeHost.File(text: text)
    return SettingsLoader(host: host, credentialsUnit: unit).load(FakeHost.path)
  }

  private static func findings(of text: String, unit: SocketUnit? = nil) -> [String] {
    load(text, unit: unit).diagnostics.map { $0.description.replacing(FakeHost.path, with: "") }
  }

  private static let ours = SocketUnit(path: "/run/x.sock", mode: 0o600, gid: 0)

  @Test func `the socket exists if its table does, or if systemd creates it`() {
    #expect(Self.load(soundSettings).settings.map { $0.credentials == nil } == true)
    let standard = Self.load(soundSettings + "[credentials]\n").settings?.credentials
    #expect(standard == CredentialsSettings(path: "/run/rolekeeper/credentials.sock", wait: .seconds(10)))
    let own = Self.load(soundSettings + "[credentials]\npath = \"/run/rolekeeper/c\"\nwait = \"0s\"\n").settings?
      .credentials
    #expect(own == CredentialsSettings(path: "/run/rolekeeper/c", wait: .zero))
    #expect(
      Self.load(soundSettings, unit: Self.ours).settings?.credentials
        == CredentialsSettings(path: "/run/x.sock", wait: .seconds(10)))
    let both = Self.load(soundSettings + "[credentials]\nwait = \"1min\"\n", unit: Self.ours)
    #expect(
      both.settings?.credentials == CredentialsSettings(path: "/run/x.sock", wait: .seconds(60))
        && both.diagnostics == [])
  }

  @Test func `a path other than that of systemd's socket isn't used, and a warning says so`() {
    #expect(
      Self.findings(of: soundSettings + "[credentials]\npath = \"/run/rolekeeper/c\"\n", unit: Self.ours) == [
        ":10: warning: credentials.path isn't used: rolekeeper-credentials.socket makes the socket '/run/x.sock'; take the line out, or change the socket there: sudo systemctl edit rolekeeper-credentials.socket"
      ])
  }

  @Test func `two sockets can't share a path, and a wait is at most a minute`() {
    #expect(
      Self.findings(of: soundSettings + "[credentials]\npath = \"/run/rolekeeper/rolekeeper.sock\"\n").first?
        .hasPrefix(":10: credentials.path is '/run/rolekeeper/rolekeeper.sock', where [socket] is; ") == true)
    #expect(
      Self.findings(of: soundSettings + "[credentials]\nwait = \"61s\"\n") == [
        ":10: credentials.wait is 61s, allowed are 0s to 1min; write wait = \"1min\" or remove the line to use 10s"
      ])
    #expect(
      Self.load(soundSettings + "[credentials]\npath = \"/run/\(String(repeating: "x", count: 120))\"\n").settings
        == nil)
  }

  @Test func `units need no socket of their own: they may read the API's`() {
    #expect(
      Self.findings(of: Self.allowed) == [] && Self.findings(of: Self.allowed + "[credentials]\n") == []
        && Self.findings(of: Self.allowed, unit: Self.ours) == [])
    #expect(Self.load(Self.allowed).settings?.roles.first?.readers.units.map(\.description) == ["app*.service"])
  }

  private static let anyUnits =
    "set units to a list of names of service, socket, mount or swap units, with * and ? as wildcards, or remove the line to use []"

  @Test(arguments: [
    (
      "app",
      "names 'app', which isn't a .service, .socket, .mount or .swap unit; write units = [\"app.service\"] or remove the line to use []"
    ),
    (
      "app@.service",
      "names 'app@.service', which is a template and never runs itself; write \"app@*.service\" for all its instances"
    ),
    (
      "app.timer",
      "names 'app.timer', which isn't a .service, .socket, .mount or .swap unit; \(anyUnits)"
    ),
    ("session-3.scope", "names 'session-3.scope', which isn't a .service, .socket, .mount or .swap unit; \(anyUnits)"),
    (
      "/etc/app.socket",
      "names '/etc/app.socket', and no unit's name has '/'; write units = [\"app.socket\"] or remove the line to use []"
    ),
    ("a b.service", "names 'a b.service', and no unit's name has ' '; \(anyUnits)"),
    ("[ab].service", "names '[ab].service', and no unit's name has '['; \(anyUnits)"),
    ("", "has an empty name; \(anyUnits)"),
  ])
  func `an invalid unit name is an error`(_ given: (name: String, sentence: String)) {
    let text = Self.allowed.replacing("app*.service", with: given.name) + "[credentials]\n"
    #expect(Self.findings(of: text) == [":8: roles.uploader.allow.units \(given.sentence)"])
  }

  @Test(arguments: [
    (
      "*",
      "names '*', so the programs of every system unit may have the credential; name the units if that isn't meant"
    ),
    (
      "user@1000.service",
      "names 'user@1000.service', and over the socket nothing that runs below a user's service manager matches, only the LoadCredential= of that unit itself; write the user in users = […] if the user's programs are meant"
    ),
  ])
  func `a name that is seldom meant is a note`(_ given: (name: String, sentence: String)) {
    let text = Self.allowed.replacing("app*.service", with: given.name)
    #expect(Self.findings(of: text) == [":8: note: roles.uploader.allow.units \(given.sentence)"])
  }

  @Test func `a role whose only readers are units has readers`() {
    let text = soundSettings.replacing("users = [\"uploader\"]", with: "units = [\"app.service\", \"app.service\"]")
    let loaded = Self.load(text + "[credentials]\n")
    #expect(loaded.diagnostics == [] && loaded.settings?.roles.first?.readers.units.count == 1)
  }

  @Test(arguments: [
    ("ProtectProc=default\n", false), ("", false), ("ProtectProc=invisible\n", true),
    ("ProtectProc=ptraceable\n", true),
  ])
  func `where the daemon's unit hides processes, units can't be identified at the socket, and check reports that`(
    _ given: (line: String, warns: Bool)
  ) {
    var host = FakeHost()
    host.files["/usr/lib/systemd/system/rolekeeper.service"] = FakeHost.File(
      text: "[Service]\nUser=rolekeeper\n\(given.line)LoadCredential=access-key:/etc/rolekeeper/access-key\n")
    host.files["/etc/rolekeeper/access-key"] = FakeHost.File(mode: 0o400)
    host.credentialsDirectory = nil
    func warnings(_ text: String) -> [String] {
      host.files[FakeHost.path] = FakeHost.File(text: text)
      let scope = CheckScope(unit: InstalledUnit(on: host), trials: .passing { _ in nil })
      return SettingsLoader(host: host, check: scope).load(FakeHost.path).diagnostics.map(\.description)
        .filter { $0.contains("ProtectProc=") }
    }
    let expected =
      "\(FakeHost.path):8: warning: roles.uploader.allow.units names units, and ProtectProc= in the daemon's unit hides which unit a reader of the socket belongs to; take ProtectProc= out of the drop-ins of rolekeeper.service, or name the units' users, too; LoadCredential= isn't affected"
    #expect(warnings(Self.allowed) == (given.warns ? [expected] : []))
    #expect(warnings(soundSettings) == [])
  }

  private static let noCapability = "CapabilityBoundingSet=\nAmbientCapabilities=\n"

  /// The file couldn't be written, and check had no finding.
  @Test(arguments: [
    ("", "owner = \"alice\"\n", nil), ("", "group = \"media\"\n", nil), (noCapability, "", nil),
    (noCapability, "owner = \"rolekeeper\"\n", nil), (noCapability, "owner = \"alice\"\n", "owner"),
    (noCapability, "group = \"media\"\n", "group"), ("AmbientCapabilities=\n", "owner = \"alice\"\n", "owner"),
    ("CapabilityBoundingSet=~CAP_CHOWN\n", "owner = \"alice\"\n", "owner"),
    ("CapabilityBoundingSet=\nCapabilityBoundingSet=CAP_KILL cap_chown\n", "owner = \"alice\"\n", nil),
    ("CapabilityBoundingSet=\nCapabilityBoundingSet=~CAP_KILL\n", "owner = \"alice\"\n", nil),
    ("User=root\nAmbientCapabilities=\n", "owner = \"alice\"\n", nil),
  ])
  func `where the daemon's unit has no CAP_CHOWN, a file for others can't be written, and check reports that`(
    _ given: (dropIn: String, lines: String, key: String?)
  ) {
    var host = FakeHost()
    let unit = "/rolekeeper.service"
    host.files["/usr/lib/systemd/system\(unit)"] = FakeHost.File(
      text:
        "[Service]\nUser=rolekeeper\nCapabilityBoundingSet=CAP_CHOWN\nAmbientCapabilities=CAP_CHOWN\nLoadCredential=access-key:/etc/rolekeeper/access-key\n"
    )
    host.files["\(Self.directory)\(unit).d/a.conf"] = FakeHost.File(text: "[Service]\n\(given.dropIn)")
    host.files["/etc/rolekeeper/access-key"] = FakeHost.File(mode: 0o400)
    host.credentialsDirectory = nil
    let file = "[[roles.uploader.files]]\npath = \"a\"\n"
    host.files[FakeHost.path] = FakeHost.File(text: "\(soundSettings)\(file)\(given.lines)")
    let scope = CheckScope(unit: InstalledUnit(on: host), trials: .passing { _ in nil })
    let found = SettingsLoader(host: host, check: scope).load(FakeHost.path).diagnostics.map(\.description)
    let expected = given.key.map {
      "\(FakeHost.path):11: warning: roles.uploader.files.\($0) gives the file to another user or group than the daemon's, which takes CAP_CHOWN, and the daemon's unit doesn't have that, so the file can't be written; take CapabilityBoundingSet=, AmbientCapabilities= and SystemCallFilter= out of the drop-ins of rolekeeper.service, or remove owner and group"
    }
    #expect(found == [expected].compactMap(\.self))
  }

  // MARK: - Reloads

  @Test func `the loss of the table is a loss, and so is that of all units`() throws {
    let old = try #require(Self.load(Self.allowed + "[credentials]\n").settings)
    let without = try #require(Self.load(Self.allowed).settings)
    #expect(without.difference(from: old).losses.map(\.place.key) == ["credentials"])
    let nobody = try #require(
      Self.load(Self.allowed.replacing("users = [\"uploader\"], ", with: "") + "[credentials]\n").settings)
    let lost = try #require(
      Self.load(soundSettings.replacing("users = [\"uploader\"]", with: "") + "[credentials]\n").settings)
    #expect(lost.difference(from: nobody).losses.map(\.place.key) == ["roles.uploader.allow"])
    let one = try #require(Self.load(soundSettings + "[credentials]\n").settings)
    #expect(
      one.difference(from: old).warnings.map(\.problem) == [
        "no longer has unit 'app*.service', so the role isn't open to it any more"
      ])
  }
}
