import Core
import Testing

@testable import Settings

@Suite struct SettingsInForceTests {
  private static func role(_ name: String) -> RoleSettings {
    RoleSettings(
      name: RoleName(name)!, arn: RoleARN("acs:ram::1:role/\(name)")!, timing: RoleTiming(), sessionName: .standard,
      policy: nil, externalID: nil, source: "main", readers: AccessRule(), outputs: [])
  }

  private static func settings(_ names: String..., directory: String = "/run/rolekeeper/roles") -> DaemonSettings {
    DaemonSettings(
      sources: [],
      sts: STSSettings(
        endpoint: Endpoint("sts.example.com")!, fallbackEndpoints: [], proxy: nil, caFile: nil,
        connectTimeout: .seconds(2), timeout: .seconds(10), lookupTimeout: .seconds(2), requestsPerSecond: 2, burst: 20),
      socket: SocketSettings(
        path: "/run/rolekeeper/rolekeeper.sock", mode: 0o660, gid: nil, maxConnections: 64, maxConnectionsPerUID: 8),
      filesDirectory: directory, admins: AccessRule(), logLevel: .notice, roles: names.map(role),
      inventory: SettingsInventory())
  }

  @Test func `before roles are stored elsewhere, all settings that were read are in force`() {
    let inForce = SettingsInForce(Self.settings("a"))
    #expect(inForce.whole == Self.settings("a"))
    inForce.replace(by: Self.settings("a", "b", directory: "/srv"))
    #expect(inForce.roles.map(\.name.description) == ["a", "b"] && inForce.filesDirectory == "/srv")
  }

  /// Thousands of roles would be in memory twice.
  @Test func `once roles are stored elsewhere, they are read only there, and all else is replaced at once`() {
    let inForce = SettingsInForce(Self.settings("a"))
    var kept = Self.settings("a").roles
    inForce.readRoles { kept }
    #expect(inForce.whole == Self.settings("a"))
    inForce.replace(by: Self.settings("b", directory: "/srv"))
    #expect(inForce.filesDirectory == "/srv" && inForce.roles.map(\.name.description) == ["a"])
    kept = Self.settings("b").roles
    #expect(inForce.whole == Self.settings("b", directory: "/srv"))
  }
}
