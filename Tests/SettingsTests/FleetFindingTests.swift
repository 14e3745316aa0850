import Core
import Testing

@testable import Settings

@Suite struct FleetFindingTests {
  private static var host: FakeHost {
    var host = FakeHost()
    host.users += [
      HostUser(name: "rolekeeper-nginx", uid: 990, gid: 990), HostUser(name: "www-data", uid: 33, gid: 33),
    ]
    host.memberships["rolekeeper-nginx"] = [997]
    host.memberships["www-data"] = [997]
    return host
  }

  private static let hosts = "hosts = [\"*.prod.example\", \"spiffe://prod.example/web/*\"]"
  private static let tier = """
    [source.main]
    type = "access-key"
    credential = "access-key"
    [socket]
    group = "rolekeeper-clients"
    [fleet]
    trusted_proxy = "rolekeeper-nginx"
    [roles.uploader]
    role_arn = "acs:ram::1234567890123456:role/ramtestupload"

    """

  private static func found(_ text: String) -> [String] {
    host.load(text).diagnostics.map { $0.description.replacing(FakeHost.path, with: "") }
  }

  @Test func `the proxy and the hosts are read, and this machine's name is the tier's`() throws {
    let loaded = Self.host.load(Self.tier + "allow = { \(Self.hosts) }\n")
    #expect(loaded.diagnostics.map(\.description) == [])
    let settings = try #require(loaded.settings)
    #expect(settings.fleet == FleetSettings(trustedProxy: 990, tier: "media7"))
    #expect(settings.roles[0].readers.hosts.map(\.description) == ["*.prod.example", "spiffe://prod.example/web/*"])
    #expect(Self.host.load(soundSettings).settings?.fleet == nil)
  }

  /// A tier for 200 hosts ran with 100 connections, and half of them were refused.
  @Test(arguments: [nil, 300] as [Int?]) func `check notes how many hosts can wait, and the daemon doesn't`(
    _ most: Int?
  ) {
    let connections = most.map { "max_connections = \($0)\n" } ?? ""
    let text = Self.tier.replacing("[fleet]", with: "\(connections)[fleet]") + "allow = { \(Self.hosts) }\n"
    #expect(Self.found(text) == [])
    var host = Self.host
    host.files[FakeHost.path] = FakeHost.File(text: text)
    let loaded = SettingsLoader(host: host, check: CheckScope(unit: nil)).load(FakeHost.path)
    let number = most ?? 1024
    #expect(
      loaded.diagnostics.map(\.description).contains {
        $0.contains(
          "note: fleet.trusted_proxy is set, and max_connections is \(number), so \(number) hosts at most can wait here at the same time; write max_connections in [socket] as the number of hosts that ask this machine while the others are away, plus 100"
        )
      }, "\(loaded.diagnostics)")
  }

  @Test(arguments: [
    ("root", "is root, who may read every role anyway"), ("rolekeeper", "is the daemon's own user"),
    ("www-data", "is 'www-data', as which other programs run, too; each of them could have the roles of every host"),
  ])
  func `a user that has other rights, or runs other things, is refused`(_ given: (user: String, problem: String)) {
    let text = Self.tier.replacing("rolekeeper-nginx", with: given.user) + "allow = { \(Self.hosts) }\n"
    #expect(
      Self.found(text) == [
        ":7: fleet.trusted_proxy \(given.problem); write a user that runs that nginx and nothing else; to create one: sudo useradd --system --no-create-home --shell /usr/sbin/nologin --groups rolekeeper-clients rolekeeper-nginx"
      ])
  }

  /// The fix was to remove the line, which is needed.
  @Test(arguments: [("true", "a boolean"), ("[\"rolekeeper-nginx\"]", "a list"), ("-1", nil)] as [(String, String?)])
  func `a value that is no user is answered with one`(value: String, type: String?) {
    let problem =
      type.map { "has \($0), expected a user's name or number" } ?? "has \(value), which is no user's number"
    let text = Self.tier.replacing("\"rolekeeper-nginx\"", with: value) + "allow = { \(Self.hosts) }\n"
    #expect(
      Self.found(text) == [":7: fleet.trusted_proxy \(problem); write trusted_proxy = \"rolekeeper-nginx\""])
  }

  @Test func `a user that is an admin, or may read a role or a scope, is refused`() {
    let allow = "allow = { users = [\"rolekeeper-nginx\"], \(Self.hosts) }\n"
    let admins = "[access]\nadmin_users = [990]\n"
    let sentence = { (key: String) in
      ":7: fleet.trusted_proxy is a user that '\(key)' names, too, and that user's requests count for other hosts only; give nginx a user of its own, or take this one out of '\(key)'"
    }
    #expect(
      Self.found(Self.tier + allow + admins) == [
        sentence("access.admin_users"), sentence("roles.uploader.allow.users"),
      ])
  }

  @Test func `hosts without a proxy get nothing, nor does a proxy without hosts serve any`() {
    let without = Self.tier.replacing("[fleet]\ntrusted_proxy = \"rolekeeper-nginx\"\n", with: "\n\n")
    #expect(
      Self.found(without + "allow = { \(Self.hosts) }\n") == [
        ":10: warning: roles.uploader.allow.hosts names hosts, and without [fleet] no other host is served; write [fleet] with trusted_proxy = \"rolekeeper-nginx\", or remove hosts"
      ])
    #expect(
      Self.found(Self.tier + "allow = { users = [\"uploader\"] }\n") == [
        ":7: note: fleet.trusted_proxy is set, and no role names hosts, so no host gets anything; write hosts = [\"*.prod.example\"] in the allow of roles"
      ])
  }

  @Test func `a proxy that can't reach the socket is noticed`() {
    var host = Self.host
    host.memberships["rolekeeper-nginx"] = []
    let found = host.load(Self.tier + "allow = { \(Self.hosts) }\n").diagnostics.map(\.description)
    #expect(
      found.count == 1 && found[0].contains("trusted_proxy names user 'rolekeeper-nginx', who can't reach the socket"))
  }

  @Test(arguments: [
    ("web7/x", "and no host's name has a slash or a colon; a URI begins with SCHEME://"),
    ("spiffe://", "which isn't SCHEME://… in printable ASCII, with the scheme in full"),
    ("web 7.example", "which no DNS name can match: those are letters, digits, - and _ between dots"),
  ])
  func `what no host can be called is refused`(_ given: (text: String, problem: String)) {
    #expect(
      Self.found(Self.tier + "allow = { hosts = [\"\(given.text)\", \"a.example\"] }\n") == [
        ":10: roles.uploader.allow.hosts names '\(given.text)', \(given.problem); set hosts to a list of names of hosts, with * and ** as wildcards, or remove the line to use []"
      ])
  }

  @Test func `a pattern for every host is allowed, with a note`() {
    #expect(
      Self.found(Self.tier + "allow = { hosts = [\"**\", \"**\"] }\n").map { $0.contains("so every host") } == [
        true, true,
      ])
  }

  @Test func `hosts go with sessions that readers share, and with roles, not with scopes`() {
    let perUser = Self.found(Self.tier + "session_per = \"user\"\nallow = { \(Self.hosts) }\n")
    #expect(
      perUser.map { $0.contains("roles.uploader.allow.hosts goes with sessions that readers share") } == [true])
    var host = Self.host
    host.files["/etc/rolekeeper/e.json"] = FakeHost.File(
      text: #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:*","Resource":"*"}]}"#)
    let scope =
      "allow = { \(Self.hosts) }\n[roles.uploader.scopes.encode]\npolicy_file = \"e.json\"\nallow = { \(Self.hosts) }\n"
    let found = host.load(Self.tier + scope).diagnostics.map(\.description)
    #expect(found.map { $0.contains("scopes.encode.allow.hosts goes with the allow of a role") } == [true], "\(found)")
  }

  @Test func `an empty proxy is named as that`() {
    let text = Self.tier.replacing("\"rolekeeper-nginx\"", with: "\"\"") + "allow = { \(Self.hosts) }\n"
    #expect(
      Self.found(text) == [
        ":7: fleet.trusted_proxy is empty; write trusted_proxy = \"rolekeeper-nginx\", or take [fleet] out"
      ])
  }

  /// The quota's share of each was so small that a throttled machine got no session.
  @Test func `the number of the hosts that a machine serves isn't fleet_size`() {
    func found(_ size: Int) -> [String] {
      Self.found(
        Self.tier.replacing("[socket]", with: "[sts]\nfleet_size = \(size)\n[socket]") + "allow = { \(Self.hosts) }\n")
    }
    #expect(found(3) == [] && found(100) == [])
    #expect(
      found(100_000) == [
        ":5: warning: sts.fleet_size is 100000, and this machine serves other hosts ([fleet]), which don't call STS; write how many machines the tier has, and add the hosts with fallback = \"direct\" only if all of them may call STS at once"
      ])
  }

  @Test func `hosts are divided into shards, all of which the rate has to allow for`() throws {
    let shards = "session_per = \"shard\"\nallow = { \(Self.hosts) }\n"
    let loaded = Self.host.load(Self.tier + shards)
    #expect(loaded.diagnostics.map(\.description) == [])
    let role = try #require(loaded.settings?.roles.first)
    #expect(role.derivation.settings?.shards == 64 && "\(role.sessionName)" == "{host}-{role}-{shard}")
    let key = role.sessionKey(ofHost: 130)
    #expect(key.shard == 2 && role.sessionKey(scope: nil, uid: 7) == SessionKey(role: role.name))
    let derived = try #require(role.derived(key, for: nil))
    #expect(derived.timing == role.timing, "a whole ring")
    #expect(try derived.sessionName.expand(host: "tier1", role: role.name, slot: "1") == "tier1-uploader-s2")
    #expect(role.derived(SessionKey(role: role.name, shard: 64), for: nil) == nil)
    // 4096 rings of a session each 15 min.
    let many = Self.found(Self.tier + "shards = 4096\n" + shards)
    #expect(many.count == 1 && many[0].contains("the roles' refreshes take 4.56 per second, 4.56 of them"), "\(many)")
  }

  @Test func `a name without the shard, shards without hosts, and a short idle are found`() {
    func problems(_ lines: String, hosts: String = Self.hosts) -> [String] {
      let allow = hosts.isEmpty ? "allow = { users = [\"uploader\"] }\n" : "allow = { \(hosts) }\n"
      return Self.found(Self.tier + lines + allow).filter { !$0.contains("no host gets anything") }
    }
    let perShard = "session_per = \"shard\"\n"
    #expect(problems(perShard + "session_name = \"{host}\"\n").map { $0.contains("lacks {shard}") } == [true])
    #expect(
      problems("session_name = \"{host}-{shard}\"\n").map { $0.contains("which goes with session_per = \"shard\"") }
        == [true])
    #expect(problems("shards = 8\n").map { $0.contains("shards goes with session_per = \"shard\" only") } == [true])
    #expect(problems(perShard, hosts: "").map { $0.contains("the role's allow names no hosts") } == [true])
    #expect(problems(perShard + "idle = \"14min\"\n").map { $0.contains("write idle = \"15min\" or longer") } == [true])
    #expect(problems(perShard + "idle = \"15min\"\n") == [])
  }

  /// The defaults leave 135 s, of which hosts take 108.
  @Test func `a role's times have to suffice for the way to its hosts, too`() {
    let tight = "floor = \"22min\"\n"
    #expect(
      Self.found(Self.tier + tight + "allow = { users = [\"uploader\"], hosts = [] }\n").filter { $0.contains("floor") }
        == [])
    let found = Self.found(Self.tier + tight + "allow = { \(Self.hosts) }\n")
    #expect(found.count == 1 && found[0].contains("1min48s of it for the way to other hosts"), "\(found)")
  }

  @Test func `hosts that a reload takes away are named, and so is a fleet that is gone`() throws {
    let old = try #require(Self.host.load(Self.tier + "allow = { \(Self.hosts) }\n").settings)
    let fewer = try #require(Self.host.load(Self.tier + "allow = { hosts = [\"*.prod.example\"] }\n").settings)
    #expect(
      fewer.difference(from: old).warnings.map(\.problem) == [
        "no longer has host 'spiffe://prod.example/web/*', so the role isn't open to it any more"
      ])
    let without = Self.tier.replacing("[fleet]\ntrusted_proxy = \"rolekeeper-nginx\"\n", with: "")
    let gone = try #require(Self.host.load(without + "allow = { \(Self.hosts) }\n").settings)
    #expect(
      gone.difference(from: old).losses.map(\.problem) == [
        "is missing, and no other host would get a credential any more"
      ])
  }
}
