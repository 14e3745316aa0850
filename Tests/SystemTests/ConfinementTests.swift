import SystemBox
import Testing

extension UnderSystemd {
  @Suite struct ConfinementTests {
    @Test(arguments: Release.all)
    func `the process has the capability to give files away and no other, and can't gain any`(_ release: Release) throws
    {
      let service = try Service(under: release)
      try service.start()
      let pid = try service.mainPID()
      let status = try service.box.ask("cat /proc/\(pid)/status").split(separator: "\n").map {
        $0.split(separator: "\t", omittingEmptySubsequences: true).joined(separator: " ")
      }
      let chown = "0000000000000001"
      for line in [
        "NoNewPrivs: 1", "Seccomp: 2", "CapEff: \(chown)", "CapPrm: \(chown)", "CapBnd: \(chown)", "CapAmb: \(chown)",
      ] { #expect(status.contains(line), "\(line)") }
      let uid = try service.box.ask("id --user rolekeeper")
      #expect(status.contains("Uid: \(uid) \(uid) \(uid) \(uid)"))
    }

    @Test(arguments: Release.all)
    func `it sees the machine's files read-only, and none of homes and other units' temporary files`(_ release: Release)
      throws
    {
      let service = try Service(under: release)
      try service.start()
      let pid = try service.mainPID()
      // As root, whom no permission bits stop: what does is how the daemon's own view is mounted.
      let inside = "nsenter --target \(pid) --mount --"
      for directory in ["/", "/etc", "/etc/rolekeeper", "/usr", "/var", "/var/lib", "/srv", "/run", "/boot"] {
        let touched = try service.box.script("\(inside) touch \(directory)/mark")
        #expect(touched.status != 0 && touched.errors.contains("Read-only file system"), "\(directory)")
      }
      try service.box.ask("\(inside) sh -c 'touch /run/rolekeeper/mark && rm /run/rolekeeper/mark'")
      try service.box.ask("install -d /home/someone; touch /home/someone/file /tmp/others")
      let seen = try service.box.script("\(inside) sh -c 'ls /home /root; ls /tmp /var/tmp'")
      #expect(!seen.output.contains("someone") && !seen.output.contains("others"))
    }

    @Test func `nobody else may look into its memory, its own user included`() throws {
      let service = try Service()
      try service.start()
      let pid = try service.mainPID()
      #expect(try service.box.ask("stat --format=%U /proc/\(pid)/mem") == "root")
      let looked = try service.box.script(
        "cat /proc/\(pid)/environ /proc/\(pid)/maps; ls /proc/\(pid)/fd/", as: "rolekeeper")
      #expect(looked.status != 0 && looked.output == "")
      #expect(try service.box.ask("grep '^Max core file size' /proc/\(pid)/limits").contains(" 0 "))
    }

    @Test func `a crash leaves no core`() throws {
      let service = try Service()
      try service.start()
      try service.box.ask("kill -ABRT \(service.mainPID())")
      // Where a core is written it says code=dumped.
      try service.journal.wait(for: "Main process exited, code=killed, status=6/ABRT")
    }

    @Test func `it still counts its own memory and descriptors`() throws {
      let service = try Service()
      try service.start()
      let metrics = try service.request("/metrics").output.split(separator: "\n")
      for (name, least) in [
        ("rolekeeper_memory_anonymous_bytes", 100_000), ("rolekeeper_memory_resident_bytes", 1_000_000),
        ("rolekeeper_descriptors", 5),
      ] {
        let line = metrics.first { $0.hasPrefix("\(name) ") }
        #expect(line.flatMap { Int($0.dropFirst(name.count + 1)) } ?? 0 > least, "\(line ?? "no \(name)")")
      }
      // What the unit asks for, or what this machine's systemd may give at most.
      let limits = try service.box.ask(
        "awk '/^Max open files/ { print $4, $5 }' /proc/\(service.mainPID())/limits /proc/1/limits"
      )
      .split { $0 == " " || $0 == "\n" }.compactMap { Int($0) }
      let most = min(65_536, limits.last ?? 0)
      #expect(limits.prefix(2) == [most, most])
    }

    @Test(arguments: Release.all)
    func `its secrets are locked in memory, as the unit lets it`(_ release: Release) throws {
      let service = try Service(under: release)
      try service.start()
      let pid = try service.mainPID()
      // What the unit asks for, or what this machine's systemd may give at most.
      let limits = try service.box.ask(
        "awk '/^Max locked memory/ { print $4, $5 }' /proc/\(pid)/limits; awk '/^Max locked memory/ { print $5 }' /proc/1/limits"
      )
      .split { $0 == " " || $0 == "\n" }.map(String.init)
      let most = limits.count == 3 ? Int(limits[2]).map { min(192 << 20, $0) } ?? 192 << 20 : 0
      #expect(limits.prefix(2) == ["\(most)", "\(most)"])
      let locked = try service.box.ask("awk '/^VmLck:/ { print $2 }' /proc/\(pid)/status")
      #expect(Int(locked) ?? 0 > 0)
      let metrics = try service.request("/metrics").output
      #expect(metrics.contains("rolekeeper_secrets_unlocked_bytes 0\n"))
    }

    @Test(arguments: Release.all)
    func `all it makes has the mode and the owner that the settings say`(_ release: Release) throws {
      let service = try Service(under: release)
      try service.start()
      let seen = try service.box.ask(
        "cd /run/rolekeeper && find . -type l -printf '%P link %u:%g\\n' -o -printf '%P %m %u:%g\\n' | sort")
      let own = "rolekeeper:rolekeeper"
      let expected = [
        " 711 \(own)", "generations 600 \(own)", "roles 711 \(own)",
        "rolekeeper.sock 660 rolekeeper:rolekeeper-clients",
        "roles/uploader 711 \(own)",
        "roles/uploader/credentials.env link \(own)", "roles/uploader/credentials.json link \(own)",
        "roles/uploader/current link \(own)", "roles/uploader/gen-1 711 \(own)",
        "roles/uploader/gen-1/.expires link \(own)", "roles/uploader/gen-1/.rotation link \(own)",
        "roles/uploader/gen-1/credentials.env 400 uploader:uploader",
        "roles/uploader/gen-1/credentials.json 440 uploader:media",
      ]
      #expect(
        Set(seen.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)) == Set(expected), "\(seen)")
    }
  }
}
