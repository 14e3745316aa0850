import Testing

@testable import Settings

@Suite struct UnitViewTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let settings: String
    let path: String
    let access: UnitView.Access

    var testDescription: String { "\(settings.replacing("\n", with: " ")): \(path)" }

    init(_ settings: String, _ path: String, _ access: UnitView.Access) {
      self.settings = settings
      self.path = path
      self.access = access
    }
  }

  @Test(arguments: [
    Case("", "/home/alice", .writable),
    Case("ProtectSystem=strict", "/srv/a", .readOnly),
    Case("ProtectSystem=strict\nReadWritePaths=/srv", "/srv/a", .writable),
    Case("ProtectSystem=strict\nReadWritePaths=-/srv/a /srv/b", "/srv/b/c", .writable),
    Case("ProtectSystem=strict\nReadWritePaths=/srv/a", "/srv/ab", .readOnly),
    Case("ProtectSystem=strict\nReadWritePaths=/srv/a\nReadWritePaths=", "/srv/a", .readOnly),
    Case("ProtectSystem=strict\nBindPaths=/x:/srv/a:norbind", "/srv/a", .writable),
    Case("ProtectSystem=strict\nReadWritePaths=/srv\nReadOnlyPaths=/srv/a", "/srv/a/b", .readOnly),
    Case("ProtectSystem=strict\nStateDirectory=rolekeeper", "/var/lib/rolekeeper", .writable),
    Case("ProtectSystem=full", "/etc/a", .readOnly),
    Case("ProtectSystem=yes", "/etc/a", .writable),
    Case("ProtectSystem=true", "/usr/a", .readOnly),
    Case("ProtectHome=yes", "/home/alice", .hidden(by: "ProtectHome=")),
    // Below an inaccessible directory nothing can be opened.
    Case("ProtectHome=yes\nReadWritePaths=/home/alice", "/home/alice", .hidden(by: "ProtectHome=")),
    Case("ProtectHome=read-only", "/root/a", .readOnly),
    Case("ProtectHome=tmpfs\nBindPaths=/home/app", "/home/app/a", .writable),
    Case("ProtectHome=tmpfs\nBindPaths=/home/app", "/home/alice", .hidden(by: "ProtectHome=")),
    Case("PrivateTmp=yes", "/tmp", .hidden(by: "PrivateTmp=")),
    Case("PrivateTmp=yes", "/var/tmp/a", .hidden(by: "PrivateTmp=")),
    Case("PrivateTmp=no", "/tmp/a", .writable),
    Case("InaccessiblePaths=/srv", "/srv/a", .hidden(by: "InaccessiblePaths=")),
    Case("TemporaryFileSystem=/srv:ro", "/srv/a", .hidden(by: "TemporaryFileSystem=")),
    // As in the shipped unit: /run is read-only, except for the directory that systemd creates.
    Case("ProtectSystem=strict\nReadOnlyPaths=/run\nRuntimeDirectory=rolekeeper", "/run/rolekeeper/roles", .writable),
    Case("ProtectSystem=strict\nReadOnlyPaths=/run\nRuntimeDirectory=rolekeeper", "/run/other", .readOnly),
  ])
  func `access to a directory follows the unit's settings`(_ row: Case) {
    var text = UnitText(section: "Service")
    text.add("[Unit]\nProtectHome=yes\n[Service]\n\(row.settings)\n")
    #expect(UnitView(text).access(to: row.path) == row.access)
  }

  @Test func `a drop-in adds to lists and overrides single values`() throws {
    var host = FakeHost()
    host.files["/usr/lib/systemd/system/rolekeeper.service"] = FakeHost.File(
      text: """
        [Service]
        # User=comment
        ExecStart=/usr/sbin/rolekeeperd \\
          --config /etc/rolekeeper/other.toml
        User=rolekeeper
        ProtectSystem=strict
        ReadWritePaths=/srv/a
        LoadCredential=access-key:/etc/rolekeeper/access-key
        LoadCredentialEncrypted=sealed:/etc/credstore.encrypted/sealed
        """)
    host.files["/etc/systemd/system/rolekeeper.service.d/override.conf"] = FakeHost.File(
      text: "[Service]\nUser=keeper\nReadWritePaths=\"/srv/b\"\n")
    host.files["/usr/lib/systemd/system/rolekeeper.service.d/override.conf"] = FakeHost.File(
      text: "[Service]\nUser=no\n")
    host.files["/run/systemd/system/service.d/10-all.conf"] = FakeHost.File(text: "[Service]\nPrivateTmp=yes\n")
    host.files["/etc/systemd/system/rolekeeper.service.d/notes.txt"] = FakeHost.File(text: "[Service]\nUser=no\n")
    let unit = try #require(InstalledUnit(on: host))
    #expect(unit.path == "/usr/lib/systemd/system/rolekeeper.service")
    #expect(unit.configPath == "/etc/rolekeeper/other.toml")
    #expect(unit.user == "keeper")
    #expect(unit.credentials == ["access-key": .file("/etc/rolekeeper/access-key"), "sealed": .other])
    #expect(unit.view.access(to: "/srv/a") == .writable && unit.view.access(to: "/srv/b") == .writable)
    #expect(unit.view.access(to: "/srv/c") == .readOnly)
    #expect(unit.view.access(to: "/tmp") == .hidden(by: "PrivateTmp="))
    #expect(InstalledUnit(on: FakeHost()) == nil)
  }
}
