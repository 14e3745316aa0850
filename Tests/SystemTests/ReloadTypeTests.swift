import Logs
import SystemBox
import Testing

extension UnderSystemd {
  /// With the type that `rolekeeper-generator` chooses. With notify-reload the manager itself sends a signal and waits for READY=1.
  @Suite struct ReloadTypeTests {
    private static let another = "[roles.another]\nrole_arn = \"acs:ram::1234567890123456:role/backup\"\n"

    @Test(arguments: Release.all, ["daemon-reload", "daemon-reexec"])
    func `the service has the type that its systemd knows, without a warning, and other drop-ins override it`(
      _ release: Release, _ verb: String
    ) throws {
      let service = try Service(under: release)
      let type = try service.box.typeOfService()
      #expect(release == .machine || type == "notify-reload")
      // As after an upgrade of systemd: what an earlier one generated is there.
      try service.box.ask("rm -rf /run/systemd/generator/\(Service.unit).d; systemctl \(verb)")
      #expect(try service.property("Type") == type)
      let warnings = try service.journal.read("--output=cat --priority=warning").split(separator: "\n")
      #expect(warnings.filter { $0.contains("rolekeeper") || $0.contains("notify-reload") } == [])
      try service.override("Type=notify")
      #expect(try service.property("Type") == "notify")
    }

    @Test(arguments: Release.all)
    func `each reload is a single one and ends, be it good, bad or cut off`(_ release: Release) throws {
      let service = try Service(under: release)
      try service.start()
      #expect(try service.property("Type") == service.box.typeOfService())
      let pid = try service.mainPID()
      func reload() throws -> Bool {
        try service.box.run(["timeout", "20", "systemctl", "reload", Service.unit]).status == 0
      }
      func isRunning() throws -> Bool { try service.property("SubState") == "running" && service.mainPID() == pid }
      /// How often the daemon has reported it.
      func count(_ event: LogEvent) throws -> Int {
        try service.box.ask("journalctl --sync")
        return try service.journal.read("--output=cat MESSAGE_ID=\(event.rawValue)").split(separator: "\n").count
      }
      try service.write(SettingsText.usual + Self.another)
      #expect(try reload() && isRunning())
      #expect(try service.request("/v1/roles/another/credentials?wait=20").output.hasSuffix("200"))
      #expect(try count(.settingsReloaded) == 1)
      var refusals = 0
      // Each for one reason.
      for bad in [SettingsText.usual + "surprise = 1\n", "[roles.upl", SettingsText.sts] {
        try service.write(bad)
        #expect(try !reload(), "\(bad.suffix(20))")
        #expect(try eventually { try isRunning() })
        refusals += 1
        #expect(try count(.settingsNotReloaded) == refusals, "\(bad.suffix(20))")
      }
      try service.write(SettingsText.usual + Self.another)
      #expect(try reload() && isRunning())
      #expect(try count(.settingsReloaded) == 2)
      try service.box.ask("systemctl kill --signal=HUP \(Service.unit)")
      #expect(try eventually { try count(.settingsReloaded) == 3 })
      #expect(try eventually { try isRunning() })
      #expect(try service.systemctl("restart").status == 0)
      _ = try service.credential("uploader", as: "reader")
    }
  }
}
