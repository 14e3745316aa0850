import Core
import Testing

@testable import Settings

/// Scopes and sessions per user in the settings.
@Suite struct DerivationTests {
  private static func policy(_ action: String) -> FakeHost.File {
    FakeHost.File(
      text: #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"\#(action)","Resource":"*"}]}"#)
  }

  private static var host: FakeHost {
    var host = FakeHost()
    host.files["/etc/rolekeeper/get.json"] = policy("oss:GetObject")
    host.files["/etc/rolekeeper/oss.json"] = policy("oss:*")
    return host
  }

  private static func role(_ lines: String) throws -> RoleSettings {
    let loaded = host.load(soundSettings + lines)
    return try #require(loaded.settings?.roles.first, "\(loaded.diagnostics.map(\.description))")
  }

  private static let scope = "[roles.uploader.scopes.encode]\npolicy_file = \"get.json\"\n"

  @Test func `a role has neither unless they are written`() throws {
    let role = try Self.role("")
    #expect(role.derivation == .none && role.derivation.scopes.isEmpty && !role.derivation.isPerUser)
    #expect(role.sessionKey(scope: nil, uid: 7) == SessionKey(role: role.name))
  }

  @Test func `a scope is read, and its session follows from it and the role`() throws {
    let role = try Self.role(
      "policy_file = \"oss.json\"\n" + Self.scope
        + "max_duration = \"30min\"\nsession_name = \"{scope}-of-{role}\"\nallow = { users = [7] }")
    let scope = try #require(role.derivation.scope(RoleName("encode")!))
    #expect(scope.readers == AccessRule(uids: [7]) && scope.maxDuration == .minutes(30))
    #expect(role.derivation.settings?.idle == .hours(2))
    let key = role.sessionKey(scope: scope.name, uid: 7)
    #expect(key == SessionKey(role: role.name, scope: scope.name))
    let session = try #require(role.derived(key, for: nil))
    #expect(session.policy == scope.policy && session.policy != role.policy && session.arn == role.arn)
    #expect(try session.sessionName.expand(host: "h", role: role.name, slot: "0") == "encode-of-uploader")
    #expect(session.timing.pool == 1 && session.timing.duration == .minutes(30))
    #expect(session.timing.refreshAfter == .seconds(450) && session.timing.floor == .minutes(10))
    #expect(role.derived(SessionKey(role: role.name, scope: RoleName("other")!), for: nil) == nil)
    #expect(role.derived(SessionKey(role: role.name, uid: 7), for: nil) == nil)
  }

  @Test func `users' sessions have their names, and a scope's name besides`() throws {
    let role = try Self.role(
      "session_per = \"user\"\nmax_users = 5\nsource_identity = true\nidle = \"1h\"\n" + Self.scope)
    #expect(role.derivation.settings?.users == UserSessions(most: 5, isSourceIdentity: true))
    #expect(role.derivation.settings?.mostSessions == 10)
    func name(_ scope: String?, _ user: UserLabel) throws -> String {
      let key = role.sessionKey(scope: scope.flatMap { RoleName($0) }, uid: 1007)
      let session = try #require(role.derived(key, for: user))
      return try session.sessionName.expand(host: "media7", role: role.name, slot: "0")
    }
    #expect(try name(nil, UserLabel(uid: 1007, name: "anna")) == "media7-uploader-anna")
    #expect(try name("encode", UserLabel(uid: 1007, name: "jörg")) == "media7-uploader-j-rg-u1007@encode")
    let long = try name("encode", UserLabel(uid: 1007, name: String(repeating: "n", count: 32)))
    #expect(long.utf8.count <= 64 && long.hasSuffix("@encode"), "\(long)")
    #expect(try role.sessionName.expand(host: "h", role: role.name, slot: "1") == "h-uploader-1")
  }

  /// The rate was reserved for a call every 19 s.
  @Test func `a scope with short sessions counts with the calls that it makes`() throws {
    let role = try Self.role(
      "duration = \"12h\"\nrefresh_after = \"30min\"\n" + Self.scope + "max_duration = \"15min\"\n")
    #expect(role.derivedCallsPerSecond == 1 / 225.0)
  }

  /// In a template with `{slot}`, `{scope}` took its place.
  @Test func `a scope's name follows after @ where the role's has a user, whatever else that has`() throws {
    for (text, name) in [
      ("{user}-{slot}", "anna-0@encode"), ("{slot}.{user}", "0.anna@encode"), ("u.{user}", "u.anna@encode"),
      ("{user}-{role}", "anna-uploader@encode"),
    ] {
      let role = try Self.role("session_per = \"user\"\nsession_name = \"\(text)\"\n" + Self.scope)
      let key = role.sessionKey(scope: RoleName("encode")!, uid: 1007)
      let session = try #require(role.derived(key, for: UserLabel(uid: 1007, name: "anna")))
      #expect(try session.sessionName.expand(host: "h", role: role.name, slot: "0") == name)
    }
  }

  struct Naming: CustomTestStringConvertible {
    let role: String
    /// `session_name` of the scopes `c` and `b-c`; nil for none.
    let scopes: [String?]
    /// The lines of the refused ones.
    let refused: [Int]

    var testDescription: String { "\(role) with \(scopes.map { $0 ?? "none" })" }
  }

  /// The sessions of user `a` in the scope `b-c`, and of user `a-b` in the scope `c`, had the same name.
  @Test(arguments: [
    Naming(role: "{user}.r", scopes: ["{user}-{scope}", "{user}-{scope}"], refused: [16]),
    Naming(role: "{host}-{user}", scopes: ["{host}-{user}-{scope}", nil], refused: [13]),
    Naming(role: "x.{user}", scopes: ["{user}-{scope}", "{user}-{scope}"], refused: [13, 16]),
    Naming(role: "{host}-{role}-{user}", scopes: ["{user}-{scope}"], refused: [13]),
    Naming(role: "{host}-{role}-{user}", scopes: ["{host}-{role}-{scope}-{user}"], refused: [13]),
    Naming(role: "r.{user}", scopes: ["{scope}.{user}", "{scope}.{user}"], refused: []),
    Naming(role: "r.{user}", scopes: ["s-{user}", "s-{user}-{scope}"], refused: [16]),
    Naming(role: "r.{user}.r", scopes: ["s.{user}.{scope}", "s.{user}.b"], refused: []),
    Naming(role: "{user}-{slot}", scopes: [nil, nil], refused: []),
    Naming(role: "{user}-c", scopes: [nil, "{host}.{user}@{scope}"], refused: []),
    Naming(role: "r.{user}", scopes: ["{user}@{scope}", "{user}@{scope}"], refused: []),
    // The same user has the same name in both.
    Naming(role: "r.{user}", scopes: ["r.{user}"], refused: []),
  ])
  func `a scope's session_name that can give two users the same name is refused`(_ naming: Naming) {
    let scopes = zip(["c", "b-c"], naming.scopes).map { scope, text in
      "[roles.uploader.scopes.\(scope)]\npolicy_file = \"get.json\"\n"
        + (text.map { "session_name = \"\($0)\"\n" } ?? "#\n")
    }
    let loaded = Self.host.load(
      soundSettings + "session_per = \"user\"\nsession_name = \"\(naming.role)\"\n" + scopes.joined())
    #expect(loaded.diagnostics.map(\.place.line) == naming.refused, "\(loaded.diagnostics)")
    for diagnostic in loaded.diagnostics {
      #expect(diagnostic.description.contains("can have the name of another user's"))
      #expect(diagnostic.description.contains("let it end in {user}@{scope}"))
    }
  }

  @Test func `a long user's name is shortened, and the host's before it`() throws {
    let template = try SessionNameTemplate("{host}-of-a-host-with-roles-{role}-for-{user}")
    let user = UserLabel(uid: 4_000_000_000, name: String(repeating: "n", count: 30))
    let name = try template.naming(scope: nil, user: user, of: RoleName("uploader")!)
      .expand(host: "a-host-with-a-name", role: RoleName("uploader")!, slot: "0")
    #expect(name.utf8.count == 64 && name.hasSuffix("-u4000000000"), "\(name)")
  }

  @Test(arguments: [
    Finding(
      "no policy", "[roles.uploader.scopes.encode]",
      #":9: roles.uploader.scopes.encode.policy_file is missing; set policy_file to a path, relative to this file or absolute"#
    ),
    Finding(
      "a bad name", "[roles.uploader.scopes.Encode]\npolicy_file = \"get.json\"",
      ":9: roles.uploader.scopes.Encode isn't a valid name for a scope; write [roles.uploader.scopes.encode]: 1 to 32 of a-z 0-9 _ -, beginning with a letter or digit"
    ),
    Finding(
      "users' keys without users", "max_users = 3\nsource_identity = true",
      #":9: roles.uploader.max_users goes with session_per = "user" only; write session_per = "user", or remove the line"#,
      #":10: roles.uploader.source_identity goes with session_per = "user" only; write session_per = "user", or remove the line"#
    ),
    Finding(
      "idle for nothing", "idle = \"1h\"",
      ":9: warning: roles.uploader.idle is for sessions of scopes, users and shards, and the role has none of them; remove the line"
    ),
    Finding(
      "no user in the name", "session_per = \"user\"\nsession_name = \"{host}-{role}\"",
      #":10: roles.uploader.session_name is '{host}-{role}', and lacks {user}, so that all users' sessions would have one name; set session_name to 2 to 64 of A-Z a-z 0-9 . @ - _ with {host}, {role}, {slot} and {user}, or remove the line to use "{host}-{role}-{user}""#
    ),
    Finding(
      "a user in the name of all", "session_name = \"{host}-{user}\"",
      #":9: roles.uploader.session_name is '{host}-{user}', and has {user}, which goes with session_per = "user"; set session_name to 2 to 64 of A-Z a-z 0-9 . @ - _ with {host}, {role} and {slot}, or remove the line to use "{host}-{role}-{slot}""#
    ),
    Finding(
      "a scope in the role's name", "session_name = \"{host}-{scope}\"",
      #":9: roles.uploader.session_name is '{host}-{scope}', and has {scope}, which only a scope's session_name may have; set session_name to 2 to 64 of A-Z a-z 0-9 . @ - _ with {host}, {role} and {slot}, or remove the line to use "{host}-{role}-{slot}""#
    ),
    Finding(
      "too many users for the rate", "session_per = \"user\"\nmax_users = 10000",
      ": sts.requests_per_second is 2, but the roles' refreshes take 11.12 per second, 11.12 of them for as many sessions of users, scopes and shards as 'max_users' and 'shards' allow, and at most 70 % of it is for them; write requests_per_second = 15.9, or a longer refresh_after, fewer max_users or shards or a smaller pool for the roles"
    ),
  ])
  func `what is wrong is reported with its line and what to write`(_ finding: Finding) { finding.check(on: Self.host) }

  @Test func `a scope that permits more than the role's policy is refused, and one that permits less isn't`() throws {
    let lines = { (role: String, scope: String) in
      soundSettings + "policy_file = \"\(role)\"\n[roles.uploader.scopes.encode]\npolicy_file = \"\(scope)\"\n"
    }
    let wider = Self.host.load(lines("get.json", "oss.json"))
    #expect(wider.settings == nil && wider.diagnostics.count == 1)
    let sentence = try #require(wider.diagnostics.first?.description)
    #expect(
      sentence.contains("roles.uploader.scopes.encode.policy_file has a statement that allows oss:"), "\(sentence)")
    #expect(Self.host.load(lines("oss.json", "get.json")).diagnostics.isEmpty)
  }

  @Test func `a scope's units count where the host's units have to be seen`() throws {
    let role = try Self.role(Self.scope + "allow = { units = [\"encode.service\"] }")
    #expect(role.namesUnits && role.readers.units.isEmpty)
  }

  // MARK: - Reload

  private static func difference(_ old: String, _ new: String) throws -> SettingsDifference {
    let settings = try [old, new].map { lines in
      let loaded = host.load(soundSettings + lines + "[log]\nlevel = \"notice\"\n")
      return try #require(loaded.settings, "\(loaded.diagnostics.map(\.description))")
    }
    return settings[1].difference(from: settings[0])
  }

  @Test func `one scope of several may go, all of them look like an accident`() throws {
    let other = Self.scope.replacing("encode", with: "list")
    let one = try Self.difference(Self.scope + other, Self.scope)
    #expect(one.losses.isEmpty)
    #expect(one.warnings.map(\.problem) == ["no longer has 'list', so its session is dropped"])
    let all = try Self.difference(Self.scope + other, "")
    #expect(all.losses.map(\.problem) == ["is missing, and 'encode', 'list' would be removed"])
  }

  @Test func `another policy of a scope is a warning`() throws {
    let changed = try Self.difference(Self.scope, Self.scope.replacing("get.json", with: "oss.json"))
    #expect(changed.warnings.map(\.place.key) == ["roles.uploader.scopes.encode.policy_file"])
  }

  @Test func `a file cut off in a scope's table is refused`() throws {
    func load(_ lines: String) throws -> DaemonSettings { try #require(Self.host.load(soundSettings + lines).settings) }
    let whole = try load(Self.scope + "max_duration = \"30min\"\nallow = { users = [7] }\n")
    let cut = try load(Self.scope + "max_duration = \"30min\"\n")
    #expect(cut.difference(from: whole).losses.count == 1)
    let perUser = try load("session_per = \"user\"\n")
    #expect(try load("").difference(from: perUser).losses.count == 1)
  }
}
