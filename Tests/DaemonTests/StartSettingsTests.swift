import Core
import Testing

@testable import Daemon
@testable import Settings

/// Which settings a process starts with.
@Suite struct StartSettingsTests {
  private static func role(_ name: String, readers: AccessRule = AccessRule(uids: [1])) -> RoleSettings {
    RoleSettings(
      name: RoleName(name)!, arn: RoleARN("acs:ram::1:role/\(name)")!, timing: RoleTiming(), sessionName: .standard,
      policy: nil, externalID: nil, source: "main", readers: readers, outputs: [])
  }

  private static let path = "/etc/rolekeeper/rolekeeper.toml"
  private static let otherPath = "/etc/rolekeeper/roles.d/other.toml"

  /// `others` are the roles of a file in roles.d; nil without that file.
  private static func loaded(
    _ roles: [RoleSettings], _ text: String, others: [RoleSettings]? = nil
  ) -> LoadedSettings {
    let files = [(path, roles)] + (others.map { [(otherPath, $0)] } ?? [])
    let settings = DaemonSettings(
      sources: [],
      sts: STSSettings(
        endpoint: Endpoint("sts.example.com")!, fallbackEndpoints: [], proxy: nil, caFile: nil,
        connectTimeout: .seconds(2), timeout: .seconds(10), lookupTimeout: .seconds(2), requestsPerSecond: 2, burst: 20),
      socket: SocketSettings(
        path: "/run/rolekeeper/rolekeeper.sock", mode: 0o660, gid: nil, maxConnections: 64, maxConnectionsPerUID: 8),
      filesDirectory: "/run/rolekeeper/roles", admins: AccessRule(), logLevel: .notice,
      roles: roles + (others ?? []),
      inventory: SettingsInventory(
        files: files.map { .init(path: $0.0, roles: $0.1.map(\.name), endsInLineFeed: true, lastTable: nil) }))
    return LoadedSettings(settings: settings, diagnostics: [], content: content(text))
  }

  private static func content(_ text: String) -> SettingsContent {
    SettingsContent(files: [SettingsContent.File(path: path, bytes: Array(text.utf8))])
  }

  private static let bad = LoadedSettings(
    settings: nil,
    diagnostics: [
      Diagnostic(severity: .error, place: Place(file: path, line: 3, key: "x"), problem: "is wrong", remedy: "write y"),
      Diagnostic(severity: .warning, place: Place(file: path, key: "z"), problem: "is odd", remedy: "look"),
    ])

  /// What was last in force; the files said `old` then.
  private func start(_ loaded: LoadedSettings, after last: LoadedSettings?) -> (StartSettings?, readings: Int) {
    var readings = 0
    let start = StartSettings(loaded, after: last?.content) { content in
      readings += 1
      #expect(content == last?.content)
      return last!
    }
    return (start, readings)
  }

  private let old = Self.loaded([Self.role("a"), Self.role("b")], "old")

  @Test func `good settings are in force`() throws {
    for last in [nil, old] {
      let new = Self.loaded([Self.role("a"), Self.role("c")], "new")
      let start = try #require(start(new, after: last).0)
      #expect(start.settings == new.settings && start.content == new.content && start.refusals.isEmpty)
      #expect(start.mayLackAuthorities == (last != nil), "only for the sake of what was handed over")
    }
  }

  /// A reload says so, and a start said nothing.
  @Test func `what is removed with the settings last in force is a warning`() throws {
    let new = Self.loaded([Self.role("a")], "new")
    let warnings = try #require(start(new, after: old).0).warnings
    #expect(warnings.count == 1 && warnings[0].severity == .warning && warnings[0].problem.contains("no longer has "))
    #expect(try #require(start(old, after: old).0).warnings.isEmpty)
    #expect(try #require(start(new, after: nil).0).warnings.isEmpty)
  }

  @Test func `files that haven't changed aren't read twice`() {
    #expect(start(old, after: old).readings == 0)
  }

  @Test func `in place of bad ones those last in force are, and the reasons are known`() throws {
    let start = try #require(start(Self.bad, after: old).0)
    #expect(start.settings == old.settings && start.content == old.content)
    #expect(start.refusals == ["\(Self.path):3: x is wrong; write y"])
  }

  @Test func `bad ones alone are none`() {
    #expect(start(Self.bad, after: nil).0 == nil)
    #expect(start(Self.bad, after: Self.bad).0 == nil, "and neither are those before")
  }

  @Test func `settings that look cut off are as bad`() throws {
    for roles in [[], [Self.role("a", readers: AccessRule()), Self.role("b")]] {
      let start = try #require(start(Self.loaded(roles, "cut"), after: old).0)
      #expect(start.settings == old.settings && start.refusals.count == 1)
    }
  }

  @Test func `a file of several that lost all its roles is as bad, and one that is gone isn't`() throws {
    let before = Self.loaded([Self.role("a")], "old", others: [Self.role("b")])
    let emptied = try #require(start(Self.loaded([Self.role("a")], "new", others: []), after: before).0)
    #expect(emptied.settings == before.settings && emptied.content == before.content)
    #expect(emptied.refusals.count == 1)
    #expect(emptied.refusals.first?.contains("\(Self.otherPath): roles is empty") == true, "\(emptied.refusals)")
    let new = Self.loaded([Self.role("a")], "new")
    let removed = try #require(start(new, after: before).0)
    #expect(removed.settings == new.settings && removed.refusals.isEmpty && removed.warnings.count == 1)
  }
}
