import SystemBox
import Testing

extension UnderSystemd {
  /// `rolekeeper check` beside an installed unit, before the daemon is started.
  @Suite struct CheckTests {
    private static func output(_ path: String) -> String { "[[roles.backup.files]]\npath = \"\(path)\"\n" }

    @Test(arguments: Release.all)
    func `as root it judges as the daemon's user and reads the AccessKey that systemd will pass`(_ release: Release)
      throws
    {
      let service = try Service(under: release)
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
      #expect(bad.output.contains("AccessKey file '/etc/rolekeeper/access-key': "))
    }

    @Test(arguments: Release.all)
    func `online, STS issues a session to each role by the key that systemd will pass, before the first start`(
      _ release: Release
    ) throws {
      let service = try Service(under: release)
      let good = try service.box.run(["rolekeeper", "check", "--online"])
      #expect(good.status == 0 && good.errors.isEmpty, "\(good)")
      #expect(good.output.contains("ok       source main: the AccessKey is that of 'acs:ram::"), "\(good.output)")
      #expect(good.output.contains("ok       role uploader: STS issues sessions of "), "\(good.output)")
      #expect(try service.property("ActiveState") == "inactive")
      let other = try service.box.run(["rolekeeper", "check", "--online"], as: "stranger")
      #expect(other.status == 4 && other.output.contains("skipped  role uploader: "), "\(other)")
      #expect(other.output.contains("run this by sudo"), "\(other)")
      try service.box.ask(
        "printf 'AccessKey ID,AccessKey Secret\\nLTAInobodynobodynobo,NobodysSecretNobodysSecretNobo\\n' >/root/new.csv"
      )
      defer { _ = try? service.box.ask("rm /root/new.csv") }
      let test = try service.box.run(["rolekeeper", "source", "test", "/root/new.csv"])
      #expect(test.status == 77 && test.output.contains("InvalidAccessKeyId.NotFound"), "\(test)")
    }

    @Test func `doctor finds a good service good, and what a user lacks`() throws {
      let service = try Service()
      let stopped = try service.box.run(["rolekeeper", "doctor"])
      #expect(stopped.status == 2 && stopped.output.contains("failed   service: "), "\(stopped)")
      try service.start()
      let good = try service.box.run(["rolekeeper", "doctor"])
      #expect(good.status < 2 && good.output.contains("ok       service: rolekeeper.service is active"), "\(good)")
      #expect(
        good.output.contains("ok       version: ") && good.output.contains("ok       role uploader: valid"), "\(good)")
      let stranger = try service.box.run(["rolekeeper", "doctor", "--as", "stranger"])
      #expect(stranger.status == 2, "\(stranger)")
      #expect(
        stranger.output.contains("run: sudo usermod -aG rolekeeper-clients stranger, which counts from the next login"),
        "\(stranger)")
      let reader = try service.box.run(["rolekeeper", "doctor"], as: "reader")
      #expect(reader.output.contains("user reader: may read uploader"), "\(reader)")
    }

    /// It ended with 78, "can't be used", and the daemon used the key.
    @Test func `a key that systemd copies though others may read it is a warning, and the daemon starts`() throws {
      let service = try Service()
      try service.box.ask("chmod 0644 /etc/rolekeeper/access-key")
      defer { _ = try? service.box.ask("chmod 0400 /etc/rolekeeper/access-key") }
      let found = try service.box.run(["rolekeeper", "check"])
      #expect(found.status == 0 && found.output.contains("warning: source.main.credential names "), "\(found)")
      #expect(found.output.contains("run: sudo chmod 0400 /etc/rolekeeper/access-key"), "\(found)")
      try service.start()
      _ = try service.credential("uploader")
    }

    @Test func `whether anybody listens on the socket is said`() throws {
      let service = try Service()
      let hint =
        "nothing listens on its socket: if the service isn't running, start it: sudo systemctl start rolekeeper"
      #expect(try service.box.run(["rolekeeper", "check"]).output.contains(hint))
      try service.start()
      #expect(try !service.box.run(["rolekeeper", "check"]).output.contains(hint))
    }

    /// `check` found nothing wrong; the reload was refused, and the next start failed for ever.
    @Test func `what lies in a directory of /run/rolekeeper that nobody makes is found`() throws {
      let service = try Service()
      try service.write(
        SettingsText.usual.replacing("[socket]", with: "[socket]\npath = \"/run/rolekeeper/sub/k.sock\""))
      let socket = try service.box.run(["rolekeeper", "check"])
      #expect(socket.status == 78 && socket.output.contains("write path = \"/run/rolekeeper/k.sock\""), "\(socket)")
      try service.write(SettingsText.usual + Self.output("/run/rolekeeper/sub/c.env"))
      let file = try service.box.run(["rolekeeper", "check"])
      #expect(
        file.status == 0
          && file.output.contains("write path = \"c.env\", which is then /run/rolekeeper/roles/backup/c.env"), "\(file)"
      )
      try service.write(SettingsText.usual + Self.output("c.env"))
      #expect(try !service.box.run(["rolekeeper", "check"]).output.contains("roles.backup.files"))
    }

    /// The reload that moved it was the last one that worked.
    @Test func `a moved socket that systemctl reload won't find is a warning, whose fix works`() throws {
      let service = try Service()
      try service.start()
      try service.write(SettingsText.usual.replacing("[socket]", with: "[socket]\npath = \"/run/rolekeeper/k.sock\""))
      let before = try service.box.run(["rolekeeper", "check"])
      #expect(before.status == 0 && before.output.contains("sudo systemctl restart rolekeeper"), "\(before)")
      #expect(try service.systemctl("reload").status == 0 && service.systemctl("reload").status != 0)
      let moved = try service.box.run(["rolekeeper", "check"])
      let line = try #require(moved.output.split(separator: " ").first { $0.hasPrefix("Environment=") })
      #expect(!moved.output.contains("systemctl restart"), "\(moved)")
      try service.override(String(line.prefix { $0 != ";" }))
      #expect(try service.systemctl("reload").status == 0)
      #expect(try !service.box.run(["rolekeeper", "check"]).output.contains("socket.path"))
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
