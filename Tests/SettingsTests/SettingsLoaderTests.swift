import Core
import Settings
import TestSupport
import Testing

@Suite struct SettingsLoaderTests {
  @Test func `keys that aren't written have their defaults`() throws {
    let loaded = FakeHost().load(soundSettings)
    #expect(loaded.diagnostics.map(\.description) == [])
    let settings = try #require(loaded.settings)

    #expect(
      settings.sources == [
        SourceSettings(
          name: "main",
          accessKey: .credential(name: "access-key", path: "/run/credentials/rolekeeper.service/access-key"))
      ])
    #expect(settings.sts.endpoint == Endpoint("sts.aliyuncs.com"))
    #expect(settings.sts.caFile == nil)
    #expect(settings.sts.connectTimeout == .seconds(3))
    #expect(settings.sts.timeout == .seconds(10))
    #expect(settings.sts.requestsPerSecond == 2)
    #expect(settings.sts.burst == 20)
    #expect(settings.socket.path == "/run/rolekeeper/rolekeeper.sock")
    #expect(settings.socket.mode == 0o660)
    #expect(settings.socket.gid == 997)
    #expect(settings.socket.maxConnections == 1024)
    #expect(settings.socket.maxConnectionsPerUID == 64)
    #expect(settings.filesDirectory == "/run/rolekeeper/roles")
    #expect(settings.admins == AccessRule())
    #expect(settings.logLevel == .notice)

    let role = try #require(settings.roles.first)
    #expect(role.name == RoleName("uploader"))
    #expect(role.arn == RoleARN("acs:ram::1234567890123456:role/ramtestupload"))
    #expect(role.timing == RoleTiming())
    #expect(role.sessionName == .standard)
    #expect(role.policy == nil)
    #expect(role.externalID == nil)
    #expect(role.source == "main")
    #expect(role.readers == AccessRule(uids: [1001]))
    #expect(role.outputs == [])
  }

  @Test func `written values are used`() throws {
    var host = FakeHost()
    host.files["/etc/rolekeeper/ca.pem"] = FakeHost.File(text: "-----BEGIN CERTIFICATE-----\n")
    host.files["/etc/rolekeeper/key.csv"] = FakeHost.File(uid: 998, mode: 0o400)
    let text = """
      [source.main]
      type = "access-key"
      file = "key.csv"
      [source.backup]
      type = "access-key"
      credential = "access-key"
      [sts]
      endpoint = "127.0.0.1:8443"
      ca_file = "ca.pem"
      connect_timeout = "1s"
      timeout = "5s"
      requests_per_second = 0.5
      burst = 3
      [socket]
      path = "/tmp/x//a.sock"
      mode = "0666"
      group = 997
      max_connections = 10
      max_connections_per_uid = 5
      [files]
      directory = "/tmp/x/roles/"
      [access]
      admin_users = ["alice", 1007]
      admin_groups = ["media"]
      [log]
      level = "debug"
      [roles.downloader]
      role_arn = "acs:ram::1234567890123456:role/a.b-c"
      session_name = "{role}@{host}"
      duration = "2h"
      max_duration = "12h"
      external_id = "x:1/2"
      source = "backup"
      pool = 3
      refresh_after = "45min"
      floor = "30min"
      survive_outage = "15min"
      lapse_margin = "1s"
      required = true
      [roles.downloader.allow]
      users = ["uploader", 1007]
      groups = ["media", 5000]
      [[roles.downloader.files]]
      path = "a.json"
      owner = "alice"
      mode = "0440"
      [[roles.downloader.files]]
      path = "/srv/b.env"
      format = "env"
      group = "media"
      mode = "0644"
      allow_world_readable = true
      """
    let loaded = host.load(text)
    #expect(loaded.diagnostics.map(\.description) == [])
    let settings = try #require(loaded.settings)
    #expect(
      settings.sources.map(\.accessKey) == [
        .file(path: "/etc/rolekeeper/key.csv"),
        .credential(name: "access-key", path: "/run/credentials/rolekeeper.service/access-key"),
      ])
    #expect(settings.sts.endpoint.description == "127.0.0.1:8443")
    #expect(settings.sts.caFile == "/etc/rolekeeper/ca.pem")
    #expect(settings.sts.connectTimeout == .seconds(1))
    #expect(settings.sts.timeout == .seconds(5))
    #expect(settings.sts.requestsPerSecond == 0.5)
    #expect(settings.sts.burst == 3)
    #expect(settings.socket.path == "/tmp/x/a.sock")
    #expect(settings.socket.mode == 0o666)
    #expect(settings.socket.gid == 997)
    #expect(settings.socket.maxConnections == 10)
    #expect(settings.socket.maxConnectionsPerUID == 5)
    #expect(settings.filesDirectory == "/tmp/x/roles")
    #expect(settings.admins == AccessRule(uids: [1002, 1007], gids: [2000]))
    #expect(settings.logLevel == .debug)
    let role = try #require(settings.roles.first)
    #expect(
      role.timing
        == RoleTiming(
          duration: .hours(2), maxDuration: .hours(12), pool: 3, refreshAfter: .minutes(45), floor: .minutes(30),
          surviveOutage: .minutes(15), lapseMargin: .seconds(1)))
    #expect(role.sessionName.description == "{role}@{host}")
    #expect(role.externalID == "x:1/2")
    #expect(role.source == "backup")
    #expect(role.isRequired)
    #expect(role.readers == AccessRule(uids: [1001, 1007], gids: [2000, 5000]))
    let files = role.outputs
    #expect(files.map(\.location) == [.roleDirectory(name: "a.json"), .elsewhere(path: "/srv/b.env")])
    #expect(files.map(\.format) == [.known(.json), .known(.env)])
    #expect(files.map(\.uid) == [1002, 998])
    #expect(files.map(\.gid) == [1002, 2000])
    #expect(files.map(\.mode) == [0o440, 0o644])
  }

  @Test func `roles also come from roles_d, in the order of its file names`() throws {
    func role(_ name: String) -> String { "[roles.\(name)]\nrole_arn = \"acs:ram::1234567890123456:role/a\"\n" }
    let loaded = FakeHost().load(
      soundSettings,
      rolesD: ["20.toml": role("b"), "10.toml": role("c") + role("a"), ".hidden.toml": "?", "x.toml~": "?"])
    #expect(loaded.diagnostics == [])
    #expect(loaded.settings?.roles.map(\.name.description) == ["uploader", "c", "a", "b"])
  }

  @Test func `one run reports all findings of all files, by file and line`() {
    let loaded = FakeHost().load(
      soundSettings + "pool = 0\ncolour = 1\n[log]\nlevel = 1\n[sts]\nburst = 0\n",
      rolesD: ["b.toml": "x", "a.toml": "[roles.a]\npool = 0\n"])
    #expect(loaded.settings == nil)
    #expect(
      loaded.diagnostics.map { "\($0.place) \($0.place.key)" } == [
        "/etc/rolekeeper/rolekeeper.toml:9 roles.uploader.pool",
        "/etc/rolekeeper/rolekeeper.toml:10 roles.uploader.colour",
        "/etc/rolekeeper/rolekeeper.toml:12 log.level", "/etc/rolekeeper/rolekeeper.toml:14 sts.burst",
        "/etc/rolekeeper/roles.d/a.toml:1 roles.a.role_arn", "/etc/rolekeeper/roles.d/a.toml:2 roles.a.pool",
        "/etc/rolekeeper/roles.d/b.toml:1 ",
      ])
  }

  @Test func `equal texts make equal settings, and different ones don't`() {
    let settings = FakeHost().load(soundSettings).settings
    #expect(settings == FakeHost().load("# a comment\n" + soundSettings).settings)
    #expect(settings != FakeHost().load(soundSettings + "pool = 3").settings)
  }

  @Test func `ten thousand roles load`() {
    let roles = (0..<10_000).map { number in
      """
      [roles.role-\(number)]
      role_arn = "acs:ram::1234567890123456:role/role-\(number)"
      allow = { users = ["uploader"], groups = ["media"] }
      [[roles.role-\(number).files]]
      path = "credentials.json"
      owner = "uploader"

      """
    }
    let loaded = FakeHost().load(
      soundSettings.replacing("[socket]", with: "[sts]\nrequests_per_second = 20\n[socket]"),
      rolesD: ["all.toml": roles.joined()])
    #expect(loaded.diagnostics.map(\.description) == [])
    #expect(loaded.settings?.roles.count == 10_001)
  }

  /// Whatever a file contains, the result is settings or an error, and never a crash.
  @Test func `broken files are reported and never crash the loader`() {
    var chance = SeededGenerator(seed: 7)
    let sound = Array(
      (soundSettings + "duration = \"1h\"\n[[roles.uploader.files]]\npath = \"a\"\nmode = \"0440\"\n").utf8)
    for _ in 0..<400 {
      var text = sound
      for _ in 0..<Int.random(in: 1...4, using: &chance) {
        let at = Int.random(in: 0..<text.count, using: &chance)
        switch Int.random(in: 0..<3, using: &chance) {
        case 0: text.remove(at: at)
        case 1: text[at] = UInt8.random(in: 0...255, using: &chance)
        default: text.insert(contentsOf: text[0..<Int.random(in: 0...at, using: &chance)].suffix(20), at: at)
        }
      }
      let loaded = FakeHost().load(String(decoding: text, as: UTF8.self))
      #expect((loaded.settings == nil) == loaded.diagnostics.contains { $0.severity == .error })
    }
  }
}

/// Byte order marks, which some editors write before a text.
@Suite struct ByteOrderMarkReadingTests {
  static let policy =
    #"{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "oss:GetObject", "Resource": "*"}]}"#

  @Test func `a byte order mark before the settings, a file of roles or a policy is skipped`() {
    var host = FakeHost()
    host.files["/etc/rolekeeper/p.json"] = FakeHost.File(text: "\u{FEFF}" + Self.policy)
    let role = "\u{FEFF}[roles.other]\nrole_arn = \"acs:ram::1234567890123456:role/a\"\n"
    let loaded = host.load("\u{FEFF}" + soundSettings + "policy_file = \"p.json\"\n", rolesD: ["a.toml": role])
    #expect(loaded.diagnostics.map(\.description) == [])
    #expect(loaded.settings?.roles.count == 2 && loaded.settings?.roles[0].policy?.first == UInt8(ascii: "{"))
  }

  @Test func `a byte order mark doesn't change line numbers`() {
    let loaded = FakeHost().load("\u{FEFF}" + soundSettings + "what = 1\n")
    #expect(loaded.diagnostics.first?.place.line == 9)
  }

  @Test func `UTF-16 is reported as such`() throws {
    struct Host16: Host {
      let base: FakeHost
      let path: String
      var name: String { base.name }
      var uid: UInt32 { base.uid }
      var gid: UInt32 { base.gid }
      var workingDirectory: String { base.workingDirectory }
      var credentialsDirectory: String? { base.credentialsDirectory }
      func user(named name: String) throws(HostError) -> HostUser? { try base.user(named: name) }
      func user(uid: UInt32) throws(HostError) -> HostUser? { try base.user(uid: uid) }
      func group(named name: String) throws(HostError) -> HostGroup? { try base.group(named: name) }
      func group(gid: UInt32) throws(HostError) -> HostGroup? { try base.group(gid: gid) }
      func groups(of user: HostUser) -> Set<UInt32> { base.groups(of: user) }
      func status(of path: String) throws(HostError) -> FileStatus { try base.status(of: path) }
      func realPath(of path: String) throws(HostError) -> String { try base.realPath(of: path) }
      func mayWrite(to directory: String) -> Bool { base.mayWrite(to: directory) }
      func names(in directory: String) throws(HostError) -> [String] { try base.names(in: directory) }
      func read(_ path: String, limit: Int) throws(HostError) -> (status: FileStatus, bytes: [UInt8]) {
        let (status, bytes) = try base.read(path, limit: limit)
        return (status, path == self.path ? [0xFF, 0xFE] + bytes.flatMap { [$0, 0] } : bytes)
      }
    }
    var base = FakeHost()
    base.files["/etc/rolekeeper/p.json"] = FakeHost.File(text: Self.policy)
    base.files[FakeHost.path] = FakeHost.File(text: soundSettings + "policy_file = \"p.json\"\n")
    func findings(in path: String) -> [String] {
      SettingsLoader(host: Host16(base: base, path: path)).load(FakeHost.path).diagnostics.map(\.description)
    }
    #expect(
      findings(in: FakeHost.path).first == "\(FakeHost.path): this is UTF-16; save it as UTF-8, which is what TOML is")
    #expect(
      findings(in: "/etc/rolekeeper/p.json") == [
        "\(FakeHost.path):9: roles.uploader.policy_file names '/etc/rolekeeper/p.json', which is UTF-16; save it as UTF-8, which is what JSON is"
      ])
  }
}
