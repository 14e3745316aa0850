import Settings
import Testing

@Suite struct KeyFindingTests {
  @Test(arguments: [
    Finding(
      "unknown, with a near one", "durration = \"1h\"",
      ":9: roles.uploader.durration is not a setting; did you mean duration?"),
    Finding(
      "known in another table", "endpoint = \"sts.aliyuncs.com\"",
      ":9: roles.uploader.endpoint is not a setting; it belongs in [sts]"),
    Finding(
      "unknown and like no other", "colour = \"red\"",
      ":9: roles.uploader.colour is not a setting; remove it; known here are role_arn, session_name, duration, max_duration, policy_file, external_id, source, pool, refresh_after, floor, survive_outage, lapse_margin, required, refresh_units, session_per, max_users, source_identity, shards, idle, allow, files, scopes"
    ),
    Finding("unknown table", "[logging]\nlevel = \"info\"", ":9: logging is not a setting; did you mean log?"),
    Finding(
      "below the wrong header", "[[roles.uploader.files]]\npath = \"a\"\nmod = \"0400\"\npool = 3",
      ":11: roles.uploader.files.mod is not a setting; did you mean mode?",
      ":12: roles.uploader.files.pool is not a setting; it belongs in [roles.NAME]"),
    Finding(
      "wrong types in a role", "duration = true\npool = \"2\"\nexternal_id = 12\nfiles = \"a\"",
      #":9: roles.uploader.duration is a boolean, expected a duration; write duration = "1h" or remove the line"#,
      ":10: roles.uploader.pool is a string, expected a whole number; write pool = 2 or remove the line",
      #":11: roles.uploader.external_id is a whole number, expected a string; set external_id to 2 to 1224 of A-Z a-z 0-9 _ + = , . @ : / -, or remove the line"#,
      ":12: roles.uploader.files is a string, expected a list of tables; write [[roles.uploader.files]] and its keys below"
    ),
    Finding(
      "wrong types in other tables",
      """
      [sts]
      burst = 2.5
      requests_per_second = "fast"
      [access]
      admin_users = "alice"
      [roles.x]
      role_arn = ["a"]
      allow = ["uploader"]
      """, ":10: sts.burst is a number with a fraction, expected a whole number; write burst = 20 or remove the line",
      ":11: sts.requests_per_second is a string, expected a number; write requests_per_second = 2 or remove the line",
      #":13: access.admin_users is a string, expected a list of users' names or numbers; write admin_users = ["alice"] or remove the line to use []"#,
      #":15: roles.x.role_arn is a list, expected a string; set role_arn to acs:ram::ACCOUNT:role/NAME"#,
      #":16: roles.x.allow is a list, expected a table; set allow to { users = […], groups = […], units = […], hosts = […] }, or remove the line"#
    ),
    Finding(
      "missing", "[roles.downloader]\npool = 2",
      #":9: roles.downloader.role_arn is missing; set role_arn to acs:ram::ACCOUNT:role/NAME"#),
    Finding(
      "empty", "external_id = \"\"",
      #":9: roles.uploader.external_id is empty; set external_id to 2 to 1224 of A-Z a-z 0-9 _ + = , . @ : / -, or remove the line"#
    ),
    Finding(
      "a choice, with a near one", "[log]\nlevel = \"warn\"",
      #":10: log.level is 'warn', allowed are 'debug', 'info', 'notice', 'warning', 'error'; write level = "warning" or remove the line to use "notice""#
    ),
    Finding(
      "a choice like no other", "[log]\nlevel = \"7\"",
      #":10: log.level is '7', allowed are 'debug', 'info', 'notice', 'warning', 'error'; write level = "notice" or remove the line"#
    ),
    Finding(
      "numbers out of range", "pool = 0\n[sts]\nrequests_per_second = 0.05\nburst = 0",
      ":9: roles.uploader.pool is 0, allowed are 1 to 16; write pool = 1 or remove the line to use 2",
      ":11: sts.requests_per_second is 0.05, allowed are 0.1 to 10000; write requests_per_second = 0.1 or remove the line to use 2",
      ":12: sts.burst is 0, allowed are 1 to 10000; write burst = 1 or remove the line to use 20"),
    Finding(
      "number without a unit", "duration = 3600",
      #":9: roles.uploader.duration is the number 3600 without a unit; write duration = "1h" or remove the line"#),
    Finding(
      "small number without a unit", "duration = 300",
      #":9: roles.uploader.duration is the number 300 without a unit; write duration = "15min" or remove the line to use 1h"#
    ),
    Finding(
      "text without a unit", "duration = \"3600\"",
      #":9: roles.uploader.duration is '3600', which is no duration: whole numbers with the units h, min, s, as in 1h30min; write duration = "1h" or remove the line"#
    ),
    Finding(
      "duration in words", "duration = \"one hour\"",
      #":9: roles.uploader.duration is 'one hour', which is no duration: whole numbers with the units h, min, s, as in 1h30min; write duration = "1h" or remove the line"#
    ),
    Finding(
      "duration too short", "duration = \"300s\"",
      #":9: roles.uploader.duration is 300s, allowed are 15min to 12h; write duration = "15min" or remove the line to use 1h"#
    ),
    Finding(
      "duration too long", "duration = \"13h\"",
      #":9: roles.uploader.duration is 13h, allowed are 15min to 12h; write duration = "12h" or remove the line to use 1h"#
    ),
    Finding(
      "lapse_margin too long", "lapse_margin = \"2min\"",
      #":9: roles.uploader.lapse_margin is 2min, allowed are 1s to 1min; write lapse_margin = "1min" or remove the line to use 15s"#
    ),
    Finding(
      "required isn't true or false", "required = \"yes\"",
      ":9: roles.uploader.required is a string, expected a boolean; write required = true or remove the line to use false"
    ),
    Finding(
      "max_duration below duration", "duration = \"2h\"\nmax_duration = \"1h\"",
      #":10: roles.uploader.max_duration is 1h, allowed are 2h to 12h with this duration; write max_duration = "2h" or remove the line to use duration"#
    ),
    Finding(
      "refresh_after above duration", "refresh_after = \"2h\"",
      #":9: roles.uploader.refresh_after is 2h, allowed are 2s to 1h with this duration; write refresh_after = "1h" or remove the line to use half of duration"#
    ),
  ])
  func `an invalid key is reported with its line and what to write`(_ finding: Finding) { finding.check() }

  @Test(arguments: [
    Finding(
      "no quotes", "duration = 15min",
      #":9: this is not TOML: error while parsing decimal integer: expected digit, saw 'm'; write duration = "15min""#),
    Finding(
      "a mode without quotes", "[[roles.uploader.files]]\npath = \"a\"\nmode = 0440",
      #":11: this is not TOML: error while parsing decimal integer: leading zeroes are prohibited; write mode = "0440""#
    ),
    Finding(
      "a table twice", "[roles.uploader]\npool = 2",
      ":9: this is not TOML: error while parsing table header: cannot redefine existing table 'roles.uploader'; put the keys of both into one table, or rename one: a table stands only once"
    ),
    Finding(
      "a key twice", "pool = 2\npool = 3",
      ":10: this is not TOML: error while parsing key-value pair: cannot redefine existing integer 'pool'; keep one of the two, or rename one: a key stands only once"
    ),
    Finding(
      "a quote that isn't closed", "session_name = \"{role} # no quote\npool = 2",
      ":9: this is not TOML: error while parsing string: unescaped control characters other than TAB (U+0009) are explicitly prohibited; close the quote: a string ends in the line it begins in, with the quote it begins with"
    ),
    Finding(
      "another quote at the end", "session_name = 'a\"",
      ":9: this is not TOML: error while parsing literal string: encountered end-of-file; close the quote: a string ends in the line it begins in, with the quote it begins with"
    ),
    // If an AccessKey file was put into roles.d, its secret was in the message.
    Finding(
      "a line of another file", "ALIBABA_CLOUD_ACCESS_KEY_SECRET=Marked7Secret",
      ":9: this is not TOML: error while parsing value: could not determine value type; correct the line: KEY = VALUE, or [TABLE]; strings, durations and modes stand in double quotes"
    ),
    Finding(
      "anything else", "allow = { users = [",
      ":9: this is not TOML: error while parsing key-value pair: cannot redefine existing table 'allow'; put the keys of both into one table, or rename one: a table stands only once"
    ),
  ])
  func `invalid TOML is reported with its line`(_ finding: Finding) { finding.check() }

  /// In quotes it would be the next error.
  @Test(arguments: [
    ("required = True", "write required = true or remove the line to use false"),
    ("required = yes", "write required = true or remove the line to use false"),
    ("required = FALSE", "write required = false or remove the line"),
    ("required = maybe", "write required = true or remove the line to use false"),
    ("pool = two", "write pool = 2 or remove the line"),
    ("refresh_units = app.service", "write refresh_units = [\"app.service\"]"),
    ("source = main", "write source = \"main\""),
  ])
  func `a value without its form is proposed in the form that its key has`(_ given: (line: String, remedy: String)) {
    let found = FakeHost().load(soundSettings + given.line).diagnostics.map(\.description)
    #expect(found.count == 1 && found[0].hasPrefix("\(FakeHost.path):9: this is not TOML: "), "\(found)")
    #expect(found[0].hasSuffix("; \(given.remedy)"), "\(found)")
  }
}
