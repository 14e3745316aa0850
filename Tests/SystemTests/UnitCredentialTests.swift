import SystemBox
import Testing

extension UnderSystemd {
  /// Other units, whose `LoadCredential=` names the daemon's socket.
  @Suite struct UnitCredentialTests {
    private static let socket = "/run/rolekeeper/credentials.sock"
    private static let socketUnit = "rolekeeper-credentials.socket"

    private static func settings(wait: String = "10s") -> String {
      SettingsText.usual.replacing(
        "allow = { groups = [\"media\"] }",
        with: "allow = { groups = [\"media\"], units = [\"app.service\", \"encode@*.service\"] }"
      ).replacing("[roles.uploader]\n", with: "[credentials]\nwait = \"\(wait)\"\n\n[roles.uploader]\n")
    }

    /// The daemon runs, and makes the socket by its settings.
    private static func started(_ release: Release, wait: String = "10s", _ test: (Service) throws -> Void) throws {
      let service = try Service(under: release)
      try service.write(settings(wait: wait))
      try service.start()
      try test(service)
    }

    /// Installs a unit that keeps what it gets as `token`, by its own user, and starts it. Its $CREDENTIALS_DIRECTORY is gone after it.
    private static func start(
      _ unit: String, _ service: Service, id: String = "uploader", type: String = "exec", more: String = ""
    ) throws -> Output {
      let name = unit.contains("@") ? unit.prefix { $0 != "@" } + "@.service" : unit[...]
      try service.box.ask(
        """
        rm -rf /run/got && mkdir -m 0777 /run/got
        cat >/run/systemd/system/\(name) <<'END'
        [Service]
        Type=\(type)
        User=reader
        LoadCredential=\(id):\(socket)
        \(more)
        ExecStart=/bin/sh -c 'cat $CREDENTIALS_DIRECTORY/\(id) >/run/got/token; \(type == "oneshot" ? "true" : "exec sleep 600")'
        END
        systemctl daemon-reload
        """)
      return try service.box.run(["systemctl", "start", unit])
    }

    private static func stop(_ units: String..., at service: Service) {
      for unit in units {
        _ = try? service.box.ask("systemctl stop \(unit); systemctl reset-failed 2>/dev/null || true")
        _ = try? service.box.ask("rm -f /run/systemd/system/\(unit); systemctl daemon-reload")
      }
    }

    /// What the unit's program got; waits until it has it.
    private static func token(_ service: Service, _ name: String = "token") throws -> String {
      try service.box.ask(
        "for try in $(seq 100); do [ -s /run/got/\(name) ] && break; sleep 0.1; done; cat /run/got/\(name)")
    }

    private static func result(_ unit: String, _ service: Service) throws -> String {
      try service.box.ask("systemctl show --property=Result,ExecMainStatus --value \(unit)").replacing("\n", with: " ")
    }

    @Test(arguments: Release.all)
    func `a unit that the role allows starts with the credential, and one that it doesn't allow fails with the reason`(
      _ release: Release
    ) throws {
      try Self.started(release) { service in
        defer { Self.stop("app.service", "other.service", "encode@7.service", at: service) }
        let started = try Self.start("app.service", service)
        #expect(started.status == 0, "\(started)")
        let credential = try service.credential("uploader")
        #expect(try Credential(document: Self.token(service)) == credential)
        try service.journal.wait(for: "credential handed out")
        #expect(try service.journal.text().contains("unit=app.service"))

        #expect(try Self.start("encode@7.service", service, id: "uploader.env").status == 0)
        #expect(try Self.token(service).contains("ALIBABA_CLOUD_ACCESS_KEY_ID='\(credential.keyID)'"))

        #expect(try Self.start("other.service", service).status != 0)
        #expect(try service.box.ask("cat /run/got/token 2>/dev/null || true") == "")
        #expect(try Self.result("other.service", service).contains("243"))
        try service.journal.wait(for: "no credential for a unit, so its start fails")
        // The service manager's lines on the unit and ours, by one search.
        let lines = try service.journal.read("--output=cat UNIT=other.service")
        #expect(lines.contains("roles.uploader.allow doesn't name this unit") && lines.contains("other.service: "))
        #expect(try !service.journal.everything().contains(credential.secret))
      }
    }

    @Test(arguments: Release.all)
    func `a unit that comes too early waits, and fails when there is nothing in its time`(_ release: Release) throws {
      let service = try Service(under: release)
      defer {
        Self.stop("app.service", at: service)
        _ = try? service.box.ask("curl -sS -o /dev/null -X DELETE \(InstalledHost.control)/faults")
      }
      try service.write(Self.settings(wait: "1s"))
      try service.fault("kind=error&status=503&code=ServiceUnavailable")
      try service.start()
      #expect(try Self.start("app.service", service).status != 0)
      #expect(try Self.result("app.service", service).contains("243"))
      let line = try service.journal.wait(for: "no credential for a unit, so its start fails")
      #expect(line.contains("role 'uploader' has no valid session") && line.contains("ServiceUnavailable"))

      try service.write(Self.settings(wait: "60s"))
      #expect(try service.systemctl("reload").status == 0)
      try service.box.ask("systemctl reset-failed; systemctl start --no-block app.service")
      #expect(try service.box.ask("systemctl show --property=ActiveState --value app.service") == "activating")
      try service.box.ask("curl -sS -o /dev/null -X DELETE \(InstalledHost.control)/faults")
      #expect(try Credential(document: Self.token(service)).keyID.hasPrefix("STS."))
    }

    @Test(arguments: Release.all)
    func `a oneshot gets it, too, and each of its ExecStartPre= sees the same session, also over a refresh`(
      _ release: Release
    ) throws {
      try Self.started(release) { service in
        defer { Self.stop("app.service", at: service) }
        let more = """
          TimeoutStartSec=60s
          ExecStartPre=/bin/sh -c 'cat $CREDENTIALS_DIRECTORY/uploader >/run/got/first'
          ExecStartPre=+/usr/bin/rolekeeper refresh uploader
          ExecStartPre=/bin/sh -c 'cat $CREDENTIALS_DIRECTORY/uploader >/run/got/second'
          """
        let started = try Self.start("app.service", service, type: "oneshot", more: more)
        #expect(started.status == 0, "\(started)")
        let first = try Self.token(service, "first")
        let (second, third) = (try Self.token(service, "second"), try Self.token(service))
        #expect(first.contains("STS.") && second == first && third == first)
        let latest = try service.credential("uploader")
        #expect(Credential(document: first) != latest)
        // The next start is another invocation.
        #expect(try Self.start("app.service", service, type: "oneshot").status == 0)
        #expect(try Credential(document: Self.token(service)) == latest)
        let lines = try service.journal.text().split(separator: "\n").filter { $0.contains("unit=app.service") }
        #expect(lines.count == 2, "\(lines)")
      }
    }

    @Test(arguments: Release.all, ["restart", "kill --signal=KILL"])
    func `a start sees the same session also over an end of the daemon between two of its questions`(
      _ release: Release, _ end: String
    ) throws {
      try Self.started(release) { service in
        defer { Self.stop("app.service", at: service) }
        // The role goes on before the end.
        try service.box.ask(
          """
          cat >/run/end <<'END'
          set -e
          rolekeeper refresh uploader
          rolekeeper refresh uploader
          before=$(systemctl show --property=MainPID --value \(Service.unit))
          systemctl \(end) \(Service.unit)
          until now=$(systemctl show --property=MainPID --value \(Service.unit)) && [ "$now" != 0 ] && [ "$now" != "$before" ]
          do :; done
          rolekeeper wait uploader --timeout 30s
          END
          """)
        let more = """
          TimeoutStartSec=60s
          ExecStartPre=/bin/sh -c 'cat $CREDENTIALS_DIRECTORY/uploader >/run/got/first'
          ExecStartPre=+/bin/sh /run/end
          ExecStartPre=/bin/sh -c 'cat $CREDENTIALS_DIRECTORY/uploader >/run/got/second'
          """
        let pid = try service.mainPID()
        let started = try Self.start("app.service", service, more: more)
        #expect(started.status == 0, "\(started)")
        let first = try Self.token(service, "first")
        #expect(try first.contains("STS.") && Self.token(service, "second") == first && Self.token(service) == first)
        #expect(try service.mainPID() != pid)
        #expect(try Credential(document: first) != service.credential("uploader"))
        let lines = try service.journal.text().split(separator: "\n").filter { $0.contains("unit=app.service") }
        #expect(lines.count == 1, "\(lines)")
      }
    }

    @Test(arguments: Release.all)
    func `SetCredential= beside it doesn't let a refused unit start`(_ release: Release) throws {
      try Self.started(release) { service throws in
        defer { Self.stop("app.service", "other.service", at: service) }
        let fallback = "SetCredential=uploader:fallback"
        #expect(try Self.start("other.service", service, more: fallback).status != 0)
        #expect(try Self.result("other.service", service).contains("243"))
        #expect(try Self.start("app.service", service, more: fallback).status == 0)
        #expect(try Credential(document: Self.token(service)).keyID.hasPrefix("STS."))
      }
    }

    @Test(arguments: Release.all)
    func `the daemon's own socket is for root and the daemon alone, and a clean stop leaves none`(_ release: Release)
      throws
    {
      try Self.started(release) { service throws in
        #expect(try service.box.ask("stat --format '%U %G %a %F' \(Self.socket)") == "rolekeeper rolekeeper 600 socket")
        #expect(try service.systemctl("stop").status == 0)
        #expect(try service.box.ask("ls /run/rolekeeper | grep sock || true") == "")
      }
    }

    @Test func `who claims to be systemd gets nothing but the refusal`() throws {
      try Self.started(.machine) { service in
        let claim = """
          import socket, sys
          s = socket.socket(socket.AF_UNIX); s.bind("\\0" + "d58860a1684a94/unit/app.service/uploader"); s.connect("\(Self.socket)")
          data = b""
          while chunk := s.recv(65536): data += chunk
          print(len(data), data.count(0))
          """
        let stranger = try service.box.run(["python3", "-c", claim], as: "reader")
        #expect(stranger.status != 0 && stranger.errors.contains("PermissionError"), "\(stranger)")
        for user in [nil, "rolekeeper"] {
          let found = try service.box.run(["python3", "-c", claim], as: user).output.split { " \n".contains($0) }
          #expect(found.count == 2 && found[0] == found[1] && (Int(found[0]) ?? 0) > 1 << 20, "\(found)")
        }
      }
    }

    /// systemd would give what is below a RuntimeDirectory= of the service to that one's user at each start.
    @Test(arguments: Release.all)
    func `with its socket unit the socket is for root alone, before and after each start, restart and stop`(
      _ release: Release
    ) throws {
      let service = try Service(under: release)
      defer {
        _ = try? service.box.ask("systemctl stop \(Self.socketUnit) \(Service.unit); systemctl reset-failed")
        Self.stop("app.service", at: service)
      }
      try service.write(Self.settings())
      try service.box.ask("systemctl start \(Self.socketUnit)")
      let made = try service.box.ask("stat --format '%U %G %a %F %i' \(Self.socket)")
      #expect(made.hasPrefix("root root 600 socket "), "\(made)")
      for step in ["start", "restart", "stop", "start"] {
        #expect(try service.systemctl(step).status == 0)
        #expect(try service.box.ask("stat --format '%U %G %a %F %i' \(Self.socket)") == made, "after a \(step)")
        #expect(try service.box.ask("systemctl is-active \(Self.socketUnit)") == "active")
      }
      // It is the one that is served.
      #expect(try Self.start("app.service", service).status == 0)
      #expect(try Credential(document: Self.token(service)).keyID.hasPrefix("STS."))
    }

    @Test(arguments: Release.all)
    func `with its socket unit a start waits for the daemon, and a daemon without settings refuses it`(
      _ release: Release
    ) throws {
      let service = try Service(under: release)
      try service.write(Self.settings().replacing("[credentials]\nwait = \"10s\"\n", with: ""))
      try service.box.ask("systemctl start \(Self.socketUnit)")
      defer {
        _ = try? service.box.ask("systemctl stop \(Self.socketUnit) \(Service.unit); systemctl reset-failed")
        Self.stop("app.service", at: service)
      }
      #expect(try service.box.ask("stat --format '%U %G %a' \(Self.socket)") == "root root 600")
      #expect(try service.property("ActiveState") == "inactive")
      let started = try Self.start("app.service", service)
      #expect(started.status == 0, "\(started)")
      #expect(try Credential(document: Self.token(service)).keyID.hasPrefix("STS."))
      #expect(try service.property("ActiveState") == "active")
      #expect(try service.systemctl("restart").status == 0)
      #expect(try service.box.ask("systemctl restart app.service; systemctl is-active app.service") == "active")

      #expect(try service.systemctl("stop").status == 0)
      try service.write("[socket]\nmode = 7\n")
      #expect(try service.box.run(["systemctl", "restart", "app.service"]).status != 0)
      #expect(try Self.result("app.service", service).contains("243"))
      try service.journal.wait(for: "use its settings")
      #expect(try service.property("ActiveState") == "active" && service.property("NRestarts") == "0")
      #expect(try service.box.ask("stat --format '%U %G %a' \(Self.socket)") == "root root 600")
    }
  }
}
