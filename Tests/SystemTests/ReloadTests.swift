import SystemBox
import Testing

extension UnderSystemd {
  @Suite struct ReloadTests {
    private static let another = """
      [roles.another]
      role_arn = "acs:ram::1234567890123456:role/backup"

      """

    @Test(arguments: Release.all)
    func `a reload takes up new roles and keeps what didn't change`(_ release: Release) throws {
      let service = try Service(under: release)
      try service.start()
      let (pid, before) = try (service.mainPID(), service.credential("uploader"))
      try service.write(SettingsText.usual + Self.another)
      #expect(try service.systemctl("reload").status == 0)
      #expect(try service.property("ActiveState") == "active")
      #expect(try service.mainPID() == pid)
      #expect(try service.credential("uploader") == before)
      let another = try service.request("/v1/roles/another/credentials?wait=20")
      #expect(another.output.hasSuffix("200"))
    }

    @Test(arguments: Release.all)
    func `SIGHUP is a reload as well`(_ release: Release) throws {
      let service = try Service(under: release)
      try service.start()
      try service.write(SettingsText.usual + Self.another)
      try service.box.ask("systemctl kill --signal=HUP \(Service.unit)")
      try service.journal.wait(for: "settings reloaded")
      #expect(try service.request("/v1/roles/another/credentials?wait=20").output.hasSuffix("200"))
    }

    @Test(arguments: Release.all, ["systemctl kill --kill-who=control --signal=KILL \(Service.unit)", "kill -KILL"])
    func `a reload whose command, or whose daemon, is killed leaves the unit active, and the next one works`(
      _ release: Release, _ kill: String
    ) throws {
      let service = try Service(under: release)
      // It doesn't answer, so that the command waits. Stopped any earlier, it would be continued by systemd (Type=notify-reload).
      let command = "kill -STOP $$MAINPID; exec /usr/bin/rolekeeper reload"
      try service.override("ExecReload=\nExecReload=/bin/sh -c \"\(command)\"")
      try service.start()
      let (pid, before) = try (service.mainPID(), service.credential("uploader"))
      try service.write(SettingsText.usual + Self.another)
      try service.box.ask("systemctl reload --no-block \(Service.unit)")
      #expect(try eventually { try service.box.script("grep '^State:.T' /proc/\(pid)/status").status == 0 })
      #expect(try service.property("ActiveState") == "reloading")
      let isDaemons = kill == "kill -KILL"
      try service.box.ask(isDaemons ? "\(kill) \(pid)" : "\(kill); kill -CONT \(pid)")
      #expect(
        try eventually {
          try service.property("SubState") == "running" && (service.mainPID() != pid) == isDaemons
        })
      #expect(try service.credential("uploader", as: "reader") == before)
      try service.override("")
      #expect(try service.systemctl("reload").status == 0)
      #expect(try service.property("SubState") == "running")
      #expect(try service.request("/v1/roles/another/credentials?wait=20").output.hasSuffix("200"))
      #expect(try service.credential("uploader", as: "reader") == before)
    }

    @Test(arguments: Release.all)
    func `bad settings fail the reload, with file and line, and change nothing`(_ release: Release) throws {
      let service = try Service(under: release)
      try service.start()
      let (pid, before) = try (service.mainPID(), service.credential("uploader"))
      let bad = SettingsText.sts + Self.another + SettingsText.backup + "surprise = 1\n"
      try service.write(bad)
      let reload = try service.systemctl("reload")
      #expect(reload.status != 0)
      let line = bad.split(separator: "\n", omittingEmptySubsequences: false).count - 1
      #expect(try service.journal.text().contains("\(Service.settings):\(line)"))
      #expect(try service.property("ActiveState") == "active")
      #expect(try service.property("StatusText").hasPrefix("2 of 2 roles valid"))
      #expect(try service.mainPID() == pid)
      #expect(try service.credential("uploader") == before)
      #expect(try service.request("/v1/roles/another").output.hasSuffix("404"))

      try service.write(SettingsText.usual)
      #expect(try service.systemctl("reload").status == 0)
      #expect(try service.credential("uploader") == before)
    }
  }
}
