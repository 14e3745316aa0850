import Core
import Settings
import Testing

@Suite struct SettingsLoaderTests {
  @Test func `what isn't written has its default`() throws {
    let loaded = FakeHost().load(soundSettings)
    #expect(loaded.diagnostics.map(\.description) == [])
    let settings = try #require(loaded.settings)

    #expect(
      settings.sources == [
        SourceSettings(
          name: "main",
          accessKey: .credential(name: "access-key", path: "/run/credentials/rolekeeper.service/access-key"))
      ])
    #expect(settings.sts.endpoint == Endpoint("sts.aliyuncs.com"))
    #expect(settings.sts.caFile == nil)
    #expect(settings.sts.connectTimeout == .seconds(3))
    #expect(settings.sts.timeout == .seconds(10))
    #expect(settings.sts.requestsPerSecond == 2)
    #expect(settings.sts.burst == 20)
    #expect(settings.socket.path == "/run/rolekeeper/rolekeeper.sock")
    #expect(settings.socket.mode == 0o660)
    #expect(settings.socket.gid == 997)
    #expect(settings.socket.maxConnections == 1024)
    #expect(settings.socket.maxConnectionsPerUID == 64)
    #expect(settings.filesDirectory == "/run/rolekeeper/roles")
    #expect(settings.admins == AccessRule())
    #expect(settings.logLevel == .notice)

    let role = try #require(settings.roles.first)
    #expect(role.name == RoleName("uploader"))
    #expect(role.arn == RoleARN("acs:ram::1234567890123456:role/ramtestupload"))
    #expect(role.timing == RoleTiming())
    #expect(role.sessionName == .standard)
    #expect(role.policy == nil)
    #expect(role.externalID == nil)
    #expect(role.source == "main")
    #expect(role.readers == AccessRule(uids: [1001]))
    #expect(role.outputs == [])
  }
}
