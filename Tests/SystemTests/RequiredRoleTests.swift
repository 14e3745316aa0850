import SystemBox
import Testing

extension UnderSystemd {
  /// A role with `required = true`, for whose credential the start waits.
  @Suite struct RequiredRoleTests {
    private static let required = SettingsText.usual.replacing(
      "[roles.backup]\n", with: "[roles.backup]\nrequired = true\n")
    private static let waiting = "waiting for a credential of the required role 'backup'; the last attempt failed: "

    /// The unit is being started and waits for the role, while STS refuses it and the other one is served.
    private static func waits(_ release: Release, more: String = "", _ test: (Service) throws -> Void) throws {
      let service = try Service(under: release)
      try service.override("TimeoutStartSec=2s\n\(more)")
      try service.write(required)
      try service.fault("kind=error&status=503&role=backup")
      defer {
        _ = try? service.box.ask("curl -sS -o /dev/null -X DELETE \(InstalledHost.control)/faults")
      }
      try service.box.ask("systemctl start --no-block \(Service.unit)")
      #expect(try eventually { try service.property("StatusText").hasPrefix(waiting) })
      #expect(try service.property("ActiveState") == "activating")
      try test(service)
    }

    @Test(arguments: Release.all)
    func `the unit starts for longer than its time-out, serves meanwhile, and is active when the role has a credential`(
      _ release: Release
    ) throws {
      try Self.waits(release) { service in
        let pid = try service.mainPID()
        try service.box.ask(
          """
          printf '[Unit]\\nRequires=%s\\nAfter=%s\\n[Service]\\nType=oneshot\\nExecStart=/usr/bin/touch /run/after\\n' \
            \(Service.unit) \(Service.unit) >/run/systemd/system/after.service
          rm -f /run/after
          systemctl daemon-reload
          systemctl start --no-block after.service
          """)
        defer { _ = try? service.box.ask("rm /run/systemd/system/after.service; systemctl daemon-reload") }
        _ = try service.credential("uploader", as: "reader")
        #expect(try service.box.ask("rolekeeper get backup 2>&1 || true").contains("backup"))
        // Its own start has lasted longer than TimeoutStartSec=.
        #expect(
          try eventually {
            let age = try service.box.ask(
              """
              began=$(systemctl show --property=ExecMainStartTimestamp --value \(Service.unit))
              echo $(($(date +%s) - $(date --date="$began" +%s)))
              """)
            return (Int(age) ?? 0) >= 4
          })
        #expect(try service.property("ActiveState") == "activating" && service.mainPID() == pid)
        #expect(try service.box.script("test -e /run/after").status != 0)
        #expect(try service.journal.text().contains("the start waits for required roles without a credential"))
        try service.box.ask(
          "curl -sS -o /dev/null -X DELETE \(InstalledHost.control)/faults; rolekeeper refresh backup")
        #expect(try eventually { try service.property("ActiveState") == "active" })
        #expect(try eventually { try service.box.script("test -e /run/after").status == 0 })
        #expect(try service.mainPID() == pid && service.property("NRestarts") == "0")
        #expect(try service.property("StatusText").hasPrefix("2 of 2 roles valid"))
        // The next process has the credential from this one.
        try service.fault("kind=error&status=503")
        #expect(try service.systemctl("restart").status == 0)
        #expect(try service.property("StatusText").hasPrefix("2 of 2 roles valid"))
      }
    }

    @Test(arguments: Release.all, ["required", "the role"])
    func `while it starts it is reloaded by rolekeeper reload, which ends the wait when the settings no longer have it`(
      _ release: Release, _ removed: String
    ) throws {
      try Self.waits(release) { service in
        let pid = try service.mainPID()
        // As the manual says: that can't be done to a unit that starts.
        #expect(try service.box.run(["timeout", "1", "systemctl", "reload", Service.unit]).status != 0)
        try service.write("\(Self.required)\nsurprise = 1\n")
        #expect(try service.box.run(["rolekeeper", "reload"]).status != 0)
        #expect(try service.property("ActiveState") == "activating" && service.mainPID() == pid)
        try service.write(removed == "required" ? SettingsText.usual : SettingsText.sts + SettingsText.uploader)
        #expect(try service.box.run(["rolekeeper", "reload"]).status == 0)
        #expect(try eventually { try service.property("ActiveState") == "active" })
        #expect(try service.mainPID() == pid)
        #expect(try service.systemctl("reload").status == 0)
        #expect(try service.property("ActiveState") == "active" && service.property("SubState") == "running")
      }
    }

    @Test(arguments: Release.all)
    func `the watchdog ends a process that hangs while it waits`(_ release: Release) throws {
      try Self.waits(release, more: "WatchdogSec=1s") { service in
        let pid = try service.mainPID()
        // A request for time puts the watchdog off, until the next beat.
        let beat = try service.property("WatchdogTimestampMonotonic")
        #expect(try eventually { try service.property("WatchdogTimestampMonotonic") != beat })
        try service.box.ask("kill -STOP \(pid)")
        try service.journal.wait(for: "Watchdog timeout")
        #expect(try eventually { try ![0, pid].contains(service.mainPID()) })
        #expect(try eventually { try service.property("StatusText").hasPrefix(Self.waiting) })
        #expect(try service.systemctl("stop").status == 0)
      }
    }

    @Test(arguments: Release.all)
    func `a stop ends the wait at once`(_ release: Release) throws {
      try Self.waits(release) { service in
        let took = try service.box.ask(
          "began=$(date +%s%3N); systemctl stop \(Service.unit); echo $(($(date +%s%3N) - began))")
        #expect((Int(took) ?? .max) < 2000)
        #expect(try service.property("ActiveState") == "inactive")
      }
    }
  }
}
