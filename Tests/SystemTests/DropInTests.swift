import Glibc
import SystemBox
import Testing
import TestSupport

extension UnderSystemd {
  /// The drop-ins that are installed beside the manual.
  @Suite struct DropInTests {
    private static let directory = "/usr/share/doc/rolekeeper/drop-ins"

    /// The usual service with these drop-ins; a test's other lines come on top.
    private static func service(_ names: [String], under release: Release) throws -> Service {
      let service = try Service(under: release)
      let place = "/run/systemd/system/\(Service.unit).d"
      try service.box.ask("mkdir -p \(place)")
      for name in names { try service.box.ask("cp \(directory)/\(name).conf \(place)") }
      try service.box.ask("systemctl daemon-reload")
      return service
    }

    struct Exposure: CustomTestStringConvertible {
      let names: [String]
      var more = ""
      /// In tenths.
      let most: Int

      var testDescription: String { (names + [more]).joined(separator: " ") }
    }

    @Test(
      arguments: Release.all,
      [
        Exposure(names: ["hide-processes"], most: 16),
        Exposure(names: ["hide-processes", "own-files"], most: 13),
        Exposure(names: ["own-files"], most: 14),
        Exposure(names: ["hide-processes", "sts-addresses"], most: 15),
        Exposure(names: ["loopback"], most: 19),
        Exposure(
          names: ["hide-processes", "own-files", "sts-addresses", "on-failure", "refresh-credentials", "loopback"],
          most: 13),
        Exposure(
          names: [], more: "LoadCredential=\nLoadCredentialEncrypted=access-key:/etc/rolekeeper/access-key.cred",
          most: 18
        ),
      ])
    func `each drop-in lessens the exposure by what the manual says`(_ release: Release, _ exposure: Exposure) throws {
      let service = try Self.service(exposure.names, under: release)
      if !exposure.more.isEmpty { try service.override(exposure.more) }
      let result = try service.box.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=\(exposure.most)", "--no-pager", Service.unit])
      #expect(result.status == 0, "\(result.output.split(separator: "\n").last ?? "") \(result.errors)")
    }

    /// With the socket made by systemd, and no file for another user.
    @Test(arguments: Release.all)
    func `without any capability and without other users' processes it serves its own files`(_ release: Release) throws
    {
      let service = try Self.service(["hide-processes", "own-files"], under: release)
      try service.write(
        """
        \(SettingsText.sts)\(SettingsText.backup)
        [roles.uploader]
        role_arn = "acs:ram::1234567890123456:role/uploader"
        allow = { groups = ["media"] }
        files = [{ path = "credentials.json", format = "json" }]
        """)
      try service.box.ask("systemctl start rolekeeper.socket")
      defer { _ = try? service.box.ask("systemctl stop rolekeeper.socket rolekeeper") }
      try service.start()
      let capabilities = try service.box.ask(
        "grep -h '^Cap[EPBA]' /proc/\(service.mainPID())/status | cut -f2 | sort -u")
      #expect(capabilities == "0000000000000000")
      let credential = try service.credential("uploader", as: "reader")
      let path = "/run/rolekeeper/roles/uploader/credentials.json"
      #expect(try eventually { try Credential(document: service.box.ask("cat \(path)")) == credential })
      #expect(try service.box.ask("stat --dereference --format='%a %U %G' \(path)") == "400 rolekeeper rolekeeper")
      #expect(try service.request("/healthz").output.hasSuffix("200"))
    }

    @Test(arguments: Release.all)
    func `with its drop-in the loopback URI serves users by their uid, and without it the journal says what to install`(
      _ release: Release
    ) throws {
      let settings = "\(SettingsText.usual)\n[loopback]\nlisten = [\"127.0.0.1:7180\", \"[::1]:7180\"]\n"
      func ask(_ service: Service, as user: String, at host: String = "127.0.0.1") throws -> String {
        try service.box.ask(
          "runuser -u \(user) -- curl -s -o /dev/null -w '%{http_code}' http://\(host):7180/uploader || true")
      }
      let service = try Self.service(["loopback"], under: release)
      try service.write(settings)
      try service.start()
      #expect(try ask(service, as: "reader") == "200")
      #expect(try ask(service, as: "reader", at: "[::1]") == "200")
      #expect(try ask(service, as: "root") == "403" && ask(service, as: "nobody") == "403")
      #expect(try service.systemctl("stop").status == 0)

      let bare = try Self.service([], under: release)
      try bare.write(settings)
      try bare.start()
      #expect(try ask(bare, as: "reader") == "000")
      #expect(try eventually { try bare.journal.text().contains("loopback.conf") })
      #expect(try bare.request("/healthz").output.contains("degraded"))

      // A reload takes them as a start does.
      try bare.write(settings.replacing("7180", with: "7190"))
      #expect(try bare.systemctl("reload").status == 0)
      #expect(try eventually { try bare.journal.text().contains("127.0.0.1:7190") })
    }

    @Test(arguments: Release.all)
    func `bad settings start the unit that reports a failure, and under systemd 257 a crash does, too`(
      _ release: Release
    )
      throws
    {
      let service = try Self.service(["on-failure"], under: release)
      let reported = "/run/reported"
      let is252 = try service.box.ask("systemctl --version").hasPrefix("systemd 252 ")
      try service.box.ask(
        """
        rm -f \(reported)
        mkdir -p /run/systemd/system
        sed 's|^ExecStart=.*|ExecStart=/usr/bin/touch \(reported)|' \(Self.directory)/rolekeeper-failed.service \
          >/run/systemd/system/rolekeeper-failed.service
        systemctl daemon-reload
        """)
      defer { _ = try? service.box.ask("rm /run/systemd/system/rolekeeper-failed.service; systemctl daemon-reload") }
      try service.start()
      let pid = try service.mainPID()
      try service.box.ask("kill -9 \(pid)")
      #expect(
        try eventually { try ![0, pid].contains(service.mainPID()) && service.property("ActiveState") == "active" })
      // What 252 takes for an end only when nothing starts it again.
      #expect(try service.box.ask("ls \(reported) 2>/dev/null || true") == (is252 ? "" : reported))
      try service.box.ask("rm -f \(reported)")
      #expect(try service.systemctl("stop").status == 0)
      try service.write("\(SettingsText.usual)\nsurprise = 1\n")
      #expect(try service.systemctl("start").status != 0)
      #expect(try eventually { try service.box.ask("ls \(reported) 2>/dev/null || true") == reported })
    }
  }
}
