import SystemBox
import TestSupport
import Testing

extension UnderSystemd {
  @Suite struct JournalTests {
    @Test(arguments: Release.all)
    func `what is said of a role is found by its fields`(_ release: Release) throws {
      let service = try Service(under: release)
      try service.write(SettingsText.usual + "\n[log]\nlevel = \"info\"\n")
      try service.start()
      let lines = try service.journal.read("--output=cat --unit=\(Service.unit) ROLEKEEPER_ROLE=uploader")
      #expect(lines.contains("credential refreshed"))
      let said = try service.journal.read("--output=json ROLEKEEPER_ROLE=uploader PRIORITY=6")
      let id = try service.credential("uploader").keyID
      for field in [
        "\"ROLEKEEPER_ACCESS_KEY_ID\":\"\(id)\"", "\"ROLEKEEPER_GENERATION\":\"1\"", "\"ROLEKEEPER_EXPIRES\":\"20",
        "\"SYSLOG_IDENTIFIER\":\"rolekeeperd\"", "\"_SYSTEMD_UNIT\":\"rolekeeper.service\"",
      ] { #expect(said.contains(field), "\(field)") }
      #expect(said.contains(/"MESSAGE_ID":"[0-9a-f]{32}"/))
    }

    @Test(arguments: Release.all)
    func `the first hand-out of a generation to a user names user, pid and program, the next are silent`(
      _ release: Release
    ) throws {
      let service = try Service(under: release)
      try service.start()
      let uid = try service.box.ask("id --user reader")
      let script = """
        echo $$
        exec curl -sS -o /dev/null --unix-socket \(Service.socket) \
          http://localhost/v1/roles/uploader/credentials http://localhost/v1/roles/uploader/credentials -o /dev/null
        """
      // The process that reads is the shell, under the id it printed in the box's own numbering.
      let pid = try service.box.ask(script, as: "reader")
      let lines = try service.journal.read("--output=json ROLEKEEPER_UID=\(uid)").split(separator: "\n")
      #expect(lines.count == 1)
      #expect(lines.first?.contains("\"ROLEKEEPER_PID\":\"\(pid)\"") == true)
      #expect(lines.first?.contains("\"ROLEKEEPER_USER\":\"reader\"") == true)
      #expect(lines.first?.contains("\"ROLEKEEPER_PROGRAM\":\"curl\"") == true)
      #expect(lines.first?.contains("\"ROLEKEEPER_ROLE\":\"uploader\"") == true)
      #expect(lines.first?.contains("\"ROLEKEEPER_ACCESS_KEY_ID\":\"STS.") == true)
    }

    @Test(arguments: Release.all)
    func `who had a session is answered from the journal, with how far back that goes`(_ release: Release) throws {
      let service = try Service(under: release)
      try service.start()
      let id = try service.credential("uploader", as: "reader").keyID
      let uid = try service.box.ask("id --user reader")
      let found = try service.box.run(["rolekeeper", "who-had", id, "--since", "1 hour ago"])
      #expect(found.status == 0 && found.errors == "", "\(found)")
      let lines = found.output.split(separator: "\n")
      #expect(lines[0].hasPrefix("TIME"), "\(found)")
      let read = lines.filter { $0.contains(" socket ") }
      #expect(read.count == 1, "\(found)")
      for word in [" uploader ", " \(id) ", " reader (\(uid)) ", " curl"] {
        #expect(read.first?.contains(word) == true, "\(found)")
      }
      #expect(lines.last?.hasPrefix("the journal goes back to 20") == true, "\(found)")
      let nobody = try service.box.run(["rolekeeper", "who-had", "STS.nobody"])
      #expect(nobody.status == 1 && nobody.output.hasPrefix("no record of session STS.nobody in the journal"))
      let wrong = try service.box.run(["rolekeeper", "who-had", id, "--since", "whenever"])
      #expect(wrong.status == 1 && wrong.errors.contains("rolekeeper: journalctl failed"), "\(wrong)")
      #expect(wrong.errors.contains("'--since' takes a time such as '2 days ago'"), "\(wrong)")
      let stranger = try service.box.run(["rolekeeper", "who-had", id], as: "stranger")
      #expect(stranger.status == 1 && !stranger.output.contains("curl"), "\(stranger)")
    }

    /// Everybody may send the journal an entry with the daemon's fields.
    @Test(arguments: Release.all)
    func `who-had counts no entry that another program wrote`(_ release: Release) throws {
      let service = try Service(under: release)
      try service.start()
      let id = try service.credential("uploader", as: "reader").keyID
      let entry = try service.journal.read("--output=json ROLEKEEPER_ACCESS_KEY_ID=\(id) ROLEKEEPER_VIA=socket")
      let event = try #require(entry.firstMatch(of: /"MESSAGE_ID":"([0-9a-f]{32})"/)).1
      try service.box.ask(
        """
        logger --journald <<'END'
        MESSAGE=credential handed out
        MESSAGE_ID=\(event)
        ROLEKEEPER_ROLE=uploader
        ROLEKEEPER_ACCESS_KEY_ID=\(id)
        ROLEKEEPER_UNIT=forged.service
        UNIT=forged.service
        ROLEKEEPER_PROGRAM=forger
        END
        """, as: "stranger")
      #expect(
        try eventually { try service.journal.read("--output=json ROLEKEEPER_UNIT=forged.service").contains(id) })
      let who = try service.box.ask("rolekeeper who-had \(id)")
      #expect(who.contains(" curl") && !who.contains("forge"), "\(who)")
      let unit = try service.box.run(["rolekeeper", "who-had", "--unit", "forged.service"])
      #expect(unit.status == 1 && unit.output.hasPrefix("no record of unit forged.service"), "\(unit)")
    }

    @Test(arguments: Release.all)
    func `each way in which a session is handed out is in the journal with all its fields, and who-had shows it`(
      _ release: Release
    ) throws {
      let service = try Service(under: release)
      let path = "/run/rolekeeper/roles/uploader/credentials.json"
      try service.write(
        SettingsText.usual.replacing(
          "allow = { groups = [\"media\"] }",
          with: "allow = { groups = [\"media\"], units = [\"app.service\"] }"
        ).replacing("[roles.uploader]\n", with: "[credentials]\n\n[roles.uploader]\n")
          + "\n[[roles.backup.files]]\npath = \"b\"\nowner = \"uploader\"\nmode = \"0440\"\n")
      try service.start()
      defer { _ = try? service.box.ask("systemctl stop app.service; rm -f /run/systemd/system/app.service") }
      try service.box.ask(
        """
        cat >/run/systemd/system/app.service <<'END'
        [Service]
        Type=exec
        User=outsider
        LoadCredential=uploader:/run/rolekeeper/credentials.sock
        ExecStart=/bin/sh -c 'curl -sS -o /dev/null --unix-socket \(Service.socket) http://localhost/v1/roles/uploader/credentials; exec sleep 600'
        END
        systemctl daemon-reload
        systemctl start app.service
        """)
      let id = try service.credential("uploader").keyID
      #expect(
        try eventually {
          try service.journal.read("--output=json ROLEKEEPER_UNIT=app.service ROLEKEEPER_VIA=socket") != ""
        })
      let (uid, owner) = (try service.box.ask("id --user outsider"), try service.box.ask("id --user uploader"))
      func entry(_ words: String) throws -> String { try service.journal.read("--output=json \(words)") }
      func has(_ text: String, _ fields: [String]) -> Bool {
        fields.allSatisfy { text.contains("\"ROLEKEEPER_\($0)\"") }
      }
      let common = ["ROLE\":\"uploader", "GENERATION\":\"1", "ACCESS_KEY_ID\":\"\(id)"]
      let read = try entry("ROLEKEEPER_UNIT=app.service ROLEKEEPER_VIA=socket")
      #expect(has(read, common + ["UID\":\"\(uid)", "USER\":\"outsider", "PROGRAM\":\"curl"]), "\(read)")
      let loaded = try entry("ROLEKEEPER_UNIT=app.service ROLEKEEPER_VIA=LoadCredential")
      #expect(
        has(loaded, common + ["UID\":\"0", "PROGRAM\":\"(sd-mkdcreds)"]) && loaded.contains("\"UNIT\":\"app.service\""),
        "\(loaded)")
      let written = try entry("ROLEKEEPER_VIA=file ROLEKEEPER_ROLE=backup")
      #expect(
        has(
          written,
          ["GENERATION\":\"1", "PATH\":\"/run/rolekeeper/roles/backup/b", "OWNER\":\"\(owner)", "MODE\":\"0440"]),
        "\(written)")
      #expect(written.contains("\"ROLEKEEPER_GROUP\":\"") && written.contains("\"ROLEKEEPER_ACCESS_KEY_ID\":\"STS."))

      let who = try service.box.ask("rolekeeper who-had \(id)").split(separator: "\n")
      #expect(
        who.contains {
          $0.contains(" socket ") && $0.contains(" app.service ") && $0.contains(" outsider (\(uid)) ")
            && $0.contains(" curl")
        }, "\(who)")
      #expect(who.contains { $0.contains(" LoadCredential ") && $0.contains(" app.service ") }, "\(who)")
      #expect(who.contains { $0.contains(" file ") && $0.hasSuffix(" \(path)") }, "\(who)")
      let unit = try service.box.ask("rolekeeper who-had --unit app.service").split(separator: "\n")
      #expect(unit.count == 4, "\(unit)")
    }

    @Test func `who had a session of a bundle is the host, not its proxy`() throws {
      let service = try Service()
      try service.write(
        SettingsText.usual.replacing(
          "allow = { groups = [\"media\"] }",
          with: "allow = { groups = [\"media\"], hosts = [\"web*.example\"] }"
        ).replacing("[roles.uploader]\n", with: "[fleet]\ntrusted_proxy = \"outsider\"\n\n[roles.uploader]\n"))
      try service.start()
      let certificate = HostCertificate.escaped(try HostCertificate.make("/O=Example", "DNS:web7.example"))
      let bundle = try service.box.run(
        [
          "curl", "-sS", "--unix-socket", Service.socket, "--header", "Rolekeeper-Client-Certificate: \(certificate)",
          "http://localhost/v1/bundle",
        ], as: "outsider")
      let id = try #require(bundle.output.firstMatch(of: /"access_key_id":"(STS\.[^"]+)"/)?.output.1, "\(bundle)")
      let who = try service.box.ask("rolekeeper who-had \(id)").split(separator: "\n")
      let read = who.filter { $0.contains(" bundle ") }
      #expect(read.count == 1 && read[0].contains(" uploader ") && read[0].hasSuffix(" web7.example"), "\(who)")
      #expect(!read.contains { $0.contains("outsider") }, "\(who)")
    }

    @Test func `a refusal names user, program and role`() throws {
      let service = try Service()
      try service.start()
      let uid = try service.box.ask("id --user outsider")
      for _ in 0..<3 { _ = try service.request("/v1/roles/uploader/credentials", as: "outsider") }
      let lines = try service.journal.read("--output=json ROLEKEEPER_UID=\(uid)").split(separator: "\n")
      #expect(lines.count == 1)
      for field in ["ROLE\":\"uploader", "USER\":\"outsider", "PROGRAM\":\"curl"] {
        #expect(lines.first?.contains("\"ROLEKEEPER_\(field)\"") == true, "\(lines)")
      }
    }

    @Test(arguments: Release.all)
    func `journalctl -x explains a line, its cause and what to do`(_ release: Release) throws {
      let service = try Service(under: release)
      try service.fault("kind=error&status=403&code=NoPermission&role=backup")
      try service.start()
      let lines = try service.journal.read("--output=short --catalog --unit=\(Service.unit) ROLEKEEPER_ROLE=backup")
      for part in [
        "Subject: A session wasn't fetched, and the role has no valid one", "Documentation: man:rolekeeperd(8)",
        "'sudo rolekeeper refresh ROLE' asks",
      ] { #expect(lines.contains(part), "\(lines)") }
    }

    /// Whoever writes to a journal that is stuck waits for it, if it isn't careful; and everybody else for whoever writes.
    @Test func `a journal that is stuck holds nobody up, and learns what it missed`() throws {
      let service = try Service()
      // At `info` a refresh says a line, before which comes what was lost.
      try service.write(SettingsText.usual + "\n[log]\nlevel = \"info\"\n")
      try service.start()
      try service.box.ask("systemctl kill --signal=STOP systemd-journald")
      func goOn() throws { try service.box.ask("systemctl kill --signal=CONT systemd-journald") }
      do {
        // Each says a line or more. curl sends nothing of what stands behind a #, it only counts.
        let reloads = try service.box.ask(
          """
          curl -sS --max-time 120 --unix-socket \(Service.socket) -X POST -o /dev/null -w '%{http_code}\\n' \
            'http://localhost/v1/reload#[1-2000]' | sort | uniq -c
          """)
        #expect(reloads.split(separator: " ") == ["2000", "200"], "\(reloads)")
        _ = try service.credential("uploader")
        #expect(try !service.request("/metrics").output.contains("rolekeeper_log_lines_lost_total 0\n"))
      } catch {
        try goOn()
        throw error
      }
      try goOn()
      try service.box.ask("rolekeeper refresh uploader")
      let line = try service.journal.wait(for: "log lines lost: neither the journal nor stderr accepted them")
      #expect(line.contains(/count=[1-9]/))
    }

    @Test func `no secret gets into the journal or the status, whatever goes wrong`() throws {
      let service = try Service()
      try service.write(SettingsText.usual.replacing("[sts]", with: "[log]\nlevel = \"debug\"\n\n[sts]"))
      try service.start()
      var secrets = [InstalledHost.accessKeySecret]
      for role in ["uploader", "backup"] {
        let credential = try service.credential(role)
        secrets += [credential.secret, credential.token]
        try service.box.ask("rolekeeper get \(role) --format env >/dev/null")
      }
      // Answers that quote what was asked, and broken ones that hold a session.
      for fault in [
        "kind=error&status=400&code=SignatureDoesNotMatch&message=\(InstalledHost.accessKeySecret)&count=2",
        "kind=empty&field=AccessKeyId&count=2", "kind=drop&count=2", "kind=html&count=2",
      ] {
        try service.fault(fault)
        // A refresh that fails ends with 4.
        try service.box.ask("rolekeeper refresh uploader || true; rolekeeper refresh backup || true")
        #expect(
          try eventually {
            try !service.box.ask("curl -sS \(InstalledHost.control)/faults").contains("\"id\"")
          }, "\(fault)")
        try service.box.ask("systemctl reload \(Service.unit)")
        for role in ["uploader", "backup"] {
          let credential = try service.credential(role)
          secrets += [credential.secret, credential.token]
        }
      }
      _ = try service.request("/v1/roles/uploader/credentials?min_ttl=1800")
      #expect(try service.systemctl("stop").status == 0)
      let said = try service.journal.everything() + service.systemctl("status").output
      #expect(said.contains("SignatureDoesNotMatch"))
      for secret in secrets { #expect(!secret.isEmpty && !said.contains(secret)) }
    }
  }
}
