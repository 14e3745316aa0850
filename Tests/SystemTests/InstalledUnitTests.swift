import Glibc
import SystemBox
import Testing
import TestSupport

extension UnderSystemd {
  @Suite struct InstalledUnitTests {
    private static let path = "/usr/lib/systemd/system/rolekeeper.service"

    @Test(arguments: Release.all)
    func `systemd finds nothing wrong with the unit`(_ release: Release) throws {
      let result = try InstalledHost.get(release).box.run(["systemd-analyze", "verify", "--man=no", Self.path])
      #expect(result.status == 0)
      #expect(result.output + result.errors == "")
    }

    /// Of which two tenths are other users' processes, whose names the journal is to have.
    @Test(arguments: Release.all)
    func `the unit's exposure is 1·8 at most`(_ release: Release) throws {
      // The threshold is in tenths.
      let result = try InstalledHost.get(release).box.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=18", "--no-pager", Self.path])
      #expect(result.status == 0, "\(result.output.split(separator: "\n").last ?? "")")
    }

    @Test func `each protection left off has a comment that says which feature needs it`() throws {
      let box = try InstalledHost.get().box
      let unit = try box.ask("cat \(Self.path)")
      let table = try box.ask("systemd-analyze security --offline=true --no-pager \(Self.path)")
      let off = table.split(separator: "\n").filter { $0.hasPrefix("✗") }
      #expect(!off.isEmpty)
      let unexplained = off.filter { !Self.explains($0.dropFirst(2).prefix { $0 != " " }, unit) }
      #expect(unexplained == [])
    }

    @Test func `the daemon's group has no members, and clients have a group of their own`() throws {
      let box = try InstalledHost.get().box
      let user = try box.ask("id --name --user rolekeeper; id --name --groups rolekeeper")
      #expect(user == "rolekeeper\nrolekeeper")
      #expect(try box.ask("getent group rolekeeper").hasSuffix(":"))
      #expect(try box.ask("getent passwd rolekeeper").hasSuffix("/usr/sbin/nologin"))
      #expect(try box.ask("getent group rolekeeper-clients") != "")
    }

    @Test func `the times that other tests shorten are what the unit promises`() throws {
      let service = try Service()
      try service.start()
      let watchdog = try service.property("WatchdogUSec")
      #expect(watchdog == "30s")
      #expect(try service.property("RestartUSec") == "1s")
      #expect(try service.property("Restart") == "always")
    }

    @Test func `installing again keeps the settings`() throws {
      let directory = try TemporaryDirectory()
      try InstalledHost.install(into: directory.path)
      try directory.write("# mine\n", to: "etc/rolekeeper/rolekeeper.toml")
      try InstalledHost.install(into: directory.path)
      #expect(FileText.read(directory.path("etc/rolekeeper/rolekeeper.toml")) == "# mine\n")
    }

    @Test
    func `what was installed is taken away again, but for the settings, from a directory with a blank in its name`()
      throws
    {
      let directory = try TemporaryDirectory()
      let root = directory.path("build root")
      try InstalledHost.install(into: root)
      try directory.write("key", to: "build root/etc/rolekeeper/access-key", mode: 0o400)
      // The sections of an ELF file that names its symbols.
      let sections = try ChildProcess.run(["/usr/bin/readelf", "--sections", "--wide", "\(root)/usr/sbin/rolekeeperd"])
      #expect(sections.status == 0 && !sections.output.contains(".symtab"))
      try InstalledHost.make("uninstall", in: root)
      let left = try ChildProcess.run(["/usr/bin/find", root, "-type", "f", "-printf", "%P\n"])
      #expect(
        left.output.split(separator: "\n").sorted() == [
          "etc/rolekeeper/access-key", "etc/rolekeeper/rolekeeper.toml",
          "etc/rolekeeper/vod-upload-optional.policy.json", "etc/rolekeeper/vod-upload.policy.json",
        ])
    }

    @Test func `make install makes the user, the groups and the runtime directory, and uninstall leaves only those`()
      throws
    {
      let box = try Box(
        "install", options: ["--bind", InstalledHost.sources, "--bind", Programs.directory])
      let make = "make --no-print-directory -C '\(InstalledHost.sources)' BIN='\(Programs.directory)'"
      #expect(try box.ask("\(make) install").hasSuffix("\nnow run: systemctl daemon-reload"))
      let made = try box.ask("stat --format='%a %U %G' /run/rolekeeper; getent group rolekeeper-clients")
      #expect(made.hasPrefix("711 rolekeeper rolekeeper\nrolekeeper-clients:"))
      #expect(
        try box.ask("systemctl daemon-reload; systemctl show --property=LoadState rolekeeper") == "LoadState=loaded")
      let type = "systemctl show --property=Type --value rolekeeper"
      #expect(try box.ask(type) == box.typeOfService())
      let removed = try box.ask("\(make) uninstall")
      #expect(try box.ask("systemctl daemon-reload; find /run/systemd -name 'rolekeeper*'") == "")
      #expect(removed.contains("kept until the next boot: /run/rolekeeper\n"))
      let found = "find /usr /etc -xdev -newer /run/host/notify -path '*rolekeeper*' -type f"
      let kept = ["rolekeeper.toml", "vod-upload-optional.policy.json", "vod-upload.policy.json"]
      #expect(try box.ask("\(found) | sort") == kept.map { "/etc/rolekeeper/\($0)" }.joined(separator: "\n"))
    }

    /// It is linked so that nothing is looked for and loaded when it starts (Package.swift).
    @Test func `the installed command line needs no library, and runs`() throws {
      let directory = try TemporaryDirectory()
      try InstalledHost.install(into: directory.path)
      let program = directory.path("usr/bin/rolekeeper")
      let dynamic = try ChildProcess.run(["/usr/bin/readelf", "--dynamic", "--wide", program])
      #expect(dynamic.status == 0 && dynamic.output.contains("PIE") && !dynamic.output.contains("(NEEDED)"))
      #expect(try ChildProcess.run([program, "--version"]).status == 0)
    }

    /// The unit landed in /opt without a word, and systemctl then said that there is no such unit.
    @Test func `a prefix below which systemd looks for no units is named at install, with what to add`() throws {
      let directory = try TemporaryDirectory()
      let prefix = "PREFIX=/opt/rolekeeper"
      let said = try InstalledHost.make("install", in: directory.path, prefix)
      #expect(
        said.contains(
          "systemd does not look in /opt/rolekeeper/lib/systemd/system /opt/rolekeeper/lib/sysusers.d /opt/rolekeeper/lib/tmpfiles.d"
        ))
      let remedy = ["UNIT_DIR=/etc/systemd/system", "SYSUSERS_DIR=/etc/sysusers.d", "TMPFILES_DIR=/etc/tmpfiles.d"]
      #expect(said.contains(remedy.joined(separator: " ")))
      let good = try InstalledHost.make("install", in: directory.path, prefix, remedy[0], remedy[1], remedy[2])
      #expect(!good.contains("systemd does not look"))
      let unit = FileText.read(directory.path("etc/systemd/system/rolekeeper.service"))
      #expect(unit?.contains("\nExecStart=/opt/rolekeeper/sbin/rolekeeperd ") == true)
      #expect(access(directory.path("etc/systemd/system-generators/rolekeeper-generator"), X_OK) == 0)
      for place in ["sysusers.d", "tmpfiles.d"] {
        #expect(FileText.read(directory.path("etc/\(place)/rolekeeper.conf")) != nil, "\(place)")
      }
      for prefix in ["PREFIX=/usr", "PREFIX=/usr/local"] {
        #expect(try !InstalledHost.make("install", in: directory.path, prefix).contains("systemd does not look"))
      }
    }

    /// Whether a comment names what the protection restricts, as in `SystemCallFilter=~@privileged`, or stands above its line.
    private static func explains(_ protection: Substring, _ unit: String) -> Bool {
      let setting = protection.prefix { $0 != "=" }
      var isBelowComment = false
      for line in unit.split(separator: "\n", omittingEmptySubsequences: false) {
        if line.hasPrefix("#") {
          if line.contains("\(setting)=") { return true }
          isBelowComment = true
        } else if line.hasPrefix("\(setting)=") {
          if isBelowComment { return true }
        } else if line.isEmpty {
          isBelowComment = false
        }
      }
      return false
    }
  }
}
