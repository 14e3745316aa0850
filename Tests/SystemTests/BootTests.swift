import SystemBox
import Testing
import TestSupport

extension UnderSystemd {
  /// A host with the Debian package that boots, where nobody starts anything.
  @Suite struct BootTests {
    private static let sockets = ["rolekeeper.socket", "rolekeeper-credentials.socket"]

    /// STS is there when the network is.
    private static let sts = """
      [Unit]
      Before=network-online.target
      [Service]
      Type=exec
      RuntimeDirectory=sts-emulator
      ExecStart=/usr/local/bin/sts-emulator --config /etc/sts-emulator.toml --listen 127.0.0.1:443 --name \(InstalledHost.stsName) \
        --control \(InstalledHost.control.dropFirst("http://".count)) --ca-out /run/sts-emulator/ca.pem
      ExecStartPost=/bin/sh -c 'until curl -s -o /dev/null \(InstalledHost.control)/; do :; done'
      [Install]
      WantedBy=network-online.target
      """

    private static let consumer = """
      [Unit]
      Wants=rolekeeper.service
      After=rolekeeper.service
      [Service]
      Type=exec
      User=reader
      RuntimeDirectory=app
      LoadCredential=uploader:/run/rolekeeper/credentials.sock
      ExecStart=/bin/sh -c 'cat $CREDENTIALS_DIRECTORY/uploader >/run/app/token; exec sleep infinity'
      [Install]
      WantedBy=multi-user.target
      """

    /// The host before it boots again, with a session that it has refreshed.
    private static func prepared(_ release: Release) throws -> PackagedHost {
      let host = try PackagedHost(release, required: "multi-user.target")
      try host.install("this")
      let allowed = "allow = { groups = [\"media\"]"
      try host.configure(SettingsText.usual.replacing(allowed, with: "\(allowed), units = [\"app.service\"]"))
      let files = try TemporaryDirectory()
      for (name, text) in [("sts", sts), ("app", consumer)] {
        try host.box.copy(files.write("\(text)\n", to: name), to: "/etc/systemd/system/\(name).service")
      }
      try host.box.ask("systemctl --quiet enable sts.service app.service; rolekeeper refresh uploader")
      return host
    }

    @Test(arguments: Release.all)
    func
      `after a boot the sockets and the service are up in their order, and a unit that is enabled has its credential`(
        _ release: Release
      ) throws
    {
      let host = try Self.prepared(release)
      let before = try host.credential()
      #expect(try host.generation() > 1)
      try host.box.reboot()
      let units = ["multi-user.target", "rolekeeper.service", "app.service"] + Self.sockets
      for unit in units { #expect(try host.property("ActiveState", of: unit) == "active", "\(unit)") }
      #expect(try host.property("NRestarts") == "0" && host.property("StatusText").hasPrefix("2 of 2 roles valid"))

      let credential = try host.credential()
      #expect(credential.keyID.hasPrefix("STS.") && credential != before)
      // A reboot begins with the first generation again.
      #expect(try host.generation() == 1)
      #expect(try eventually { try Credential(document: host.box.ask("cat /run/app/token")) == credential })
      let access = try host.box.ask(
        "stat --format='%a %U %G' /run/rolekeeper \(Service.socket) /run/rolekeeper/credentials.sock")
      #expect(access == "711 rolekeeper rolekeeper\n660 rolekeeper rolekeeper-clients\n600 root root")
      #expect(try host.box.ask("journalctl --quiet --boot --unit=\(Service.unit) --priority=err") == "")

      /// When the unit began to start, or had started, in microseconds since the boot.
      func time(_ change: String, _ unit: String) throws -> Int {
        let text = try host.property("\(change)TimestampMonotonic", of: unit)
        return try #require(Int(text))
      }
      let directory = try time("ActiveEnter", "systemd-tmpfiles-setup.service")
      #expect(directory > 0)
      for socket in Self.sockets {
        #expect(try directory < time("InactiveExit", socket), "\(socket)")
        #expect(try time("ActiveEnter", socket) < time("InactiveExit", Service.unit), "\(socket)")
      }
      #expect(try time("ActiveEnter", Service.unit) < time("InactiveExit", "app.service"))
    }
  }
}
