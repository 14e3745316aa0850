import SystemBox
import Testing

extension UnderSystemd {
  /// The unit that fetches revocation lists for a tier's nginx, as it is shipped.
  @Suite struct RevocationUnitTests {
    private static let directory = "/etc/rolekeeper/fleet"
    private static let makeLists = """
      list() { openssl ca -config ca.cnf -keyfile ca.key -cert hosts-ca.crt -gencrl -crldays 1 -out "$1" 2>/dev/null; }
      """

    /// The other release's tree has no openssl.
    @Test func `confined as it is, it takes a list and has nginx reloaded, as root without a capability`() throws {
      let service = try Service()
      defer {
        _ = try? service.box.ask(
          """
          systemctl stop rolekeeper-nginx.service
          rm -rf \(Self.directory) /run/systemd/system/rolekeeper-{crl,nginx}.service /usr/local/sbin/rolekeeper-crl /run/reloads /var/lib/ca
          systemctl daemon-reload
          """)
      }
      let files = "\(InstalledHost.sources)/etc/nginx"
      try service.box.copy("\(files)/rolekeeper-crl", to: "/usr/local/sbin/rolekeeper-crl")
      try service.box.copy("\(files)/rolekeeper-crl.service", to: "/run/systemd/system/rolekeeper-crl.service")
      try service.box.ask(
        """
        \(Self.makeLists)
        chmod 0755 /usr/local/sbin/rolekeeper-crl
        sed -i 's|https://.*|file:///var/lib/ca/hosts.crl|' /run/systemd/system/rolekeeper-crl.service
        cat >/run/systemd/system/rolekeeper-nginx.service <<'END'
        [Service]
        Type=exec
        ExecStart=/bin/sleep infinity
        ExecReload=/bin/sh -c 'echo reloaded >>/run/reloads'
        END
        mkdir -p /var/lib/ca \(Self.directory)
        chmod 0750 \(Self.directory)
        cd /var/lib/ca
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=hosts -keyout ca.key \
          -out hosts-ca.crt 2>/dev/null
        printf '[ca]\\ndefault_ca = one\\n[one]\\ndatabase = index.txt\\ncrlnumber = crlnumber\\ndefault_md = sha256\\n' >ca.cnf
        touch index.txt
        echo 01 >crlnumber
        list \(Self.directory)/hosts-ca.crl
        list hosts.crl
        cp hosts-ca.crt \(Self.directory)
        systemctl daemon-reload
        systemctl start rolekeeper-nginx
        """)
      for _ in 0..<2 {
        let run = try service.box.run(["systemctl", "start", "rolekeeper-crl.service"])
        let journal = try service.box.ask("journalctl --no-pager --output=cat --unit=rolekeeper-crl.service")
        #expect(run.status == 0, "\(run) \(journal)")
        let same = try service.box.run(["cmp", "/var/lib/ca/hosts.crl", "\(Self.directory)/hosts-ca.crl"])
        #expect(same.status == 0, "\(same)")
        #expect(try service.box.ask("cat /run/reloads") == "reloaded", "once, though it ran again")
      }
      // A list that isn't there any more fails the unit, with the reason in its journal.
      try service.box.ask("rm /var/lib/ca/hosts.crl")
      #expect(try service.box.run(["systemctl", "start", "rolekeeper-crl.service"]).status != 0)
      let journal = try service.box.ask("journalctl --no-pager --output=cat --unit=rolekeeper-crl.service")
      #expect(journal.contains("rolekeeper-crl: file:///var/lib/ca/hosts.crl: not fetched"), "\(journal)")
    }
  }
}
