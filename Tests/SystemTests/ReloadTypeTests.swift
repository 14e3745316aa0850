import SystemBox
import Testing

extension UnderSystemd {
  /// With the drop-in for systemd 253 and later, by which the manager itself waits for READY=1.
  @Suite struct ReloadTypeTests {
    private static let another = "[roles.another]\nrole_arn = \"acs:ram::1234567890123456:role/backup\"\n"

    @Test(arguments: Release.all.filter { $0 == .systemd257 })
    func `as Type=notify-reload each reload ends, be it good, bad or cut off`(_ release: Release) throws {
      let service = try Service(under: release)
      try service.box.ask(
        """
        mkdir -p /run/systemd/system/\(Service.unit).d
        cp /usr/share/doc/rolekeeper/drop-ins/notify-reload.conf /run/systemd/system/\(Service.unit).d
        systemctl daemon-reload
        """)
      try service.start()
      #expect(try service.property("Type") == "notify-reload")
      let pid = try service.mainPID()
      func reload() throws -> Bool {
        try service.box.run(["timeout", "20", "systemctl", "reload", Service.unit]).status == 0
      }
      func isRunning() throws -> Bool { try service.property("SubState") == "running" && service.mainPID() == pid }
      try service.write(SettingsText.usual + Self.another)
      #expect(try reload() && isRunning())
      #expect(try service.request("/v1/roles/another/credentials?wait=20").output.hasSuffix("200"))
      for bad in [SettingsText.usual + "surprise = 1\n", "[roles.upl", SettingsText.sts] {
        try service.write(bad)
        #expect(try !reload(), "\(bad.suffix(20))")
        #expect(try eventually { try isRunning() })
      }
      try service.write(SettingsText.usual)
      #expect(try reload() && isRunning())
      try service.box.ask("systemctl kill --signal=HUP \(Service.unit)")
      #expect(try eventually { try isRunning() })
      #expect(try service.systemctl("restart").status == 0)
      _ = try service.credential("uploader", as: "reader")
    }
  }
}
