import SystemBox
import Testing
import TestSupport

extension UnderSystemd {
  /// What systemd passes to the daemon itself, by its LoadCredential=.
  @Suite struct SystemdCredentialTests {
    private static let directory = "/run/credentials/\(Service.unit)"

    /// Systemd 257 makes such a file root's, with mode 0440 and an ACL: it was refused, as one that others may read.
    @Test(arguments: Release.all)
    func `a proxy's password is taken from a credential, by a start, a reload and check`(_ release: Release) throws {
      let service = try Service(under: release)
      try service.box.ask("install -m 0400 /dev/stdin /etc/rolekeeper/proxy-password <<<marked-proxy-password")
      defer { _ = try? service.box.ask("rm /etc/rolekeeper/proxy-password") }
      try service.override("LoadCredential=proxy-password:/etc/rolekeeper/proxy-password")
      // Nobody listens there: calls fail, and say so.
      let settings = SettingsText.usual.replacing(
        "[sts]",
        with:
          "[sts]\nproxy = \"http://keeper@127.0.0.1:9\"\nproxy_password_file = \"\(Self.directory)/proxy-password\"")
      try service.write(settings)
      let before = try service.box.run(["rolekeeper", "check"])
      #expect(before.status == 0 && before.output.contains("sts.proxy_password_file is not checked"), "\(before)")
      try service.start()
      #expect(try service.property("StatusText").contains("0 of 2 roles valid"))
      #expect(try service.box.script("rolekeeper status").output.contains("ProxyUnreachable"))
      #expect(try service.systemctl("reload").status == 0)
      let check = try service.box.run(["rolekeeper", "check"])
      #expect(check.status == 0 && !check.output.contains("proxy_password_file"), "\(check)")
      #expect(try !service.journal.everything().contains("marked-proxy-password"))
    }

    /// As systemd 260 does with RefreshOnReload=credentials: what is at the path then is another file system, of which a watch of the directory
    /// before learns nothing.
    @Test(arguments: Release.all)
    func `a credential that is refreshed under the running daemon is taken up by a reload`(_ release: Release) throws {
      let service = try Service(under: release)
      try service.start()
      let pid = try service.mainPID()
      try service.box.ask(
        """
        nsenter --target \(pid) --mount /bin/sh -e <<'END'
        mount -t tmpfs -o mode=0700 refreshed /run/credentials/\(Service.unit)
        sed s/LTAIkeeper/LTAInext/ /etc/rolekeeper/access-key >/run/credentials/\(Service.unit)/access-key
        chmod 0400 /run/credentials/\(Service.unit)/access-key
        chown rolekeeper /run/credentials/\(Service.unit)/access-key /run/credentials/\(Service.unit)
        chmod 0500 /run/credentials/\(Service.unit)
        mount -o remount,ro /run/credentials/\(Service.unit)
        END
        """)
      #expect(try service.systemctl("reload").status == 0)
      #expect(try service.journal.wait(for: "AccessKey changed").contains("LTAInext"))
      #expect(try service.mainPID() == pid)
      // Another refresh, over that one.
      try service.box.ask(
        """
        nsenter --target \(pid) --mount /bin/sh -e <<'END'
        mount -t tmpfs -o mode=0711 again /run/credentials/\(Service.unit)
        install -m 0400 -o rolekeeper /etc/rolekeeper/access-key /run/credentials/\(Service.unit)/access-key
        END
        """)
      #expect(try service.systemctl("reload").status == 0)
      #expect(
        try eventually {
          try service.journal.text().split(separator: "\n").count { $0.contains("AccessKey changed") } == 2
        })
      _ = try service.credential("uploader", as: "reader")
    }
  }
}
