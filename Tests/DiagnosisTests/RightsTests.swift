import Core
import Testing
import Wire

@testable import Diagnosis
@testable import Settings

/// What `doctor` finds that a user may read, by the settings and by the daemon's list.
@Suite struct RightsTests {
  /// A host whose users are in the groups given, and that has no files.
  private struct Groups: Host {
    let groups: Set<UInt32>

    let name = "h"
    let uid: UInt32 = 0
    let gid: UInt32 = 0
    let workingDirectory = "/"
    let credentialsDirectory: String? = nil
    func user(named name: String) throws(HostError) -> HostUser? { nil }
    func user(uid: UInt32) throws(HostError) -> HostUser? { nil }
    func group(named name: String) throws(HostError) -> HostGroup? { nil }
    func group(gid: UInt32) throws(HostError) -> HostGroup? { nil }
    func groups(of user: HostUser) -> Set<UInt32> { groups.union([user.gid]) }
    func status(of path: String) throws(HostError) -> FileStatus { throw .missing }
    func realPath(of path: String) throws(HostError) -> String { throw .missing }
    func read(_ path: String, limit: Int) throws(HostError) -> (status: FileStatus, bytes: [UInt8]) { throw .missing }
    func mayWrite(to directory: String) -> Bool { false }
    func names(in directory: String) throws(HostError) -> [String] { throw .missing }
  }

  private static let user = HostUser(name: "app", uid: 2000, gid: 2000)
  private static let byName = AccessRule(uids: [2000])
  private static let byGroup = AccessRule(gids: [30])
  private static let nobody = AccessRule(uids: [1])

  private static func role(
    _ name: String, _ readers: AccessRule, scopes: [String: AccessRule] = [:], isPerUser: Bool = false
  ) -> RoleSettings {
    var role = RoleSettings(
      name: RoleName(name)!, arn: RoleARN("acs:ram::1:role/\(name)")!, timing: RoleTiming(), sessionName: .standard,
      policy: nil, externalID: nil, source: "main", readers: readers, outputs: [])
    role.derivation = Derivation(
      DerivedSettings(
        scopes: scopes.sorted { $0.key < $1.key }.map {
          ScopeSettings(name: RoleName($0.key)!, policy: [], readers: $0.value)
        }, users: isPerUser ? UserSessions() : nil))
    return role
  }

  private static func settings(_ roles: [RoleSettings]) -> DaemonSettings {
    DaemonSettings(
      sources: [],
      sts: STSSettings(
        endpoint: Endpoint("sts.example.com")!, fallbackEndpoints: [], proxy: nil, caFile: nil,
        connectTimeout: .seconds(2), timeout: .seconds(10), lookupTimeout: .seconds(2), requestsPerSecond: 2, burst: 20),
      socket: SocketSettings(
        path: "/run/rolekeeper/rolekeeper.sock", mode: 0o660, gid: nil, maxConnections: 64, maxConnectionsPerUID: 8),
      filesDirectory: "/run/rolekeeper/roles", admins: AccessRule(), logLevel: .notice, roles: roles,
      inventory: SettingsInventory(files: []))
  }

  struct Case {
    let name: String
    let roles: [RoleSettings]
    let verdict: Finding.Verdict
    let text: String
    let right: LoopbackRight
  }

  private static let cases = [
    Case(
      name: "a role", roles: [role("a", byName), role("b", nobody)], verdict: .ok,
      text: "may read a, and not the other role", right: .role(RoleName("a")!)),
    Case(
      name: "a scope", roles: [role("a", nobody, scopes: ["encode": byName, "list": nobody]), role("b", nobody)],
      verdict: .ok, text: "may read a (scope encode), and not the other role", right: .untried("a (scope encode)")),
    Case(
      name: "scopes by a group, behind a role",
      roles: [role("a", nobody, scopes: ["x": byGroup, "y": byGroup]), role("b", byGroup, scopes: ["z": byGroup])],
      verdict: .ok, text: "may read b, a (scope x), a (scope y)", right: .role(RoleName("b")!)),
    Case(
      name: "a session for each user", roles: [role("a", byGroup, isPerUser: true)], verdict: .ok, text: "may read a",
      right: .untried("a")),
    Case(
      name: "nothing", roles: [role("a", nobody, scopes: ["x": nobody])], verdict: .warning, text: "may read no role",
      right: .nothing),
  ]

  /// A user of a scope alone read "may read no role", and was to be named in the allow of the role.
  @Test(arguments: cases)
  func `what a user may read is found with scopes and at the loopback URI`(row: Case) {
    let rights = RightsFindings(Self.user, present: nil, on: Groups(groups: [30]))
    let settings = Self.settings(row.roles)
    let finding = rights.roles(in: settings, daemonsUID: 998)
    #expect(finding.verdict == row.verdict && finding.text == row.text, "\(row.name): \(finding)")
    #expect(rights.loopback(in: settings) == row.right, "\(row.name)")
  }

  @Test func `the daemon is asked for the URI of a scope if there is no more`() {
    let list = RoleList([], isAdmin: false, scopes: [ScopeStatus(role: "a", name: "encode")])
    let questions = SocketFindings.questions(about: list)
    #expect(questions.map(\.path) == ["a/uri?scope=encode"])
    #expect(questions.map(\.right) == [.untried("a (scope encode)")])
  }
}
