import Settings
import Testing

/// What a reload removes, by accident or on purpose.
@Suite struct SettingsDifferenceTests {
  private static let main = """
    [source.main]
    type = "access-key"
    credential = "access-key"
    [sts]
    endpoint = "sts.cn-hangzhou.aliyuncs.com"
    proxy = "http://proxy.example:3128"
    ca_file = "ca.pem"
    [socket]
    group = "rolekeeper-clients"
    [files]
    directory = "/run/rolekeeper/other"
    [access]
    admin_users = ["alice"]

    """
  private static let uploader = """
    [roles.uploader]
    role_arn = "acs:ram::1234567890123456:role/ramtestupload"
    policy_file = "/etc/rolekeeper/p.json"
    external_id = "x1"
    allow = { users = ["uploader"] }
    [[roles.uploader.files]]
    path = "credentials.json"
    [[roles.uploader.files]]
    path = "credentials.env"
    format = "env"

    """

  private static func role(_ name: String) -> String {
    "[roles.\(name)]\nrole_arn = \"acs:ram::1234567890123456:role/\(name)\"\n"
  }

  private static let extra = ["extra.toml": role("extra") + role("more")]

  private static func settings(_ main: String, _ rolesD: [String: String] = [:]) throws -> DaemonSettings {
    var host = FakeHost()
    host.files["/etc/rolekeeper/ca.pem"] = FakeHost.File(text: "-----BEGIN CERTIFICATE-----\n")
    host.files["/etc/rolekeeper/p.json"] = FakeHost.File(
      text: #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#)
    let loaded = host.load(main, rolesD: rolesD)
    return try #require(loaded.settings, "\(loaded.diagnostics.map(\.description))")
  }

  struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    var main = SettingsDifferenceTests.main + SettingsDifferenceTests.uploader
    var rolesD = SettingsDifferenceTests.extra
    let losses: [String]
    var warnings: [String] = []

    var testDescription: String { name }
  }

  private static let meant =
    "; complete the file if it was cut off; if this is meant, run: sudo rolekeeper reload --allow-removal"
  private static let putBack = "; if that isn't meant, put it back and reload"
  private static let dropped =
    ", so the role's sessions are dropped; its readers get none, and its files are removed, until STS has issued a new one"
  private static let path = FakeHost.path

  private static func without(_ lines: String...) -> String {
    (main + uploader).split(separator: "\n", omittingEmptySubsequences: false).filter { line in
      !lines.contains { line.hasPrefix($0) }
    }.joined(separator: "\n")
  }

  @Test(arguments: [
    Case(name: "nothing changed", losses: []),
    Case(
      name: "cut off before the first role, and nothing in roles.d", main: main, rolesD: [:],
      losses: ["\(path): roles is empty, and these roles are in force: uploader, extra, more\(meant)"]),
    Case(
      name: "cut off before the first role", main: main,
      losses: ["\(path): roles is empty, though the file is still there and held uploader\(meant)"]),
    Case(
      name: "an emptied file of roles.d", rolesD: ["extra.toml": ""],
      losses: [
        "/etc/rolekeeper/roles.d/extra.toml: roles is empty, though the file is still there and held extra, more\(meant)"
      ]),
    Case(
      name: "a file of roles.d with nothing but its comment", rolesD: ["extra.toml": "# by ansible\n"],
      losses: [
        "/etc/rolekeeper/roles.d/extra.toml: roles is empty, though the file is still there and held extra, more\(meant)"
      ]),
    Case(
      name: "a deleted file of roles.d", rolesD: [:], losses: [],
      warnings: [
        "/etc/rolekeeper/roles.d/extra.toml: warning: the file is gone, so its roles are removed: extra, more; if that isn't meant, put them back and reload"
      ]),
    Case(
      name: "one role of two taken out", rolesD: ["extra.toml": role("extra")], losses: [],
      warnings: [
        "/etc/rolekeeper/roles.d/extra.toml: warning: roles no longer has more, so what it had is removed; if that isn't meant, put it back and reload"
      ]),
    Case(
      name: "one role of two, and the line end with it", rolesD: ["extra.toml": String(role("extra").dropLast())],
      losses: [
        "/etc/rolekeeper/roles.d/extra.toml: roles lacks more, and the file's last line has lost its line end\(meant)"
      ]),
    Case(
      name: "roles moved to another file", rolesD: ["extra.toml": "", "new.toml": role("extra") + role("more")],
      losses: []),
    Case(
      name: "an allow that became empty",
      main: (main + uploader).replacing("users = [\"uploader\"]", with: "users = []"),
      losses: ["\(path): roles.uploader.allow names nobody any more, so its readers would be refused\(meant)"]),
    Case(
      name: "an allow that is gone", main: without("allow ="),
      losses: ["\(path): roles.uploader.allow names nobody any more, so its readers would be refused\(meant)"]),
    Case(
      name: "cut off before the files",
      main: main + uploader.prefix(upTo: uploader.firstRange(of: "[[")!.lowerBound),
      losses: ["\(path): roles.uploader.files is missing, so its 2 files would be removed\(meant)"]),
    Case(
      name: "cut off within a role",
      main: main + uploader.prefix(upTo: uploader.firstRange(of: "policy_file")!.lowerBound),
      losses: [
        "\(path): roles.uploader.allow names nobody any more, so its readers would be refused\(meant)",
        "\(path): roles.uploader.files is missing, so its 2 files would be removed\(meant)",
        "\(path): roles.uploader.policy_file is missing, so sessions could do all that the RAM role may\(meant)",
        "\(path): roles.uploader.external_id is missing, and the RAM role's trust policy may ask for it\(meant)",
      ],
      warnings: ["\(path): warning: roles.uploader.policy_file has changed\(dropped)\(putBack)"]),
    Case(
      name: "another RAM role", main: (main + uploader).replacing("role/ramtestupload", with: "role/other"), losses: [],
      warnings: ["\(path): warning: roles.uploader.role_arn has changed\(dropped)\(putBack)"]),
    Case(
      name: "one file of two taken out",
      main: without("[[roles.uploader.files]]", "path = \"credentials", "format")
        + "files = [{ path = \"credentials.env\" }]\n", losses: [],
      warnings: [
        "\(path): warning: roles.uploader.files no longer has 'credentials.json', so that file is removed\(putBack)"
      ]),
    Case(
      name: "cut off before the second file",
      main: String((main + uploader).prefix(upTo: (main + uploader).ranges(of: "\n[[roles")[1].lowerBound)),
      losses: [
        "\(path): roles.uploader.files lacks 'credentials.env', and the file's last line has lost its line end\(meant)"
      ]),
    Case(
      name: "another reader", main: (main + uploader).replacing("users = [\"uploader\"]", with: "groups = [\"media\"]"),
      losses: [],
      warnings: [
        "\(path): warning: roles.uploader.allow no longer has user 'uploader', so the role isn't open to it any more\(putBack)"
      ]),
    Case(
      name: "no admins", main: without("admin_users"), losses: ["\(path): access names no admin any more\(meant)"]),
    Case(
      name: "no proxy and no authorities", main: without("proxy", "ca_file"),
      losses: [
        "\(path): sts.proxy is missing, and STS would be called without a proxy\(meant)",
        "\(path): sts.ca_file is missing, and the system's certificates would be trusted instead\(meant)",
      ]),
    Case(
      name: "the main file cut off after its source, the roles being in roles.d",
      main: String(main.prefix(upTo: main.firstRange(of: "[sts]")!.lowerBound)),
      rolesD: extra.merging(["0.toml": uploader]) { $1 },
      losses: [
        "\(path): sts is missing, and STS would be called at sts.aliyuncs.com\(meant)",
        "\(path): socket is missing, and the socket would be /run/rolekeeper/rolekeeper.sock with the default mode and group\(meant)",
        "\(path): files is missing, and all files would move to /run/rolekeeper/roles\(meant)",
        "\(path): access names no admin any more\(meant)",
      ]),
  ])
  func `settings that vanish from a file that still exists are a loss`(_ row: Case) throws {
    let old = try Self.settings(Self.main + Self.uploader, Self.extra)
    let difference = try Self.settings(row.main, row.rolesD).difference(from: old)
    #expect(difference.losses.map(\.description) == row.losses)
    #expect(difference.warnings.map(\.description) == row.warnings)
  }

  /// A file that could never be written was reported as removed.
  @Test func `removed settings files are reported if they held roles`() throws {
    let old = try Self.settings(Self.main + Self.uploader, Self.extra)
    let one =
      Self.without("[[roles.uploader.files]]", "path = \"credentials", "format")
      + "files = [{ path = \"credentials.env\" }]\n"
    let name = try #require(old.roles.first { "\($0.name)" == "uploader" }).name
    let difference = try Self.settings(one, Self.extra).difference(
      from: old, unwritten: [name: [.roleDirectory(name: "credentials.json")]])
    #expect(difference.losses.isEmpty && difference.warnings.isEmpty)
  }

  /// The position of the file's last table, and what is left of it.
  struct Cut: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let table: String
    /// All lines that the old file has in the table.
    let lines: [String]
    /// The number of lines that are left.
    let left: Int
    var endsInLineFeed = true
    var losses: [String] = []
    var warnings: [String] = []
    /// The warnings if the same edit is made in the middle of the file.
    var edited: [String] = []
  }

  private static func hasLost(_ keys: String) -> String {
    let names = keys.split(separator: ", ").map { "'\($0)'" }.joined(separator: ", ")
    return "no longer has \(names), and the file ends in that table, as if it was cut off there"
  }
  private static let output = [
    "path = \"/srv/a\"", "format = \"env\"", "owner = \"uploader\"", "group = \"media\"", "mode = \"0440\"",
  ]

  /// `format`, owner and mode fell back to their defaults, and the reload reported nothing.
  @Test(arguments: [
    Cut(testDescription: "whole", table: "[[roles.r.files]]", lines: output, left: 5),
    Cut(
      testDescription: "without the mode", table: "[[roles.r.files]]", lines: output, left: 4,
      losses: ["roles.r.files \(hasLost("mode"))"]),
    Cut(
      testDescription: "the path alone", table: "[[roles.r.files]]", lines: output, left: 1,
      losses: ["roles.r.files \(hasLost("format, owner, mode"))"]),
    Cut(
      testDescription: "the path, format and owner", table: "[[roles.r.files]]", lines: output, left: 3,
      losses: ["roles.r.files \(hasLost("group, mode"))"]),
    Cut(
      testDescription: "keys that say what holds without them", table: "[[roles.r.files]]",
      lines: ["path = \"a\"", "format = \"json\"", "mode = \"0400\""], left: 1),
    Cut(
      testDescription: "the second file", table: "[[roles.r.files]]\npath = \"b\"\n[[roles.r.files]]", lines: output,
      left: 2,
      losses: ["roles.r.files \(hasLost("owner, mode"))"]),
    Cut(
      testDescription: "readers", table: "[roles.r.allow]", lines: ["users = [\"uploader\"]", "groups = [\"media\"]"],
      left: 1,
      losses: ["roles.r.allow \(hasLost("groups"))"],
      warnings: ["roles.r.allow no longer has group 'media', so the role isn't open to it any more"],
      edited: ["roles.r.allow no longer has group 'media', so the role isn't open to it any more"]),
    Cut(
      testDescription: "the socket", table: "[socket]", lines: ["group = \"rolekeeper-clients\"", "mode = \"0600\""],
      left: 1,
      losses: ["socket \(hasLost("mode"))"]),
    Cut(
      testDescription: "admins", table: "[access]", lines: ["admin_users = [\"alice\"]", "admin_groups = [\"media\"]"],
      left: 1,
      losses: ["access \(hasLost("admin_groups"))"]),
    Cut(
      testDescription: "times, perhaps on purpose", table: "[roles.s]",
      lines: ["role_arn = \"acs:ram::1234567890123456:role/s\"", "pool = 4", "floor = \"15min\""], left: 1,
      warnings: ["roles.s \(hasLost("pool, floor"))"]),
    Cut(
      testDescription: "times, and the line end", table: "[roles.s]",
      lines: ["role_arn = \"acs:ram::1234567890123456:role/s\"", "pool = 4", "floor = \"15min\""], left: 2,
      endsInLineFeed: false, losses: ["roles.s \(hasLost("floor"))"]),
    Cut(
      testDescription: "STS's times", table: "[sts]",
      lines: ["endpoint = \"sts.cn-hangzhou.aliyuncs.com\"", "burst = 7"], left: 1,
      warnings: ["sts \(hasLost("burst"))"]),
  ])
  func `a file cut off inside its last table is refused, or a warning names the lost keys`(_ row: Cut) throws {
    let start = "[source.main]\ntype = \"access-key\"\ncredential = \"access-key\"\n\(Self.role("r"))"
    func text(_ lines: some Sequence<String>) -> String { "\(start)\(row.table)\n\(lines.map { "\($0)\n" }.joined())" }
    let old = try Self.settings(text(row.lines))
    var cut = text(row.lines.prefix(row.left))
    if !row.endsInLineFeed { cut.removeLast() }
    let difference = try Self.settings(cut).difference(from: old)
    #expect(difference.losses.map { "\($0.place.key) \($0.problem)" } == row.losses)
    #expect(difference.warnings.map { "\($0.place.key) \($0.problem)" } == row.warnings)
    // In the middle of the file it is an edit.
    let middle = "\(text(row.lines.prefix(row.left)))\(Self.role("behind"))"
    let edit = try Self.settings(middle).difference(from: Self.settings("\(text(row.lines))\(Self.role("behind"))"))
    #expect(edit.losses.isEmpty && edit.warnings.map { "\($0.place.key) \($0.problem)" } == row.edited, "\(edit)")
  }

  /// The old and the new end of a file, and the key that is reported as lost or changed.
  struct End: CustomTestStringConvertible, Sendable {
    var testDescription: String { "\(old.debugDescription) to \(new.debugDescription)" }
    let old: String
    let new: String
    var loss: String?
    var warning: String?
  }

  private static let anotherValue =
    "has another value than before, and the line end behind it is missing, as if it was cut off there"
  private static let isEnd = "is where the file ends now, and the line end is missing; it ended with"
  private static let lostDigits =
    "has lost its last digits, and no line end is behind it: the file may be cut off there"

  /// A file written for user 1007 would have gone to user 100, and the reload only warned.
  @Test(arguments: [
    // Cut off within the last value.
    End(old: "[sts]\nburst = 20\n", new: "[sts]\nburst = 2", loss: "15: sts.burst \(anotherValue)"),
    End(
      old: "[sts]\nrequests_per_second = 2.5\n", new: "[sts]\nrequests_per_second = 2",
      loss: "15: sts.requests_per_second \(anotherValue)"),
    End(
      old: "[[roles.s.files]]\npath = \"/srv/a\"\ngroup = \"media\"\nowner = 1007\n",
      new: "[[roles.s.files]]\npath = \"/srv/a\"\ngroup = \"media\"\nowner = 100",
      loss: "17: roles.s.files.owner \(anotherValue)"),
    End(
      old: "[roles.t]\n\(arn)duration = \"12h\"\npool = 12\n", new: "[roles.t]\n\(arn)duration = \"12h\"\npool = 1",
      loss: "17: roles.t.pool \(anotherValue)"),
    // Cut off before the last line, with the line feed before it. The lost key is named if that makes a difference.
    End(
      old: "[roles.t]\n\(arn)duration = \"2h\"\n", new: "[roles.t]\n\(arn.dropLast())",
      loss: "15: roles.t \(hasLost("duration"))"),
    End(
      old: "[roles.t]\n\(arn)max_duration = \"2h\"\n", new: "[roles.t]\n\(arn.dropLast())",
      loss: "15: roles.t \(hasLost("max_duration"))"),
    End(
      old: "[roles.t]\n\(arn)session_name = \"me\"\n", new: "[roles.t]\n\(arn.dropLast())",
      loss: "15: roles.t \(hasLost("session_name"))"),
    End(
      old: "[roles.t]\n\(arn)floor = \"15min\"\n", new: "[roles.t]\n\(arn.dropLast())",
      loss: "15: roles.t \(hasLost("floor"))"),
    // Cut off before the last table, which nothing else requires.
    End(
      old: "[sts]\nburst = 20\n[log]\nlevel = \"info\"\n", new: "[sts]\nburst = 20",
      loss: "15: sts.burst \(isEnd) log.level"),
    // Edits, and changes without effect.
    End(old: "[sts]\nburst = 20\n", new: "[sts]\nburst = 2\n"),
    End(old: "[sts]\nburst = 20\n", new: "[sts]\nburst = 20"),
    End(old: "[sts]\nburst = 20 # a comment\n", new: "[sts]\nburst = 20 # a comm"),
    End(old: "[sts]\nconnect_timeout = \"3s\"\nburst = 20\n", new: "[sts]\nconnect_timeout = \"4s\"\nburst = 20"),
    // Files that never had a final line feed.
    End(old: "[sts]\nburst = 20", new: "[sts]\nburst = 30"),
    End(old: "[sts]\nburst = 20", new: "[sts]\nburst = 200"),
    End(old: "[sts]\nburst = 20", new: "[sts]\nburst = 2", warning: "15: sts.burst \(lostDigits)"),
  ])
  func `a file without a final line feed whose last key changed is refused`(_ row: End) throws {
    let start =
      "[source.main]\ntype = \"access-key\"\ncredential = \"access-key\"\n\(Self.role("r"))\(Self.role("s"))"
      + "[socket]\n\n\n\n\n\n"
    let old = try Self.settings(start + row.old)
    let difference = try Self.settings(start + row.new).difference(from: old)
    func shown(_ findings: [Diagnostic]) -> [String] {
      findings.map { "\($0.place.line ?? 0): \($0.place.key) \($0.problem)" }
    }
    #expect(shown(difference.losses) == (row.loss.map { [$0] } ?? []))
    #expect(shown(difference.warnings) == (row.warning.map { [$0] } ?? []))
    #expect(difference.losses.allSatisfy { $0.remedy.contains("rolekeeper reload --allow-removal") })
  }

  private static let arn = "role_arn = \"acs:ram::1234567890123456:role/t\"\n"

  /// For example, the owner's group follows the host's user database.
  @Test func `a key that was never written isn't lost when its default changes`() throws {
    let text = Self.main + Self.role("r") + "[[roles.r.files]]\npath = \"/srv/a\"\nowner = \"uploader\"\n"
    let old = try Self.settings(text)
    var new = old
    new.roles[0].outputs[0].gid += 1
    #expect(new != old)
    let difference = new.difference(from: old)
    #expect(difference.losses.isEmpty && difference.warnings.isEmpty, "\(difference)")
    // If the source is renamed, the default of an unwritten key changes.
    let renamed = try Self.settings(text.replacing("[source.main]", with: "[source.other]")).difference(from: old)
    #expect(renamed.losses.isEmpty && renamed.warnings.isEmpty, "\(renamed)")
  }

  @Test func `a file that moves from one role to another isn't reported as removed`() throws {
    func files(_ paths: String...) -> String { paths.map { "[[roles.r.files]]\npath = \"\($0)\"\n" }.joined() }
    func text(_ first: String, _ second: String) -> String {
      Self.main + Self.role("r") + first + Self.role("s") + second.replacing("roles.r", with: "roles.s")
    }
    let old = try Self.settings(text(files("/srv/a", "/srv/b"), files("/srv/c")))
    let moved = try Self.settings(text(files("/srv/a"), files("/srv/c", "/srv/b"))).difference(from: old)
    #expect(moved.losses.isEmpty && moved.warnings.isEmpty, "\(moved)")
  }

  @Test func `settings that had no role lose none`() throws {
    let empty = try Self.settings(Self.main)
    #expect(empty.difference(from: empty).losses.isEmpty)
    #expect(try Self.settings(Self.main + Self.uploader).difference(from: empty).losses.isEmpty)
  }

  @Test func `of many removed roles, the first are named`() throws {
    let many = (10..<30).map { Self.role("r\($0)") }.joined()
    let old = try Self.settings(Self.main, ["many.toml": many])
    let losses = try Self.settings(Self.main, ["many.toml": ""]).difference(from: old).losses
    #expect(
      losses.map(\.problem) == [
        "is empty, and these roles are in force: r10, r11, r12, r13, r14, r15, r16, r17 and 12 more"
      ])
  }

  /// An empty policy would mean no policy, and the session could do everything that its role may.
  @Test(arguments: ["", "\n", "{", "{}"])
  func `an empty policy file is an error, and never means no policy`(_ text: String) {
    var host = FakeHost()
    host.files["/etc/rolekeeper/p.json"] = FakeHost.File(text: text)
    #expect(host.load(soundSettings + "policy_file = \"p.json\"\n").settings == nil)
  }
}
