import Testing

extension UnderSystemd {
  /// `rolekeeper check` beside an installed unit, before the daemon is started.
  @Suite struct CheckTests {
    private static func output(_ path: String) -> String { "[[roles.backup.files]]\npath = \"\(path)\"\n" }

    @Test func `as root it judges as the daemon's user and reads the AccessKey that systemd will pass`() throws {
      let service = try Service()
      let good = try service.box.run(["rolekeeper", "check"])
      #expect(good.status == 0 && good.errors.isEmpty, "\(good)")
      #expect(
        good.output.hasPrefix(
          "checked as user 'rolekeeper', as which /usr/lib/systemd/system/rolekeeper.service runs the daemon\n"))
      #expect(!good.output.contains("error") && !good.output.contains("note:"), "\(good.output)")

      try service.box.ask("mv /etc/rolekeeper/access-key /etc/rolekeeper/kept; echo half >/etc/rolekeeper/access-key")
      defer { _ = try? service.box.ask("mv /etc/rolekeeper/kept /etc/rolekeeper/access-key") }
      let bad = try service.box.run(["rolekeeper", "check"])
      #expect(bad.status == 78 && bad.errors.isEmpty, "\(bad)")
      #expect(bad.output.contains("AccessKey file '/etc/rolekeeper/access-key': others than its owner may read it"))
    }

    /// It advised to remove the socket of the daemon that was serving, and ended with 78.
    @Test func `of others it asks no more than they may look at, whether or not the daemon runs`() throws {
      let service = try Service()
      for isRunning in [false, true] {
        if isRunning { try service.start() }
        for user in ["stranger", "outsider"] {
          let found = try service.box.run(["rolekeeper", "check"], as: user)
          #expect(found.status == 0 && found.errors.isEmpty, "\(found)")
          #expect(!found.output.contains("error") && !found.output.contains("warning"), "\(found)")
          #expect(found.output.contains("note: ") && found.output.contains("sudo rolekeeper check"), "\(found)")
        }
      }
      let asRoot = try service.box.run(["rolekeeper", "check"])
      #expect(asRoot.status == 0 && !asRoot.output.contains("note: "), "\(asRoot)")
    }

    /// `check` ended with 0, the reload said where the socket was, and nobody on the host reached it there.
    @Test func `a socket where nobody could reach it is an error, and a reload is refused`() throws {
      let service = try Service()
      try service.start()
      let before = try service.credential("uploader")
      for path in ["/tmp/rk.sock", "/var/lib/rk.sock"] {
        try service.write(SettingsText.usual.replacing("[socket]", with: "[socket]\npath = \"\(path)\""))
        let found = try service.box.run(["rolekeeper", "check"])
        #expect(found.status == 78 && found.output.contains("socket.path is '\(path)'"), "\(found)")
        #expect(try service.systemctl("reload").status != 0)
        #expect(try service.credential("uploader") == before, "it is where it was")
      }
      try service.write(SettingsText.usual)
      #expect(try service.systemctl("reload").status == 0)
    }

    @Test func `what it says about an output ends it`() throws {
      let service = try Service()
      try service.box.ask("install -d -m 0755 /srv/plain")
      for path in ["/tmp/a.json", "/home/app/a.json", "/srv/plain/a.json"] {
        try service.write(SettingsText.usual + Self.output(path))
        let found = try service.box.run(["rolekeeper", "check"])
        #expect(found.status == 0 && found.output.contains("is '\(path)', and "), "\(found)")
        #expect(found.output.contains("install -d -o rolekeeper") && !found.output.contains("chmod"), "\(found)")
      }
      let found = try service.box.run(["rolekeeper", "check"])
      let remedy = try #require(found.output.split(separator: "; ").first { $0.contains("install -d") })
      try service.box.ask(String(remedy[remedy.firstRange(of: "install -d")!.lowerBound...]))
      try service.override("ReadWritePaths=-/srv/plain/rolekeeper")
      try service.write(SettingsText.usual + Self.output("/srv/plain/rolekeeper/a.json"))
      #expect(try !service.box.run(["rolekeeper", "check"]).output.contains("/srv/plain"))
      try service.start()
      #expect(try eventually { try service.box.script("cat /srv/plain/rolekeeper/a.json").status == 0 })
    }
  }
}
