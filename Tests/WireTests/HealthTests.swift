import Core
import Testing
import Wire

@Suite struct HealthTests {
  static let valid = RoleStatus(name: "uploader", state: .valid)

  @Test(arguments: RoleState.allCases)
  func `a role without a session makes the health failing`(_ state: RoleState) {
    let health = Health(of: [Self.valid, RoleStatus(name: "r", state: state)])
    #expect(health.status == ([.valid, .failing, .belowFloor].contains(state) ? .ok : .failing))
  }

  /// A role whose new AccessKey may not assume it counted as ok until its last session lapsed.
  @Test func `truncated-looking settings degrade, with what is missing and the command`() {
    let health = Health([.incompleteSettings(["role 'a' has lost all its files", "'/s' lacks a line break"])])
    #expect(health.status == .degraded && health.summary(roles: 2) == "the settings look cut off")
    let detail = health.reasons[0].detail
    #expect(detail.hasPrefix("the settings look cut off: role 'a' has lost all its files (and 1 more); "), "\(detail)")
    #expect(detail.hasSuffix("run: sudo rolekeeper reload --allow-removal"))
    #expect(!Health.Reason.incompleteSettings().detail.contains("'"), "others may not see names")
  }

  @Test func `a role whose refresh fails degrades, with the error and the session's remaining life`() {
    var role = Self.valid
    role.state = .failing
    role.expiresIn = .seconds(2520)
    role.lastError = LastError(
      Failure(.permanent, code: "NoPermission", advice: "allow it"), since: UTCTime("2026-01-02T03:00:00Z"))
    #expect(Health(of: [role]).status == .ok, "as long as waiting may help")
    role.needsAttention = true
    let health = Health(of: [role])
    #expect(health.status == .degraded && health.reasons.map(\.kind) == [.refresh])
    #expect(
      health.reasons.map(\.detail) == [
        "role 'uploader' isn't refreshed: NoPermission: allow it; failing since 2026-01-02T03:00:00Z; its session lasts 42min more"
      ])
    role.state = .lapsed
    #expect(Health(of: [role]).reasons.map(\.kind) == [.noSession])
  }

  /// Readers got less than the floor for ever, and everything counted as ok.
  @Test func `a role with too short sessions degrades, with what STS grants`() throws {
    var role = Self.valid
    role.state = .belowFloor
    role.shortSessions = ShortSessions(granted: .minutes(10), asked: .hours(1), floor: .minutes(20))
    let health = Health(of: [role])
    #expect(health.status == .degraded && health.reasons.map(\.kind) == [.shortSessions])
    #expect(
      health.reasons.map(\.detail) == [
        "role 'uploader': STS grants sessions of 10min instead of 1h, too short for the floor of 20min; raise the role's MaxSessionDuration in the RAM console, or lower 'floor' or 'duration'"
      ])
    #expect(try RoleStatus(parsing: role.rendered().span) == role)
    role.state = .lapsed
    #expect(Health(of: [role]).reasons.map(\.kind) == [.noSession])
  }

  /// 102 hosts were refused, and everything counted as ok.
  @Test func `connections that are refused degrade, with the setting that gives more of them`() {
    let health = Health([.connections(refused: 102, most: 100, inSettings: 100)])
    #expect(health.status == .degraded && health.summary(roles: 2) == "connections are refused")
    #expect(
      health.reasons[0].detail
        == "all 100 connections were taken, and 102 were refused; raise 'max_connections' in [socket] and reload")
    let few = Health.Reason.connections(refused: 1, most: 60, inSettings: 100).detail
    #expect(few.contains("1 was refused; raise 'LimitNOFILE=' of the unit"), "\(few)")
  }

  /// The settings of a fresh package have none. Lost roles are refused by a reload, and by a start from a store.
  @Test func `having no roles is reported and isn't a failure`() {
    let health = Health(of: [])
    #expect(health.status == .ok && health.reasons.map(\.kind) == [.noRoles])
    #expect(HealthAnswer(health, roles: 0).detail == "there are no roles")
    #expect(Health(of: [], besides: [.caFile(error: "gone")]).status == .degraded)
  }

  @Test func `a file that can't be written degrades, and its reason names role, path and error`() {
    var role = Self.valid
    role.outputs = [
      OutputStatus(path: "/srv/good.json", generation: 1),
      OutputStatus(path: "/srv/bad.json", generation: 1, lastError: "directory '/srv': others may write to it"),
    ]
    let health = Health(of: [role])
    #expect(health.status == .degraded)
    #expect(
      health.reasons.map(\.detail) == [
        "role 'uploader': file '/srv/bad.json' isn't written: directory '/srv': others may write to it"
      ])
    #expect(!role.isInPlace)
  }

  @Test(arguments: Health.Reason.Kind.allCases)
  func `each kind of reason has a sentence without names and can be read back`(_ kind: Health.Reason.Kind) throws {
    let health = Health([Health.Reason(kind, role: "uploader", detail: "secret-name")])
    #expect((health.status == .ok) == (kind == .noRoles))
    let summary = health.summary(roles: 5)
    #expect(!summary.isEmpty && !summary.contains("uploader") && !summary.contains("secret-name"))
    #expect(try Health(parsing: health.rendered().span) == health)
  }

  @Test func `the worst reason comes first`() {
    let health = Health([
      Health.Reason(.output, role: "a", detail: "1"), Health.Reason(.noSession, role: "b", detail: "2"),
    ])
    #expect(health.status == .failing && health.reasons.map(\.kind) == [.noSession, .output])
  }
}
