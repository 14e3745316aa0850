import SystemBox
import Testing
import TestSupport

extension UnderSystemd {
  @Suite struct PackageTests {
    @Test(arguments: Release.all)
    func `as installed the service runs, is enabled, and says that it has no role`(_ release: Release) throws {
      let host = try PackagedHost(release)
      let journal = try Journal.fromNow(in: host.box)
      try host.install("this")
      let units = "rolekeeper.service rolekeeper.socket rolekeeper-credentials.socket"
      #expect(try host.box.ask("systemctl is-enabled \(units)") == "enabled\nenabled\nenabled")
      #expect(try host.property("StatusText") == "no roles in the settings")
      #expect(try host.property("Type") == host.box.typeOfService())
      try host.box.ask("timeout 20 systemctl reload rolekeeper")
      #expect(try host.property("SubState") == "running")
      #expect(try host.box.ask("rolekeeper status --check").hasPrefix("ok: "))
      #expect(try journal.read("--unit=\(Service.unit) --priority=err") == "")
      #expect(try host.box.ask("journalctl --list-catalog").contains("rolekeeper: rolekeeperd has started"))
      #expect(try host.property("SubState", of: "rolekeeper.socket") == "running")
      #expect(try host.property("SubState", of: "rolekeeper-credentials.socket") == "running")
      #expect(try host.box.ask("stat --format='%a %U' /run/rolekeeper/credentials.sock") == "600 root")
      #expect(try host.box.ask("stat --format='%a %U %G' \(Service.socket)") == "660 rolekeeper rolekeeper-clients")
      // What dpkg has to ask about before it replaces it.
      let kept = try host.box.ask("dpkg-query --show --showformat='${Conffiles}' rolekeeper")
      for file in ["rolekeeper.toml", "vod-upload.policy.json"] {
        #expect(kept.contains("/etc/rolekeeper/\(file) "))
      }
    }

    @Test(arguments: Release.all)
    func `over an upgrade and a downgrade, with STS down, readers get the same session and no error`(_ release: Release)
      throws
    {
      let host = try PackagedHost(release)
      try host.install("this")
      try host.configure()
      let settings = try host.box.ask("cat \(Service.settings)")
      let credential = try host.credential()
      var processes = [try host.property("MainPID")]
      try host.box.ask("curl -sSf -o /dev/null -X POST '\(InstalledHost.control)/faults?kind=unreachable'")
      let reads = try host.reading {
        for package in ["newer", "this"] {
          try host.install(package)
          processes.append(try host.property("MainPID"))
          #expect(try host.credential() == credential, "\(package)")
        }
      }
      #expect(reads.count > 10 && reads.allSatisfy { $0 == "200" }, "\(Set(reads))")
      #expect(Set(processes).count == 3, "each package is served by a process of its own")
      #expect(try host.property("NRestarts") == "0")
      #expect(try host.box.ask("cat \(Service.settings)") == settings)
      #expect(try host.box.ask("dpkg-query --show --showformat='${Status}' rolekeeper") == "install ok installed")
    }

    /// The socket unit stayed inactive until the next boot: systemd refuses to start one while its service runs.
    @Test(arguments: Release.all)
    func `an upgrade from a package without a socket unit and generator takes up both, and no reader sees an error`(
      _ release: Release
    ) throws {
      let host = try PackagedHost(release)
      try host.install("older")
      try host.configure()
      #expect(try host.property("LoadState", of: "rolekeeper-credentials.socket") == "not-found")
      #expect(try host.property("Type") == "notify")
      let credential = try host.credential()
      try host.box.ask("curl -sSf -o /dev/null -X POST '\(InstalledHost.control)/faults?kind=unreachable'")
      var said = ""
      let reads = try host.reading { said = try host.install("this") }
      #expect(!reads.isEmpty && reads.allSatisfy { $0 == "200" }, "\(Set(reads))")
      #expect(!said.contains("ailed") && !said.contains("refus"), "\(said)")
      for socket in ["rolekeeper.socket", "rolekeeper-credentials.socket"] {
        #expect(try host.property("SubState", of: socket) == "running", "\(socket)")
        #expect(try host.box.ask("systemctl is-enabled \(socket)") == "enabled")
      }
      #expect(try host.credential() == credential && host.property("NRestarts") == "0")
      #expect(try host.property("Type") == host.box.typeOfService())
      // And back.
      try host.install("older")
      #expect(try host.property("Type") == "notify" && host.property("SubState") == "running")
    }

    @Test(arguments: ["other-format", "this"])
    func `a build that can't read the sessions of the other says so, and fetches new ones without failing a read`(
      _ package: String
    ) throws {
      let host = try PackagedHost(.machine)
      try host.install(package == "this" ? "other-format" : "this")
      try host.configure()
      let (credential, generation) = try (host.credential(), host.generation())
      let journal = try Journal.fromNow(in: host.box)
      let reads = try host.reading { try host.install(package) }
      #expect(!reads.isEmpty && reads.allSatisfy { $0 == "200" }, "\(Set(reads))")
      #expect(try host.credential() != credential)
      let said = try journal.read("--output=cat --unit=\(Service.unit)").split(separator: "\n")
      #expect(said.count { $0.contains("sessions of the process before can't be used") } == 1, "\(said)")
      // Nothing but the pool is lost.
      #expect(try host.generation() > generation)
      #expect(try host.box.ask("cat /run/rolekeeper/roles/uploader/credentials.json").contains(host.credential().keyID))
      #expect(try host.box.ask("rolekeeper status --check").hasPrefix("ok"))
    }

    @Test(arguments: Release.all)
    func `removed it stops and keeps its settings; purged it leaves only what the administrator put there`(
      _ release: Release
    ) throws {
      let host = try PackagedHost(release)
      try host.install("this")
      try host.configure()
      try host.box.ask("test -s /run/rolekeeper/roles/uploader/credentials.json")
      let removal = try host.box.ask("dpkg --remove rolekeeper 2>&1")
      #expect(!removal.contains("warning"), "\(removal)")
      #expect(try host.box.script("cat /proc/[0-9]*/comm | grep -x rolekeeperd").output == "")
      #expect(try host.box.script("ls /run/rolekeeper/roles \(Service.socket)").output == "")
      #expect(try host.property("LoadState") == "not-found")
      #expect(try host.box.ask("find /run/systemd -name 'rolekeeper*'") == "")
      #expect(try host.box.script("test -e \(Service.settings)").status == 0)
      let said = try host.box.ask("dpkg --purge rolekeeper 2>&1")
      #expect(said.contains("/etc/rolekeeper/access-key") && said.contains("delete it in the RAM console"), "\(said)")
      let left = try host.box.ask(
        "find /etc /lib/systemd /run /usr /var/lib/systemd -xdev -name '*rolekeeper*' ! -path '/run/*-box-*' ! -path '/usr/share/doc/*' | sort"
      )
      #expect(left == "/etc/rolekeeper", "\(left)")
      #expect(try host.box.ask("find /etc/rolekeeper -type f") == "/etc/rolekeeper/access-key")
      #expect(try host.box.ask("getent passwd rolekeeper") != "")
    }

    @Test(arguments: Release.all)
    func `the emulator's package has a program that runs, and its manual page, and leaves nothing when purged`(
      _ release: Release
    ) throws {
      let host = try PackagedHost(release)
      try host.install("emulator")
      // Not the one that plays STS for the test, which comes first in PATH.
      let help = try host.box.run(["/usr/bin/sts-emulator", "--help"])
      #expect(help.status == 0 && help.output.contains("USAGE: sts-emulator ") && help.errors == "", "\(help)")
      let page = try host.box.ask("zcat /usr/share/man/man1/sts-emulator.1.gz")
      #expect(page.contains("\n.TH STS\\-EMULATOR 1 ") && page.contains("\n.SH SYNOPSIS\n"), "\(page.prefix(300))")
      let find = """
        find /etc /usr /var/lib -xdev -name '*sts-emulator*' ! -path '/usr/local/*' ! -path /etc/sts-emulator.toml -o \
          -xdev -name '*rolekeeper-emulator*'
        """
      #expect(try host.box.ask(find) != "")
      let said = try host.box.ask("dpkg --purge rolekeeper-emulator 2>&1")
      #expect(!said.contains("warning"), "\(said)")
      #expect(try host.box.ask(find) == "")
    }
  }
}

@Suite struct PackageContentTests {
  @Test func `lintian finds neither errors nor warnings`() throws {
    #expect(try Packages.get().lintian() == "")
  }
}
