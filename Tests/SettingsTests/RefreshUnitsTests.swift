import Core
import Testing

@testable import Settings

/// `refresh_units`, and the rule that lets the daemon reload them.
@Suite struct RefreshUnitsTests {
  private static func settings(_ units: String, of role: String = "uploader") throws -> DaemonSettings {
    let text = soundSettings + "refresh_units = \(units)\n"
    return try #require(FakeHost().load(text).settings, "\(FakeHost().load(text).diagnostics)")
  }

  @Test func `services and patterns of them are taken, each once`() throws {
    let units = #"["encode@*.service", "app.service", "worker-?.service", "app.service"]"#
    let role = try #require(try Self.settings(units).roles.first)
    #expect(role.refreshUnits.map(\.description) == ["encode@*.service", "app.service", "worker-?.service"])
    #expect(try #require(FakeHost().load(soundSettings).settings).roles[0].refreshUnits.isEmpty)
  }

  private static let place = ":9: roles.uploader.refresh_units"
  private static let anyServices =
    "set refresh_units to a list of names of service units, with * and ? as wildcards, or remove the line to use []"

  @Test(arguments: [
    Finding(
      "no type", #"refresh_units = ["app"]"#,
      #"\#(place) names 'app', which is no service; write refresh_units = ["app.service"] or remove the line to use []"#
    ),
    Finding(
      "another type", #"refresh_units = ["encode@*.timer"]"#,
      #"\#(place) names 'encode@*.timer', which is no service; write refresh_units = ["encode@*.service"] or remove the line to use []"#
    ),
    Finding(
      "any type", #"refresh_units = ["encode*"]"#,
      #"\#(place) names 'encode*', which is no service; write refresh_units = ["encode*.service"] or remove the line to use []"#
    ),
    Finding(
      "no name", #"refresh_units = ["a b.service"]"#,
      #"\#(place) names 'a b.service', and no unit's name has ' '; \#(anyServices)"#
    ),
    Finding(
      "brackets", #"refresh_units = ["app[12].service"]"#,
      #"\#(place) names 'app[12].service', and no unit's name has '['; \#(anyServices)"#
    ),
    Finding("nothing", #"refresh_units = [""]"#, #"\#(place) has an empty name; \#(anyServices)"#),
    Finding(
      "a path", #"refresh_units = ["/etc/systemd/system/encode.service"]"#,
      #"\#(place) names '/etc/systemd/system/encode.service', and no unit's name has '/'; write refresh_units = ["encode.service"] or remove the line to use []"#
    ),
    Finding(
      "what no service belongs to", #"refresh_units = ["init.scope"]"#,
      #"\#(place) names 'init.scope', which is no service; \#(anyServices)"#),
    Finding(
      "its own socket", #"refresh_units = ["rolekeeper.socket"]"#,
      #"\#(place) names 'rolekeeper.socket', which is no service; \#(anyServices)"#),
    Finding(
      "its own name", #"refresh_units = ["rolekeeper"]"#,
      #"\#(place) names 'rolekeeper', which is no service; \#(anyServices)"#),
    Finding(
      "a template", #"refresh_units = ["encode@.service"]"#,
      #"\#(place) names 'encode@.service', which is a template and never runs itself; write "encode@*.service" for all its instances"#
    ),
    Finding(
      "an instance of nothing", #"refresh_units = ["@x.service"]"#,
      #"\#(place) names '@x.service', which is no service; set refresh_units to a list of names of service units, with * and ? as wildcards, or remove the line to use []"#
    ),
    Finding(
      "a template of nothing", #"refresh_units = ["@.service"]"#,
      #"\#(place) names '@.service', which is no service; set refresh_units to a list of names of service units, with * and ? as wildcards, or remove the line to use []"#
    ),
    Finding(
      "its own unit", #"refresh_units = ["rolekeeper.service"]"#,
      #"\#(place) names 'rolekeeper.service', which is the daemon's own unit; write patterns that rolekeeper.service doesn't match, as refresh_units = ["encode@*.service"]"#
    ),
    Finding(
      "all units", #"refresh_units = ["*.service"]"#,
      #"\#(place) names '*.service', which matches the daemon's own unit; write patterns that rolekeeper.service doesn't match, as refresh_units = ["encode@*.service"]"#
    ),
    Finding(
      "a text", #"refresh_units = "app.service""#,
      #"\#(place) is a string, expected a list of strings; write refresh_units = ["app.service"] or remove the line to use []"#
    ),
    Finding(
      "a short time", "[unit_jobs]\ntimeout = \"0s\"",
      #":10: unit_jobs.timeout is 0s, allowed are 1s to 1h; write timeout = "1s" or remove the line to use 5min"#),
  ])
  func `what can't be reloaded is reported with its line and what to write`(_ finding: Finding) { finding.check() }

  @Test func `the time that a job may take is a setting`() throws {
    #expect(try #require(FakeHost().load(soundSettings).settings).unitJobTimeout == .minutes(5))
    let text = soundSettings + "[unit_jobs]\ntimeout = \"20s\"\n"
    #expect(try #require(FakeHost().load(text).settings).unitJobTimeout == .seconds(20))
  }

  // MARK: - polkit

  /// What `check` finds where the daemon is run by this unit's user.
  private static func findings(user: String, on host: FakeHost) -> [String] {
    var host = host
    host.files["/usr/lib/systemd/system/rolekeeper.service"] = FakeHost.File(text: "[Service]\nUser=\(user)\n")
    host.files[FakeHost.path] = FakeHost.File(text: soundSettings + "refresh_units = [\"app.service\"]\n")
    let scope = CheckScope(unit: InstalledUnit(on: host))
    return SettingsLoader(host: host, check: scope).load(FakeHost.path).diagnostics.map(\.description)
      .filter { $0.contains("refresh_units") }
  }

  @Test func `check warns where there is no polkit`() {
    var host = FakeHost()
    #expect(
      Self.findings(user: "rolekeeper", on: host) == [
        "/etc/rolekeeper/rolekeeper.toml:9: warning: roles.uploader.refresh_units names units, and there is no polkit here, "
          + "without which user 'rolekeeper' can't reload them; run: sudo apt install polkitd; then run: "
          + "rule=$(sudo rolekeeper check --print-polkit) && printf '%s\\n' \"$rule\" | "
          + "sudo tee /etc/polkit-1/rules.d/50-rolekeeper.rules >/dev/null"
      ])
    #expect(Self.findings(user: "root", on: host) == [])
    host.files["/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service"] = FakeHost.File()
    #expect(Self.findings(user: "rolekeeper", on: host) == [])
  }

  @Test func `the rule names the units of all roles, the daemon's user, the action and the verb`() throws {
    var settings = try Self.settings(#"["encode@*.service", "app.service"]"#)
    settings.roles.append(settings.roles[0])
    settings.roles[1].name = try #require(RoleName("backup"))
    settings.roles[1].refreshUnits = try [#require(UnitPattern("app.service"))]
    let rule = try #require(PolkitRule(settings, user: "rolekeeper")).description
    #expect(rule.hasPrefix("// Lets rolekeeper reload or restart the running services in refresh_units"))
    #expect(
      rule.hasSuffix(
        #"""
        polkit.addRule(function (action, subject) {
            var units = [
                /^encode@.*\.service$/, // uploader
                /^app\.service$/, // uploader, backup
            ];
            if (action.id == "org.freedesktop.systemd1.manage-units" && subject.user == "rolekeeper" &&
                action.lookup("verb") == "reload-or-try-restart" &&
                units.some(function (unit) { return unit.test(action.lookup("unit")); })) {
                return polkit.Result.YES;
            }
        });

        """#), "\(rule)")
    #expect(rule.split(separator: "\n").prefix { $0.hasPrefix("// ") }.count == 3)
  }

  @Test func `the rule that is installed is the same without a unit`() throws {
    let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let shipped = try String(
      decoding: SystemHost().read("\(root)/systemd/rolekeeper.rules", limit: 1 << 16).bytes, as: UTF8.self)
    let printed = try #require(PolkitRule(Self.settings(#"["app.service"]"#), user: "rolekeeper")).description
    func code(_ text: String) -> [Substring] {
      text.split(separator: "\n").filter { !$0.drop { $0 == " " }.hasPrefix("//") }
    }
    #expect(code(shipped) == code(printed).filter { !$0.contains("/^") })
    #expect(code(shipped).count == code(printed).count - 1)
  }

  @Test func `without units there is no rule`() throws {
    #expect(try PolkitRule(#require(FakeHost().load(soundSettings).settings), user: "rolekeeper") == nil)
  }

  @Test func `a user's name can't leave its quotes`() throws {
    let rule = try #require(PolkitRule(Self.settings(#"["app.service"]"#), user: "a\" || \"ä\\")).description
    #expect(rule.contains(#"subject.user == "a\u0022\u0020\u007c\u007c\u0020\u0022\u00e4\u005c" &&"#))
  }

  /// A dot that matched anything would let the daemon restart another unit.
  @Test(arguments: [
    "app.service", "encode@*.service", "worker-?.service", #"inst@a-b\x2dc.service"#, "*@1.service", "a*b*c.service",
  ])
  func `its expression matches the names that the pattern matches, and no others`(_ text: String) throws {
    let pattern = try #require(UnitPattern(text))
    let expression = try Regex(String(pattern.regularExpression.dropFirst().dropLast()))
    let names = [
      "app.service", "appxservice", "app.service.service", "xapp.service", "encode@7.service", "encode@.service",
      "encode.service", "worker-1.service", "worker-12.service", "worker-.service", #"inst@a-b\x2dc.service"#,
      "inst@a-b-c.service", "getty@1.service", "getty@11.service", "aXbYc.service", "abc.service", "acb.service",
    ]
    for name in names {
      let isMatch = UnitName(name).map(pattern.matches) ?? false
      #expect((name.wholeMatch(of: expression) != nil) == isMatch, "\(name)")
    }
  }
}
