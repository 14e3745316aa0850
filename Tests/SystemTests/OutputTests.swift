import SystemBox
import Testing

extension UnderSystemd {
  @Suite struct OutputTests {
    private static let directory = "/run/rolekeeper/roles/uploader"
    private static let elsewhere = """
      [[roles.backup.files]]
      path = "/srv/backup/credentials.json"
      format = "json"
      owner = "uploader"
      group = "media"
      mode = "0440"

      """

    @Test(arguments: Release.all)
    func `files are another user's, with the mode and group that the settings say`(_ release: Release) throws {
      let service = try Service(under: release)
      try service.start()
      let status = try service.box.ask(
        "cd \(Self.directory); stat --dereference --format='%a %U %G' credentials.json credentials.env")
      #expect(status == "440 uploader media\n400 uploader uploader")
      let credential = try service.credential("uploader")
      let file = try service.box.ask("cat \(Self.directory)/credentials.json", as: "uploader")
      #expect(Credential(document: file) == credential)
      #expect(try service.box.ask("cat \(Self.directory)/credentials.json", as: "reader") == file)
      for user in ["outsider", "stranger"] {
        #expect(try service.box.script("cat \(Self.directory)/credentials.*", as: user).output == "")
        #expect(try service.box.script("ls /run/rolekeeper/roles", as: user).status != 0)
      }
    }

    @Test func `each rotation replaces another user's files, whatever became of them`() throws {
      let service = try Service()
      try service.start()
      try service.box.ask(
        "cd \(Self.directory); chmod 0600 credentials.env; echo mine >credentials.env", as: "uploader")
      let before = try service.credential("uploader")
      try service.box.ask("rolekeeper refresh uploader")
      #expect(try eventually { try service.credential("uploader") != before })
      let after = try service.credential("uploader")
      #expect(
        try eventually { try service.box.ask("cat \(Self.directory)/credentials.env").contains(after.secret) })
      #expect(try service.box.ask("stat -L -c '%a %U' \(Self.directory)/credentials.env") == "400 uploader")
    }

    @Test(arguments: Release.all)
    func `with a drop-in that lets the unit write there, a file goes elsewhere`(_ release: Release) throws {
      let service = try Service(under: release)
      try service.box.ask("install -d -o rolekeeper -m 0711 /srv/backup")
      try service.override("ReadWritePaths=/srv/backup")
      try service.write(SettingsText.usual + Self.elsewhere)
      try service.start()
      #expect(try eventually { try service.box.script("cat /srv/backup/credentials.json").status == 0 })
      #expect(
        try service.box.ask("stat -c '%a %U %G %F' /srv/backup/credentials.json") == "440 uploader media regular file")
      let file = try service.box.ask("cat /srv/backup/credentials.json", as: "uploader")
      #expect(try Credential(document: file) == service.credential("backup"))
    }

    @Test func `without the drop-in the journal says which one to write, and the rest goes on`() throws {
      let service = try Service()
      try service.box.ask("install -d -o rolekeeper -m 0711 /srv/backup")
      try service.write(SettingsText.usual + Self.elsewhere)
      try service.start()
      let complaint = try service.journal.wait(for: "file not written")
      #expect(complaint.contains("ReadWritePaths=-/srv/backup"))
      #expect(complaint.contains("systemctl edit rolekeeper"))
      _ = try service.credential("backup")
      #expect(try service.box.script("cat \(Self.directory)/credentials.json").status == 0)
    }

    /// Each fsync(2) fails, as on a disk that is about to die.
    @Test func `on a disk with errors the socket goes on, and the journal says once where to look`() throws {
      let service = try Service()
      try service.override("SystemCallFilter=\nSystemCallFilter=~fsync:EIO")
      try service.start()
      let complaint = try service.journal.wait(for: "file not written")
      #expect(complaint.contains("Input/output error") && complaint.contains("dmesg"), "\(complaint)")
      let credential = try service.credential("uploader")
      try service.box.ask("rolekeeper refresh uploader")
      #expect(try eventually { try service.credential("uploader") != credential })
      #expect(try service.box.script("cat \(Self.directory)/credentials.json").status != 0)
      let complaints = try service.journal.text().split(separator: "\n").filter { $0.contains("file not written") }
      #expect(complaints.count == 1, "\(complaints)")

      try service.override("")
      #expect(try service.systemctl("restart").status == 0)
      #expect(try service.box.script("cat \(Self.directory)/credentials.json").status == 0)
    }

    @Test func `a file in somebody's home takes a drop-in that shows its directory to the unit`() throws {
      let service = try Service()
      let directory = "/home/app/credentials"
      try service.box.ask("install -d /home/app; install -d -o rolekeeper \(directory)")
      try service.write(SettingsText.usual + Self.elsewhere.replacing("/srv/backup", with: directory))
      try service.start()
      let complaint = try service.journal.wait(for: "file not written")
      #expect(complaint.contains("the unit doesn't see homes") && complaint.contains("rolekeeper check"))

      try service.override("ProtectHome=tmpfs\nBindPaths=\(directory)")
      #expect(try service.systemctl("restart").status == 0)
      #expect(try eventually { try service.box.script("cat \(directory)/credentials.json").status == 0 })
    }

    @Test(arguments: Release.all)
    func `another unit takes the variables by EnvironmentFile`(_ release: Release) throws {
      let service = try Service(under: release)
      try service.start()
      let credential = try service.credential("uploader")
      let bare = "/run/bare.env"
      try service.box.ask("rolekeeper get uploader --format env-file --output \(bare)")
      for path in ["\(Self.directory)/credentials.env", bare] {
        let read = try service.box.ask(
          """
          systemd-run --quiet --wait --pipe --collect -p User=uploader -p EnvironmentFile=\(path) \
            sh -c 'echo "$ALIBABA_CLOUD_ACCESS_KEY_ID $ALIBABA_CLOUD_ACCESS_KEY_SECRET $ALIBABA_CLOUD_SECURITY_TOKEN"'
          """)
        #expect(read == "\(credential.keyID) \(credential.secret) \(credential.token)", "\(path)")
      }
      let complaints = try service.journal.everything()
      #expect(!complaints.contains("Ignoring invalid environment"))
    }

    @Test func `a shell takes them by eval, for the programs it starts`() throws {
      let service = try Service()
      try service.start()
      let credential = try service.credential("uploader")
      let read = try service.box.ask(
        """
        eval "$(rolekeeper get uploader --format env)"
        sh -c 'echo "$OSS_ACCESS_KEY_ID $OSS_ACCESS_KEY_SECRET $OSS_SESSION_TOKEN"'
        """, as: "reader")
      #expect(read == "\(credential.keyID) \(credential.secret) \(credential.token)")
    }
  }
}
