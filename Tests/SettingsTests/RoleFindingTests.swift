import Settings
import Testing

@Suite struct RoleFindingTests {
  @Test(arguments: [
    Finding(
      "role's name", "[roles.Uploader]\nrole_arn = \"acs:ram::1234567890123456:role/a\"",
      ":9: roles.Uploader isn't a valid name for a role; write [roles.uploader]: 1 to 32 of a-z 0-9 _ -, beginning with a letter or digit"
    ),
    Finding(
      "role's name with other characters", "[roles.\"_Up Loader!\"]\nrole_arn = \"acs:ram::1234567890123456:role/a\"",
      ":9: roles._Up Loader! isn't a valid name for a role; write [roles.up-loader]: 1 to 32 of a-z 0-9 _ -, beginning with a letter or digit"
    ),
    Finding(
      "role's name without a near one", "[roles.\"é\"]\nrole_arn = \"acs:ram::1234567890123456:role/a\"",
      ":9: roles.é isn't a valid name for a role; choose another name: 1 to 32 of a-z 0-9 _ -, beginning with a letter or digit"
    ),
    Finding(
      "role that is no table", "[roles]\nx = 1",
      ":10: roles.x is a whole number, expected a table; write [roles.x] and its keys below"),
    Finding(
      "an underscore in the ARN", "[roles.x]\nrole_arn = \"acs:ram::1234567890123456:role/ram_test\"",
      #":10: roles.x.role_arn is 'acs:ram::1234567890123456:role/ram_test', and a role's name can't have '_', only A-Z a-z 0-9 . -; copy the ARN from the role's page in the RAM console"#
    ),
    Finding(
      "a colon that isn't one", "[roles.x]\nrole_arn = \"acs:ram:：1234567890123456:role/a\"",
      #":10: roles.x.role_arn has '：' (U+FF1A) as its character 9, expected acs:ram::ACCOUNT:role/NAME in ASCII without blanks; copy the ARN from the role's page in the RAM console"#
    ),
    Finding(
      "a blank behind the ARN", "[roles.x]\nrole_arn = \"acs:ram::1234567890123456:role/a \"",
      #":10: roles.x.role_arn has a blank (U+0020) as its character 33, expected acs:ram::ACCOUNT:role/NAME in ASCII without blanks; write role_arn = "acs:ram::1234567890123456:role/a""#
    ),
    Finding(
      "a word for the account", "[roles.x]\nrole_arn = \"acs:ram::ACCOUNT:role/a\"",
      #":10: roles.x.role_arn is 'acs:ram::ACCOUNT:role/a', and an account's number can't have 'A', only digits; copy the ARN from the role's page in the RAM console"#
    ),
    Finding(
      "a short account number", "[roles.x]\nrole_arn = \"acs:ram::12345:role/a\"",
      ":10: warning: roles.x.role_arn has the account number 12345 of 5 digits, and Alibaba Cloud's have 16; copy the ARN from the role's page in the RAM console"
    ),
    Finding(
      "ARN", "[roles.x]\nrole_arn = \"arn:aws:iam::1:role/x\"",
      #":10: roles.x.role_arn is 'arn:aws:iam::1:role/x', expected acs:ram::ACCOUNT:role/NAME with the account's number; copy the ARN from the role's page in the RAM console"#
    ),
    Finding(
      "session name with a foreign letter", "session_name = \"héllo-{role}\"",
      #":9: roles.uploader.session_name is 'héllo-{role}', and a session name can't have 'é', only A-Z a-z 0-9 . @ - _; set session_name to 2 to 64 of A-Z a-z 0-9 . @ - _ with {host}, {role} and {slot}, or remove the line to use "{host}-{role}-{slot}""#
    ),
    Finding(
      "session name with an unknown place", "session_name = \"{hostname}-{role}\"",
      #":9: roles.uploader.session_name is '{hostname}-{role}', and there is no {hostname}: places are {host}, {role}, {slot}, {scope}, {user} and {shard}; set session_name to 2 to 64 of A-Z a-z 0-9 . @ - _ with {host}, {role} and {slot}, or remove the line to use "{host}-{role}-{slot}""#
    ),
    Finding(
      "session name with an open brace", "session_name = \"{host\"",
      #":9: roles.uploader.session_name is '{host', and its '{' has no '}'; set session_name to 2 to 64 of A-Z a-z 0-9 . @ - _ with {host}, {role} and {slot}, or remove the line to use "{host}-{role}-{slot}""#
    ),
    Finding(
      "session name too short", "session_name = \"{slot}\"",
      #":9: roles.uploader.session_name is '{slot}', which becomes shorter than 2 characters; set session_name to 2 to 64 of A-Z a-z 0-9 . @ - _ with {host}, {role} and {slot}, or remove the line to use "{host}-{role}-{slot}""#
    ),
    Finding(
      "session name too long",
      "session_name = \"an-upload-session-of-the-whole-media-department-{role}-{slot}-{role}\"",
      #":9: roles.uploader.session_name is 'an-upload-session-of-the-whole-media-department-{role}-{slot}-{role}', which becomes 67 characters long, allowed are 64; set session_name to 2 to 64 of A-Z a-z 0-9 . @ - _ with {host}, {role} and {slot}, or remove the line to use "{host}-{role}-{slot}""#
    ),
    Finding(
      "ExternalId", "external_id = \"über\"",
      #":9: roles.uploader.external_id is no ExternalId; set external_id to 2 to 1224 of A-Z a-z 0-9 _ + = , . @ : / -, or remove the line"#
    ),
    Finding(
      "unknown source", "source = \"mian\"",
      #":9: roles.uploader.source is 'mian', and there is no [source.mian]; write source = "main" or remove the line"#),
    Finding(
      "one of two sources", "[source.backup]\ntype = \"access-key\"\ncredential = \"access-key\"",
      #":6: roles.uploader.source is missing, and there are 2 sources; write whose credential is this role's: source = "main" or source = "backup""#
    ),
    Finding(
      "unknown users and groups",
      """
      [roles.x]
      role_arn = "acs:ram::1234567890123456:role/a"
      [roles.x.allow]
      users = ["uplaoder", -1, true]
      groups = ["nogroup"]
      """,
      ":12: roles.x.allow.users names user 'uplaoder', which this host doesn't know; correct the name, or run: sudo useradd --system uplaoder",
      #":12: roles.x.allow.users has -1, which is no user's number; set users to a list of users' names or numbers, or remove the line to use []"#,
      #":12: roles.x.allow.users has a boolean, expected a user's name or number; set users to a list of users' names or numbers, or remove the line to use []"#,
      ":13: roles.x.allow.groups names group 'nogroup', which this host doesn't know; correct the name, or run: sudo groupadd --system nogroup"
    ),
  ])
  func `an invalid role is reported with its line and what to write`(_ finding: Finding) { finding.check() }

  /// `useradd --system 1002` would create a user with that name and another number.
  @Test(arguments: [
    Finding(
      "users",
      "[roles.x]\nrole_arn = \"acs:ram::1234567890123456:role/a\"\nallow = { users = [\"1002\"], groups = [\"0\"] }",
      ":11: roles.x.allow.users names user '1002', which this host doesn't know; write 1002 without quotes: a number in quotes is taken for a name",
      ":11: roles.x.allow.groups names group '0', which this host doesn't know; write 0 without quotes: a number in quotes is taken for a name"
    ),
    Finding(
      "an output's owner", "[[roles.uploader.files]]\npath = \"a\"\nowner = \"1002\"\ngroup = \"2000\"",
      ":11: roles.uploader.files.owner names user '1002', which this host doesn't know; write 1002 without quotes: a number in quotes is taken for a name",
      ":12: roles.uploader.files.group names group '2000', which this host doesn't know; write 2000 without quotes: a number in quotes is taken for a name"
    ),
    Finding(
      "admins", "[access]\nadmin_users = [\"007\"]\nadmin_groups = [\"4294967295\", \"99999999999\"]",
      ":10: access.admin_users names user '007', which this host doesn't know; write 7 without quotes: a number in quotes is taken for a name",
      ":11: access.admin_groups names group '4294967295', which this host doesn't know; correct it: that is no group's number either",
      ":11: access.admin_groups names group '99999999999', which this host doesn't know; correct it: that is no group's number either"
    ),
  ])
  func `for a number in quotes, no command proposes to create a user`(_ finding: Finding) { finding.check() }

  @Test func `for a number in quotes as the socket's group, no command proposes to create a group`() {
    let loaded = FakeHost().load(soundSettings.replacing("\"rolekeeper-clients\"", with: "\"997\""))
    #expect(loaded.diagnostics.first?.remedy == "write 997 without quotes: a number in quotes is taken for a name")
  }

  /// The role existed, under another header.
  @Test(arguments: [
    Finding(
      "the table's name",
      "[role.backup]\nrole_arn = \"acs:ram::1234567890123456:role/a\"\n[[roles.backup.files]]\npath = \"a\"",
      ":9: role is not a setting; did you mean roles?"),
    Finding(
      "the role's name",
      "[roles.Backup]\nrole_arn = \"acs:ram::1234567890123456:role/a\"\n[roles.backup.allow]\nusers = [\"uploader\"]",
      ":9: roles.Backup isn't a valid name for a role; write [roles.backup]: 1 to 32 of a-z 0-9 _ -, beginning with a letter or digit"
    ),
    Finding(
      "a key's name",
      "[roles.backup]\nrole-arn = \"acs:ram::1234567890123456:role/a\"\n[[roles.backup.files]]\npth = \"a\"",
      ":10: roles.backup.role-arn is not a setting; did you mean role_arn?",
      ":12: roles.backup.files.pth is not a setting; did you mean path?"),
    Finding(
      "a role of that name and another one that lacks its ARN",
      "[roles.Backup]\nrole_arn = \"acs:ram::1234567890123456:role/a\"\n[roles.other]\npool = 2",
      ":9: roles.Backup isn't a valid name for a role; write [roles.backup]: 1 to 32 of a-z 0-9 _ -, beginning with a letter or digit",
      ":11: roles.other.role_arn is missing; set role_arn to acs:ram::ACCOUNT:role/NAME"),
  ])
  func `keys under a misspelt table name aren't reported as missing`(_ finding: Finding) { finding.check() }

  @Test func `a source under a misspelt table name isn't reported as missing`() {
    for (name, said) in [
      ("sources.main", "sources is not a setting; did you mean source?"),
      (
        "source.Main",
        "source.Main isn't a valid name for a source; write [source.main]: 1 to 32 of a-z 0-9 _ -, beginning with a letter or digit"
      ),
    ] {
      let text = soundSettings.replacing("[source.main]", with: "[\(name)]") + "source = \"main\"\n"
      #expect(FakeHost().load(text).diagnostics.map(\.description) == ["\(FakeHost.path):1: \(said)"])
    }
    let text = soundSettings.replacing("credential =", with: "credentials =")
    #expect(
      FakeHost().load(text).diagnostics.map(\.description) == [
        "\(FakeHost.path):3: source.main.credentials is not a setting; did you mean credential?"
      ])
  }

  /// A template had left them empty, and nothing reported that nobody may read the role.
  @Test(arguments: ["users = []", "groups = []", "users = [], groups = []"])
  func `an empty list of readers is noted`(_ lists: String) {
    Finding(
      "", "[roles.x]\nrole_arn = \"acs:ram::1234567890123456:role/a\"\nallow = { \(lists) }",
      ":11: note: roles.x.allow names nobody, so only root, the daemon's user and the admins may read the role over the socket; name its readers, or remove allow if that is meant"
    ).check()
  }

  @Test func `an empty list beside one with readers isn't noted`() {
    Finding(
      "", "[roles.x]\nrole_arn = \"acs:ram::1234567890123456:role/a\"\nallow = { users = [], groups = [\"media\"] }"
    ).check()
    Finding("", "[roles.x]\nrole_arn = \"acs:ram::1234567890123456:role/a\"").check()
  }

  @Test func `for a misspelt user, group or policy file, the right name is proposed`() {
    var host = FakeHost()
    host.files["/etc/passwd"] = FakeHost.File(text: "root:x:0:0::/root:/bin/sh\nuploader:x:1001:1001::/:/bin/sh\n")
    host.files["/etc/group"] = FakeHost.File(text: "root:x:0:\nmedia:x:2000:uploader\n")
    host.files["/etc/rolekeeper/uploader.json"] = FakeHost.File(text: "{}")
    Finding(
      "",
      """
      policy_file = "uplaoder.json"
      [roles.x]
      role_arn = "acs:ram::1234567890123456:role/a"
      allow = { users = ["uplaoder", "zoe"], groups = ["medea"] }
      """,
      ":9: roles.uploader.policy_file names '/etc/rolekeeper/uplaoder.json', which can't be read: there is no such file; did you mean uploader.json?",
      ":12: roles.x.allow.users names user 'uplaoder', which this host doesn't know; did you mean 'uploader'? If not, run: sudo useradd --system uplaoder",
      ":12: roles.x.allow.users names user 'zoe', which this host doesn't know; correct the name, or run: sudo useradd --system zoe",
      ":12: roles.x.allow.groups names group 'medea', which this host doesn't know; did you mean 'media'? If not, run: sudo groupadd --system medea"
    ).check(on: host)
  }

  /// A policy in use was reported as a file that isn't read.
  @Test func `a file of roles.d that a setting names is read`() {
    let policy = #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#
    let role =
      "[roles.x]\nrole_arn = \"acs:ram::1234567890123456:role/a\"\npolicy_file = \"x.json\"\nallow = { users = [\"uploader\"] }\n"
    let notes = { (files: [String: String], lines: String) in
      FakeHost().load(soundSettings + lines, rolesD: files).diagnostics.filter { $0.severity == .note }
        .map { $0.problem.prefix { $0 != " " } }
    }
    #expect(notes(["x.toml": role, "x.json": policy], "") == [])
    #expect(notes(["x.toml": role, "x.json": policy, "y.json": policy], "") == ["'y.json'"])
    #expect(notes(["x.json": policy], "policy_file = \"roles.d/x.json\"\n") == [])
    #expect(notes(["ca.pem": "-----BEGIN CERTIFICATE-----\n"], "[sts]\nca_file = \"roles.d/ca.pem\"\n") == [])
    // A file that isn't valid TOML may name it.
    #expect(notes(["x.toml": role + "=", "x.json": policy], "") == [])
  }

  @Test func `files of roles.d that aren't read are noted, except hidden ones`() {
    let loaded = FakeHost().load(
      soundSettings, rolesD: ["y.conf": "", "foo.toml.bak": "", ".a.toml.swp": "", "b.toml": ""])
    #expect(
      loaded.diagnostics.map(\.description) == [
        "/etc/rolekeeper/roles.d: note: 'foo.toml.bak', 'y.conf' aren't read: only names that end in .toml are; rename those that should be read"
      ])
  }

  @Test(arguments: [
    Finding(
      "short sessions", "duration = \"15min\"",
      #":6: roles.uploader can't hold its floor through an outage: duration 15min − 1.1 × refresh_after 7min30s / pool 2 − floor 20min = −9min8s, but survive_outage 20min and 1min15s for retries are needed; write duration = "57min", or floor = "4min" with survive_outage = "4min""#
    ),
    Finding(
      "a large floor", "floor = \"30min\"",
      #":6: roles.uploader can't hold its floor through an outage: duration 1h − 1.1 × refresh_after 30min / pool 2 − floor 30min = 13min30s, but survive_outage 20min and 1min15s for retries are needed; write duration = "1h11min", or pool = 4, or refresh_after = "15min", or floor = "22min", or survive_outage = "12min""#
    ),
    Finding(
      "a long outage", "survive_outage = \"2h\"",
      #":6: roles.uploader can't hold its floor through an outage: duration 1h − 1.1 × refresh_after 30min / pool 2 − floor 20min = 23min30s, but survive_outage 2h and 1min15s for retries are needed; write duration = "3h15min", or survive_outage = "22min""#
    ),
    Finding(
      "late refreshes", "refresh_after = \"55min\"",
      #":6: roles.uploader can't hold its floor through an outage: duration 1h − 1.1 × refresh_after 55min / pool 2 − floor 20min = 9min45s, but survive_outage 20min and 1min15s for retries are needed; write duration = "1h12min", or pool = 4, or refresh_after = "34min", or floor = "8min", or survive_outage = "8min""#
    ),
    Finding(
      "everything at once",
      "duration = \"15min\"\nrefresh_after = \"15min\"\npool = 1\nfloor = \"12h\"\nsurvive_outage = \"12h\"",
      ":6: roles.uploader can't hold its floor through an outage: duration 15min − 1.1 × refresh_after 15min / pool 1 − floor 12h = −12h1min30s, but survive_outage 12h and 1min15s for retries are needed; remove duration, refresh_after, pool, floor and survive_outage: their defaults hold it"
    ),
    Finding(
      "slow requests", "floor = \"22min\"\n[sts]\ntimeout = \"1min\"",
      #":6: roles.uploader can't hold its floor through an outage: duration 1h − 1.1 × refresh_after 30min / pool 2 − floor 22min = 21min30s, but survive_outage 20min and 2min5s for retries are needed; write duration = "1h1min", or pool = 3, or refresh_after = "28min", or floor = "21min", or survive_outage = "19min""#
    ),
  ])
  func `for a role that can't hold its floor, the nearest times that work are proposed`(_ finding: Finding) {
    finding.check()
  }

  @Test(arguments: [
    Finding(
      "too many calls", "refresh_after = \"2s\"\npool = 4",
      ": sts.requests_per_second is 2, but the roles' refreshes take 2 per second, and at most 70 % of it is for them; write requests_per_second = 2.9, or a longer refresh_after or a smaller pool for the roles"
    ),
    Finding(
      "with the rate written", "refresh_after = \"10s\"\n[sts]\nrequests_per_second = 0.2",
      ":11: sts.requests_per_second is 0.2, but the roles' refreshes take 0.2 per second, and at most 70 % of it is for them; write requests_per_second = 0.3, or a longer refresh_after or a smaller pool for the roles"
    ),
  ])
  func `for a rate that is too low for the roles, a sufficient one is proposed`(_ finding: Finding) { finding.check() }

  /// The first error hid the others.
  @Test(arguments: [
    (
      "roles.uploader",
      "roles.uploader is configured twice, first at /etc/rolekeeper/rolekeeper.toml:6; remove or rename one of them"
    ),
    (
      "roles.Backup",
      "roles.Backup isn't a valid name for a role; write [roles.backup]: 1 to 32 of a-z 0-9 _ -, beginning with a letter or digit"
    ),
    ("role.backup", "role is not a setting; did you mean roles?"),
  ])
  func `other errors in a table that can't be a role are reported, too`(_ header: String, _ first: String) {
    let text = """
      [\(header)]
      pool = 99
      policy_file = "missing.json"
      allow = { groups = ["ghosts"] }
      """
    let name = header.replacing("role.", with: "roles.")
    let loaded = FakeHost().load(soundSettings, rolesD: ["b.toml": text])
    #expect(
      loaded.diagnostics.map { $0.description.replacing("/etc/rolekeeper/roles.d/b.toml", with: "") } == [
        ":1: \(first)",
        ":1: \(name).role_arn is missing; set role_arn to acs:ram::ACCOUNT:role/NAME",
        ":2: \(name).pool is 99, allowed are 1 to 16; write pool = 16 or remove the line to use 2",
        ":3: \(name).policy_file names '/missing.json', which can't be read: there is no such file; correct the path"
          .replacing("'/missing", with: "'/etc/rolekeeper/roles.d/missing"),
        ":4: \(name).allow.groups names group 'ghosts', which this host doesn't know; correct the name, or run: sudo groupadd --system ghosts",
      ])
  }

  @Test func `the files of a duplicate role don't conflict with those of the first`() {
    let files = "[[roles.uploader.files]]\npath = \"/srv/a\"\n"
    let copy = "[roles.uploader]\nrole_arn = \"acs:ram::1234567890123456:role/b\"\nallow = { users = [\"uploader\"] }\n"
    var host = FakeHost()
    host.directories["/srv"] = FakeHost.File(uid: 998, mode: 0o711)
    #expect(host.load(soundSettings + files, rolesD: ["b.toml": copy + files]).diagnostics.count == 1)
  }

  @Test(arguments: [
    ("[sockets]\nmode = \"0770\"", "socket.mode"),
    ("[[roles.uploader.file]]\nmode = \"0777\"", "roles.uploader.files.mode"),
    ("[source.Two]\ntype = \"ecs\"\ncredential = \"access-key\"", "source.Two.type"),
  ])
  func `errors in a table with a misspelt name are reported, too`(_ lines: String, _ key: String) {
    let text = soundSettings.replacing("[socket]\ngroup = \"rolekeeper-clients\"\n", with: "") + lines
    let found = FakeHost().load(text).diagnostics
    #expect(found.contains { $0.place.key == key && ($0.place.line ?? 0) >= 7 }, "\(found)")
  }

  @Test func `duration is compared with both of its limits`() {
    Finding(
      "", "duration = \"2h\"\nmax_duration = \"1h\"\nrefresh_after = \"3h\"",
      #":10: roles.uploader.max_duration is 1h, allowed are 2h to 12h with this duration; write max_duration = "2h" or remove the line to use duration"#,
      #":11: roles.uploader.refresh_after is 3h, allowed are 2s to 2h with this duration; write refresh_after = "2h" or remove the line to use half of duration"#
    ).check()
  }

  @Test func `the same role in two files is reported with both places`() {
    let other =
      "[roles.uploader]\nrole_arn = \"acs:ram::1234567890123456:role/b\"\nallow = { users = [\"uploader\"] }\n"
    let loaded = FakeHost().load(soundSettings, rolesD: ["b.toml": other, "a.toml": "[sts]\n", "c.txt": "x"])
    #expect(
      loaded.diagnostics.map(\.description) == [
        "/etc/rolekeeper/roles.d/a.toml:1: sts is not a setting; write it as [sts] in the main file",
        "/etc/rolekeeper/roles.d/b.toml:1: roles.uploader is configured twice, first at /etc/rolekeeper/rolekeeper.toml:6; remove or rename one of them",
        "/etc/rolekeeper/roles.d: note: 'c.txt' isn't read: only names that end in .toml are; rename those that should be read",
      ])
  }
}
