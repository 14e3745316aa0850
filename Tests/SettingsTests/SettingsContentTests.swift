import Settings
import Testing

/// Settings that are read again from a record, whatever is on the disk by then.
@Suite struct SettingsContentTests {
  private static let policy = #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#
  private static let extra = "[roles.extra]\nrole_arn = \"acs:ram::1234567890123456:role/extra\"\n"

  private func host() -> FakeHost {
    var host = FakeHost()
    host.files["/etc/rolekeeper/p.json"] = FakeHost.File(text: Self.policy)
    return host
  }

  private static let text = soundSettings + "policy_file = \"p.json\"\n"

  @Test func `the content has the settings files, those of roles.d and the policies, but no AccessKey`() throws {
    let loaded = host().load(Self.text, rolesD: ["extra.toml": Self.extra, "notes.txt": "x", "other.toml": ""])
    let content = loaded.content
    #expect(loaded.settings != nil)
    #expect(
      content.files.map(\.path) == [
        FakeHost.path, "/etc/rolekeeper/roles.d/extra.toml", "/etc/rolekeeper/roles.d/other.toml",
        "/etc/rolekeeper/p.json",
      ])
    #expect(content.files.first?.bytes == Array(Self.text.utf8))
    #expect(content.directories.map(\.path) == ["/etc/rolekeeper/roles.d"])
    #expect(content.directories.map(\.names) == [["extra.toml", "other.toml"]])
  }

  @Test func `it yields the same settings when the files are missing, changed, or writable by others`() throws {
    let loaded = host().load(Self.text, rolesD: ["extra.toml": Self.extra])
    var hosts = [FakeHost(), FakeHost(), FakeHost()]
    hosts[1].files[FakeHost.path] = FakeHost.File(text: "not TOML", uid: 4711, mode: 0o666)
    hosts[1].files["/etc/rolekeeper/roles.d/new.toml"] = FakeHost.File(text: "[roles.new]\n")
    hosts[2].directories["/etc/rolekeeper"] = FakeHost.File(mode: 0o777)
    for host in hosts {
      let again = SettingsLoader(host: host).load(FakeHost.path, from: loaded.content)
      #expect(again.settings == loaded.settings, "\(again.diagnostics.map(\.description))")
      #expect(again.content == loaded.content)
    }
  }

  @Test func `a directory that didn't exist at the reading doesn't exist in the record`() throws {
    let loaded = host().load(Self.text)
    var later = host()
    later.files["/etc/rolekeeper/roles.d/extra.toml"] = FakeHost.File(text: Self.extra)
    #expect(SettingsLoader(host: later).load(FakeHost.path, from: loaded.content).settings?.roles.count == 1)
  }
}
