import SystemBox
import Testing
import TestNeeds
import TestSupport

extension UnderSystemd {
  /// Other units, which are reloaded when a role has a new credential.
  @Suite struct UnitJobTests {
    private static let rule = "/etc/polkit-1/rules.d/50-rolekeeper.rules"
    private static let file = "/run/rolekeeper/roles/uploader/credentials.env"
    private static let directory = "/run/systemd/system"

    private static func settings(_ units: String..., timeout: String = "5min") -> String {
      let list = units.map { "\"\($0)\"" }.joined(separator: ", ")
      return SettingsText.usual.replacing(
        "allow = { groups = [\"media\"] }", with: "allow = { groups = [\"media\"] }\nrefresh_units = [\(list)]"
      ).replacing(
        "[roles.uploader]\n",
        with: "[unit_jobs]\ntimeout = \"\(timeout)\"\n\n[log]\nlevel = \"info\"\n\n[roles.uploader]\n")
    }

    /// Installs a service whose program says in /run/got/UNIT what it read.
    private static func install(_ unit: String, _ lines: String, at service: Service) throws {
      try service.box.ask(
        """
        mkdir -p /run/got
        cat >\(directory)/\(unit).service <<'END'
        [Service]
        \(lines)
        END
        """)
    }

    /// A service that is starting until a line is written to /run/got/go; its reload says in /run/got/RELOAD what it read.
    private static func installSlow(_ unit: String, reload: String, at service: Service) throws {
      try install(
        unit,
        """
        Type=oneshot
        RemainAfterExit=yes
        ExecStart=\(program("started", "read line </run/got/go"))
        ExecReload=\(program(reload, "true"))
        """, at: service)
    }

    private static func program(_ unit: String, _ then: String = "exec sleep 600") -> String {
      "/bin/sh -c 'cat \(file) >/run/got/\(unit); \(then)'"
    }

    private static func remove(_ units: String..., at service: Service) {
      let list = units.joined(separator: " ")
      _ = try? service.box.script(
        """
        for unit in \(list); do
          systemctl kill --signal=KILL $unit; systemctl stop --no-block $unit; systemctl unmask --runtime $unit
          rm -f \(directory)/$unit
        done
        rm -rf /run/got \(rule)
        systemctl daemon-reload; systemctl reset-failed
        """)
    }

    /// The daemon may do it: by the printed rule where there is polkit, and else, as in the tree of Debian 13, as root, whom the service manager
    /// asks for nothing.
    private static func permit(_ service: Service, under release: Release) throws {
      switch release {
      case .machine: try service.box.ask("rolekeeper check --print-polkit >\(rule)")
      case .systemd257:
        try service.override(
          "User=root\nCapabilityBoundingSet=CAP_CHOWN CAP_FOWNER CAP_DAC_OVERRIDE")
      }
    }

    private static func refresh(_ service: Service) throws {
      try service.box.ask("rolekeeper refresh uploader >/run/got/answer")
    }

    /// Waits for what became of a unit.
    private static func outcome(_ unit: String, _ result: String, generation: Int, _ service: Service) throws {
      try service.journal.wait(for: "generation=\(generation) result=\(result) role=uploader unit=\(unit).service")
    }

    @Test(.needs(.polkit), arguments: Release.all)
    func `each unit gets what its state asks for, and reads the new credential`(_ release: Release) throws {
      let service = try Service(under: release)
      defer {
        Self.remove(
          "encode-reload.service", "encode-restart.service", "encode-start.service", "encode-stop.service",
          "mask.service", "idle.service", at: service)
      }
      try service.write(Self.settings("encode-*.service", "mask.service", "missing.service", "idle.service"))
      try Self.permit(service, under: release)
      try service.start()
      try Self.outcome("missing", "not_found", generation: 1, service)

      try Self.install(
        "encode-reload", "ExecStart=/bin/sleep 600\nExecReload=\(Self.program("reload", "true"))", at: service)
      try Self.install("encode-restart", "ExecStart=\(Self.program("restart"))", at: service)
      try Self.installSlow("encode-start", reload: "start", at: service)
      try Self.install(
        "encode-stop", "ExecStart=\(Self.program("stopped"))\nExecStop=/bin/sh -c 'read line </run/got/end'",
        at: service)
      try Self.install("idle", "ExecStart=\(Self.program("idle"))", at: service)
      try service.box.ask(
        """
        mkfifo /run/got/go /run/got/end
        systemctl daemon-reload
        systemctl mask --runtime mask.service
        systemctl start encode-reload encode-restart encode-stop
        systemctl start --no-block encode-start
        systemctl stop --no-block encode-stop
        for try in $(seq 100); do [ -s /run/got/started ] && [ -s /run/got/restart ] && break; sleep 0.1; done
        """)
      let before = try service.credential("uploader").keyID
      try Self.refresh(service)
      try Self.outcome("encode-reload", "done", generation: 2, service)
      try Self.outcome("encode-restart", "done", generation: 2, service)
      try Self.outcome("encode-stop", "stopping", generation: 2, service)
      try Self.outcome("mask", "masked", generation: 2, service)
      try Self.outcome("idle", "inactive", generation: 2, service)
      let after = try service.credential("uploader").keyID
      #expect(after != before)
      #expect(try service.box.ask("cat /run/got/reload").contains(after))
      #expect(try service.box.ask("cat /run/got/started").contains(before))
      // The start is over; only then the reload does something.
      #expect(try service.box.ask("ls /run/got/start 2>/dev/null || true") == "")
      try service.box.ask("echo >/run/got/go")
      try Self.outcome("encode-start", "done", generation: 2, service)
      #expect(try service.box.ask("cat /run/got/start").contains(after))
      #expect(try Self.eventuallyRead("restart", after, service))
      // A stop stays a stop.
      try service.box.ask("echo >/run/got/end")
      #expect(
        try eventually { try service.box.ask("systemctl show -p ActiveState --value encode-stop") == "inactive" })
      #expect(try service.box.ask("systemctl show -p ActiveState --value idle mask") == "inactive\n\ninactive")
      #expect(try !service.journal.everything().contains(service.credential("uploader").secret))

      let metrics = try service.request("/metrics").output
      #expect(metrics.contains(#"rolekeeper_unit_jobs_total{result="done"} 3"#), "\(metrics)")
      #expect(metrics.contains("rolekeeper_unit_jobs_pending 0"))
      let status = try service.box.ask("rolekeeper status uploader")
      #expect(status.contains("encode-restart.service: done for generation 2 at "), "\(status)")
      // The next process hands out the same session, which the units have.
      #expect(try service.systemctl("restart").status == 0)
      #expect(try service.credential("uploader").keyID == after)
      #expect(try service.request("/metrics").output.contains(#"rolekeeper_unit_jobs_total{result="done"} 0"#))
    }

    @Test(.needs(.polkit))
    func `a reload that wasn't over when the daemon ended is made up for by the next process, once`() throws {
      let service = try Service(under: .machine)
      defer { Self.remove("encode.service", at: service) }
      try service.write(Self.settings("encode.service"))
      try Self.permit(service, under: .machine)
      try service.start()
      try Self.outcome("encode", "not_found", generation: 1, service)
      try Self.installSlow("encode", reload: "reload", at: service)
      try service.box.ask(
        """
        mkfifo /run/got/go
        systemctl daemon-reload
        systemctl start --no-block encode
        for try in $(seq 100); do [ -s /run/got/started ] && break; sleep 0.1; done
        """)
      try Self.refresh(service)
      let key = try service.credential("uploader").keyID
      func pending(_ count: Int) throws -> Bool {
        try eventually { try service.request("/metrics").output.contains("rolekeeper_unit_jobs_pending \(count)\n") }
      }
      #expect(try pending(1))
      #expect(try service.systemctl("restart").status == 0)
      #expect(try pending(1))
      let pid = try service.mainPID()
      try service.box.ask("kill -KILL \(pid)")
      #expect(try eventually { try ![0, pid].contains(service.mainPID()) && pending(1) })
      try service.box.ask("echo >/run/got/go")
      try Self.outcome("encode", "done", generation: 2, service)
      #expect(try service.box.ask("cat /run/got/reload").contains(key))
      #expect(try pending(0))
      #expect(try service.systemctl("restart").status == 0)
      #expect(try service.credential("uploader").keyID == key)
      #expect(try pending(0))
      #expect(try service.request("/metrics").output.contains(#"rolekeeper_unit_jobs_total{result="done"} 0"#))
    }

    private static func eventuallyRead(_ name: String, _ text: String, _ service: Service) throws -> Bool {
      try eventually { try service.box.ask("cat /run/got/\(name)").contains(text) }
    }

    @Test(.needs(.polkit), arguments: Release.all)
    func `a reload that never ends is let go after the time in the settings, and tried again at the next rotation`(
      _ release: Release
    ) throws {
      let service = try Service(under: release)
      defer { Self.remove("stuck.service", at: service) }
      try service.write(Self.settings("stuck.service", timeout: "1s"))
      try Self.permit(service, under: release)
      try Self.install(
        "stuck", "ExecStart=/bin/sleep 600\nExecReload=/bin/sleep infinity\nTimeoutStartSec=infinity", at: service)
      try service.box.ask("systemctl daemon-reload; systemctl start stuck")
      try service.start()
      let line = try service.journal.wait(for: "unit not reloaded for a new credential in time")
      #expect(line.contains("generation=1 result=timeout role=uploader seconds=1 unit=stuck.service"), "\(line)")
      try Self.refresh(service)
      try service.journal.wait(for: "generation=2 result=timeout role=uploader seconds=1 unit=stuck.service")
      #expect(try service.box.ask("systemctl show -p ActiveState --value stuck") == "reloading")
      #expect(try service.credential("uploader").keyID.hasPrefix("STS."))
    }

    @Test(.needs(.polkit))
    func `without permission it names the command that prints the rule, which permits nothing else`() throws {
      let service = try Service()
      defer { Self.remove("encode-1.service", "other.service", at: service) }
      try service.write(Self.settings("encode-*.service"))
      for unit in ["encode-1", "other"] { try Self.install(unit, "ExecStart=/bin/sleep 600", at: service) }
      try service.box.ask("systemctl daemon-reload; systemctl start encode-1 other")
      try service.start()
      let line = try service.journal.wait(for: "no permission to reload a unit for a new credential")
      #expect(line.contains("rolekeeper check --print-polkit") && line.contains("result=not_allowed"), "\(line)")
      #expect(line.contains("org.freedesktop.DBus.Error.") && line.contains("unit=encode-1.service"))
      let status = try service.box.ask("rolekeeper status uploader")
      #expect(status.contains("encode-1.service: not allowed for generation 1"), "\(status)")

      try service.box.ask("rolekeeper check --print-polkit >\(Self.rule)")
      try Self.refresh(service)
      try Self.outcome("encode-1", "done", generation: 2, service)
      let manager = "org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager"
      func call(_ words: String) throws -> CInt {
        try service.box.script("busctl call \(manager) \(words)", as: "rolekeeper").status
      }
      #expect(try call("ReloadOrTryRestartUnit ss encode-1.service fail") == 0)
      #expect(try call("ReloadOrTryRestartUnit ss other.service fail") != 0)
      for verb in ["StopUnit", "StartUnit", "RestartUnit", "TryRestartUnit", "ReloadUnit", "ReloadOrRestartUnit"] {
        #expect(try call("\(verb) ss encode-1.service fail") != 0, "\(verb)")
      }
      let words = "ReloadOrTryRestartUnit ss encode-1.service fail"
      #expect(try service.box.script("busctl call \(manager) \(words)", as: "reader").status != 0)
    }

    /// Debian 13's tree has no polkit: the service manager itself says no, by another error than where polkit does.
    @Test(.needs(.systemd257)) func `without polkit it says the same`() throws {
      let service = try Service(under: .systemd257)
      defer { Self.remove("encode-1.service", at: service) }
      try service.write(Self.settings("encode-*.service"))
      try Self.install("encode-1", "ExecStart=/bin/sleep 600", at: service)
      try service.box.ask("systemctl daemon-reload; systemctl start encode-1")
      try service.start()
      let line = try service.journal.wait(for: "no permission to reload a unit for a new credential")
      #expect(line.contains("org.freedesktop.DBus.Error.AccessDenied"), "\(line)")
    }

    /// The daemon serves on, and finds the bus when it is there again.
    @Test func `without a system bus the units are found out when it is back`() throws {
      let service = try Service()
      defer { Self.remove("encode-1.service", at: service) }
      try service.write(Self.settings("encode-*.service"))
      try service.override("Environment=DBUS_SYSTEM_BUS_ADDRESS=unix:path=/run/got/bus")
      try Self.install("encode-1", "ExecStart=/bin/sleep 600", at: service)
      try service.box.ask("systemctl daemon-reload; systemctl start encode-1")
      try service.start()
      let line = try service.journal.wait(for: "ask systemd which units to reload, trying again")
      #expect(line.contains("generation=1") && line.contains("role=uploader"), "\(line)")
      #expect(line.contains("install dbus") && line.contains("reason=\"cannot connect to the system bus: "), "\(line)")
      let status = try service.box.ask("rolekeeper status uploader")
      #expect(status.contains("encode-*.service: unreachable for generation 1 at "), "\(status)")
      #expect(
        try service.request("/metrics").output.contains(
          #/rolekeeper_unit_jobs_total\{result="unreachable"\} [1-9]/#))
      #expect(try service.credential("uploader").keyID.hasPrefix("STS."))
      try service.box.ask("ln -s /run/dbus/system_bus_socket /run/got/bus")
      try service.journal.wait(for: "no permission to reload a unit for a new credential")
    }
  }
}
