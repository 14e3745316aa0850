import SystemBox
import Testing

extension UnderSystemd {
  @Suite struct StartTests {
    private static let key = "/etc/rolekeeper/access-key"

    @Test(arguments: Release.all)
    func `it is ready when each role has a session, and says for how long readers are safe`(_ release: Release) throws {
      let service = try Service(under: release)
      try service.start()
      #expect(try service.property("ActiveState") == "active")
      let status = try service.property("StatusText")
      #expect(status.hasPrefix("2 of 2 roles valid; if STS failed now, readers would keep their floor for "))
      #expect(try service.systemctl("status").output.contains("Status: \"\(status)\""))
      #expect(try service.request("/healthz").output.hasSuffix("200"))
    }

    @Test(arguments: Release.all)
    func `the socket is open to its owner and to the clients' group alone`(_ release: Release) throws {
      let service = try Service(under: release)
      try service.start()
      let modes = try service.box.ask(
        "stat --format='%a %U %G' /run/rolekeeper \(Service.socket) /run/rolekeeper/roles /run/rolekeeper/roles/uploader"
      )
      #expect(
        modes.split(separator: "\n") == [
          "711 rolekeeper rolekeeper", "660 rolekeeper rolekeeper-clients", "711 rolekeeper rolekeeper",
          "711 rolekeeper rolekeeper",
        ])
    }

    @Test(arguments: Release.all)
    func `the AccessKey reaches the daemon by systemd alone`(_ release: Release) throws {
      let service = try Service(under: release)
      try service.start()
      #expect(try service.box.ask("stat --format='%a %U' \(Self.key)") == "400 root")
      #expect(try service.box.script("cat \(Self.key)", as: "rolekeeper").status != 0)
      for user in ["reader", "stranger"] {
        let read = try service.box.script(
          "cat \(Self.key) /run/credentials/rolekeeper.service/*", as: user)
        #expect(read.status != 0 && read.output == "", "\(user)")
      }
    }

    @Test(arguments: Release.all)
    func `a role that STS refuses doesn't keep the others from starting, and is named`(_ release: Release) throws {
      let service = try Service(under: release)
      try service.fault("kind=error&status=403&code=NoPermission&role=backup")
      try service.start()
      let status = try service.property("StatusText")
      #expect(status.hasPrefix("1 of 2 roles valid, 1 failing to refresh"))
      _ = try service.credential("uploader", as: "reader")
      #expect(try service.request("/healthz").output.hasSuffix("503"))
    }

    /// systemd failed each start with status 243 and no word of the file, once a second.
    @Test(arguments: Release.all)
    func `without its AccessKey it stays up and says what to do, and takes the key with a restart`(_ release: Release)
      throws
    {
      let service = try Service(under: release)
      try service.box.ask("mv \(Self.key) \(Self.key).away")
      defer { _ = try? service.box.ask("test -e \(Self.key) || mv \(Self.key).away \(Self.key)") }
      try service.start()
      #expect(try service.property("ActiveState") == "active")
      #expect(try service.property("NRestarts") == "0")
      let status = try service.property("StatusText")
      #expect(
        status.contains("no regular file with the AccessKey when the service started") && status.contains(Self.key),
        "\(status)")
      #expect(try service.request("/healthz").output.hasSuffix("503"))
      try service.box.ask("mv \(Self.key).away \(Self.key)")
      #expect(try service.systemctl("restart").status == 0)
      #expect(try service.property("StatusText").hasPrefix("2 of 2 roles valid"))
    }

    @Test(arguments: Release.all)
    func `bad settings end it with 78, and it isn't started again`(_ release: Release) throws {
      let service = try Service(under: release)
      try service.write("\(SettingsText.usual)\nsurprise = 1\n")
      #expect(try service.systemctl("start").status != 0)
      #expect(try service.property("ExecMainStatus") == "78")
      #expect(try service.property("ActiveState") == "failed")
      #expect(try service.property("NRestarts") == "0")
      // The stream at stderr is the unit's, however soon the process is gone.
      let lines = try service.journal.read("--output=cat --unit=\(Service.unit) _TRANSPORT=stdout PRIORITY=3")
      #expect(lines.contains("rolekeeper.toml") && lines.contains("surprise"), "\(lines)")
      #expect(try service.journal.text().split(separator: "\n").count { $0.contains("surprise") } == 1)
      #expect(try service.property("StatusText").contains("rolekeeper check"))
    }

    @Test(arguments: Release.all)
    func `a restart takes up another AccessKey, and the files stay`(_ release: Release) throws {
      let service = try Service(under: release)
      try service.start()
      try service.box.ask("cp --preserve \(Self.key) /root/key")
      defer { _ = try? service.box.ask("cp --preserve /root/key \(Self.key)") }
      try service.box.ask("sed -i s/LTAIkeeper/LTAInext/ \(Self.key)")
      #expect(try service.systemctl("restart").status == 0)
      // The sessions stay, so that no role is asked for until one is due; the key is shown in full once STS has accepted it.
      let isProven = try eventually {
        try service.box.ask("rolekeeper status --json").contains(#""access_key_id":"LTAInext""#)
      }
      #expect(isProven)
      _ = try service.credential("uploader", as: "reader")
    }

    @Test(arguments: Release.all)
    func `an AccessKey in a file of the daemon's is followed as the file changes`(_ release: Release) throws {
      let service = try Service(under: release)
      let file = "/etc/rolekeeper/own-key"
      try service.box.ask("install -m 0400 -o rolekeeper \(Self.key) \(file)")
      try service.write(
        SettingsText.usual.replacing(#"credential = "access-key""#, with: #"file = "/etc/rolekeeper/own-key""#))
      try service.start()
      try service.box.ask(
        "sed s/LTAIkeeper/LTAInext/ \(Self.key) | install -m 0400 -o rolekeeper /dev/stdin \(file).new; mv \(file).new \(file)"
      )
      #expect(try service.journal.wait(for: "AccessKey changed").contains("LTAInext"))
    }

    @Test func `with an AccessKey that can't be used it says so, and takes the right one when it comes`() throws {
      let faults = ["echo 'AccessKey ID,Acc' >\(Self.key)", "rm \(Self.key)"]
      // A daemon without a key waits for 15 s. Where there are two hosts, both wait at once.
      let turns = Release.all.count < 2 ? faults.map { [(Release.machine, $0)] } : [Array(zip(Release.all, faults))]
      for turn in turns {
        let services = try turn.map { release, _ in try Service(under: release) }
        for service in services { try service.box.ask("cp --preserve \(Self.key) /root/key") }
        defer { for service in services { _ = try? service.box.ask("cp --preserve /root/key \(Self.key)") } }
        for (service, (_, fault)) in zip(services, turn) {
          try service.box.ask(fault)
          try service.start()
          #expect(try service.property("StatusText").contains(Self.key), "\(fault)")
          #expect(try service.property("NRestarts") == "0", "\(fault)")
          #expect(try service.request("/healthz").output.hasSuffix("503"), "\(fault)")
          try service.box.ask("cp --preserve /root/key \(Self.key)")
        }
        for service in services {
          try service.journal.wait(for: "Scheduled restart job")
          #expect(try eventually { try service.property("ActiveState") == "active" })
          _ = try service.credential("uploader", as: "reader")
        }
      }
    }
  }
}
