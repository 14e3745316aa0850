import Core
import SystemBox
import Testing

extension UnderSystemd {
  /// Each format by `LoadCredential=`: for a unit that the role allows, for one that it doesn't, and for one that has gone.
  @Suite struct UnitFormatTests {
    private static let socket = "/run/rolekeeper/credentials.sock"
    private static let formats = CredentialFormat.allCases.map(\.rawValue) + [OutputFormat.templateName]

    private static let settings =
      SettingsText.usual.replacing(
        "allow = { groups = [\"media\"] }", with: "allow = { groups = [\"media\"], units = [\"all.service\"] }"
      ).replacing(
        "allow = { users = [\"root\"] }", with: "allow = { users = [\"root\"], units = [\"late@*.service\"] }"
      ).replacing("[roles.uploader]\n", with: "[credentials]\nwait = \"60s\"\n\n[roles.uploader]\n") + """

        [[roles.uploader.files]]
        path = "note"
        format = "template"
        template = "note.template"

        [[roles.backup.files]]
        path = "note"
        format = "template"
        template = "note.template"

        """

    /// A unit that keeps what it is given, and ends.
    private static func unit(_ lines: String) -> String {
      """
      [Service]
      Type=oneshot
      TimeoutStartSec=60s
      User=reader
      \(lines)
      ExecStart=/bin/sh -c 'cp $CREDENTIALS_DIRECTORY/* /run/got'
      """
    }

    @Test(arguments: Release.all)
    func `a unit that the role allows gets each format, one that it doesn't allow none, and one that has gone none`(
      _ release: Release
    ) throws {
      let service = try Service(under: release)
      let names = Self.formats.joined(separator: " ")
      defer {
        _ = try? service.box.ask(
          """
          systemctl reset-failed
          rm -f /run/systemd/system/{all,other@,late@}.service /etc/rolekeeper/note.template
          systemctl daemon-reload
          curl -sS -o /dev/null -X DELETE \(InstalledHost.control)/faults
          """)
      }
      try service.box.ask(
        """
        printf '{{access_key_id}} {{access_key_secret}} {{security_token}}\\n' >/etc/rolekeeper/note.template
        rm -rf /run/got && mkdir -m 0777 /run/got
        cat >/run/systemd/system/all.service <<'END'
        \(Self.unit(Self.formats.map { "LoadCredential=uploader.\($0):\(Self.socket)" }.joined(separator: "\n")))
        END
        cat >/run/systemd/system/other@.service <<'END'
        \(Self.unit("LoadCredential=uploader.%i:\(Self.socket)"))
        END
        cat >/run/systemd/system/late@.service <<'END'
        \(Self.unit("LoadCredential=backup.%i:\(Self.socket)"))
        END
        systemctl daemon-reload
        """)
      try service.write(Self.settings)
      try service.fault("kind=error&status=503&code=ServiceUnavailable&role=backup")
      try service.start()

      let started = try service.box.run(["systemctl", "start", "all.service"])
      #expect(started.status == 0, "\(started)")
      let session = try service.credential("uploader")
      for format in Self.formats {
        let text = try service.box.ask("cat /run/got/uploader.\(format)")
        #expect([session.keyID, session.secret, session.token].allSatisfy { text.contains($0) }, "\(format): \(text)")
      }

      let refused = try service.box.ask(
        """
        rm /run/got/*
        for format in \(names); do
          systemctl start other@$format.service 2>/dev/null && echo started
          systemctl show --property=ExecMainStatus --value other@$format.service
        done
        ls /run/got
        """)
      #expect(refused.split(separator: "\n").map(String.init) == Self.formats.map { _ in "243" }, "\(refused)")

      // The last one stays.
      let left = try service.box.ask(
        """
        waiting() { curl -sS --unix-socket \(Service.socket) http://localhost/metrics | grep -qx "rolekeeper_unit_requests_waiting $1"; }
        for format in \(names); do systemctl start --no-block late@$format.service; done
        for try in $(seq 400); do waiting \(Self.formats.count) && break; sleep 0.05; done
        for format in \(Self.formats.dropLast().joined(separator: " ")); do systemctl stop late@$format.service; done
        for try in $(seq 400); do waiting 1 && break; sleep 0.05; done
        curl -sS -o /dev/null -X DELETE \(InstalledHost.control)/faults
        rolekeeper refresh backup >/dev/null
        for try in $(seq 200); do [ -s /run/got/backup.\(OutputFormat.templateName) ] && break; sleep 0.05; done
        ls /run/got
        """)
      #expect(left == "backup.\(OutputFormat.templateName)", "\(left)")
      try service.journal.wait(for: "unit=late@template.service")
      let lines = try service.journal.text().split(separator: "\n").filter { $0.contains("unit=late@") }
      #expect(lines.count == 1 && lines[0].contains("credential handed out"), "\(lines)")
    }
  }
}
