import SystemBox
import Testing
import TestSupport

extension UnderSystemd {
  @Suite struct EndTests {
    private static let left = "ls --almost-all /run/rolekeeper"
    private static let file = "/run/rolekeeper/roles/uploader/credentials.json"

    @Test(arguments: Release.all)
    func `killed, it comes back by itself, and the files are there all the while`(_ release: Release) throws {
      let service = try Service(under: release)
      try service.start()
      let (pid, before) = try (service.mainPID(), service.box.ask("cat \(Self.file)"))
      // In the second before it is started again, and at every moment until then.
      let seen = try service.box.ask(
        """
        kill -KILL \(pid)
        until [ "$(systemctl show --property=NRestarts --value \(Service.unit))" = 1 ] \
          && systemctl --quiet is-active \(Service.unit); do cat \(Self.file) || echo gone; done | sort -u
        """)
      #expect(seen.split(separator: "\n").contains { $0 == before })
      #expect(!seen.contains("gone"))
      #expect(try service.mainPID() != pid)
      _ = try service.credential("uploader", as: "reader")
    }

    @Test(arguments: Release.all)
    func `killed while STS can't be had, it leaves the files as they are, and hands out what it had`(
      _ release: Release
    ) throws {
      let service = try Service(under: release)
      try service.start()
      let before = try service.box.ask("cat \(Self.file)")
      let credential = try service.credential("uploader")
      try service.fault("kind=error&status=503")
      let pid = try service.mainPID()
      try service.box.ask("kill -KILL \(pid)")
      #expect(try eventually { try service.mainPID() != pid && service.property("ActiveState") == "active" })
      #expect(try service.property("StatusText").hasPrefix("2 of 2 roles valid"))
      #expect(try service.box.ask("cat \(Self.file)", as: "uploader") == before)
      #expect(try service.credential("uploader") == credential)
    }

    @Test func `it is restarted however often it dies`() throws {
      let service = try Service()
      // As often and as fast as would make systemd give up by its own limit: five times in ten seconds.
      try service.override("RestartSec=100ms")
      try service.start()
      for _ in 0..<6 {
        let pid = try service.mainPID()
        try service.box.ask("kill -KILL \(pid)")
        #expect(try eventually { try service.mainPID() != pid && service.property("ActiveState") == "active" })
      }
      #expect(try service.property("NRestarts") == "6")
    }

    @Test(arguments: Release.all)
    func `a restart keeps the files, and a reader of them sees no gap`(_ release: Release) throws {
      let service = try Service(under: release)
      try service.start()
      let seen = try service.box.ask(
        """
        systemctl restart \(Service.unit) &
        while kill -0 $! 2>/dev/null; do cat \(Self.file) >/dev/null || echo gone; done | sort -u
        wait $!
        """)
      #expect(seen == "")
      #expect(try service.box.ask("ls /run/rolekeeper/roles/uploader | grep -c '^gen-'") == "2")
    }

    /// systemd removed the credentials of every role at once, good for another hour.
    @Test(arguments: ["a restart", "a crash"])
    func `without a store, bad settings keep it from starting, and the files stay`(_ cause: String) throws {
      let service = try Service()
      try service.override("FileDescriptorStoreMax=0")
      try service.start()
      let before = try service.box.ask("cat \(Self.file)", as: "uploader")
      try service.write(SettingsText.usual.replacing("requests_per_second", with: "requests_per_sekond"))
      if cause == "a crash" {
        try service.box.ask("kill -KILL \(service.mainPID())")
        #expect(try eventually { try service.property("ActiveState") == "failed" })
      } else {
        #expect(try service.systemctl("restart").status != 0)
      }
      #expect(try service.property("ExecMainStatus") == "78")
      #expect(try service.box.ask("cat \(Self.file)", as: "uploader") == before)
      #expect(try service.journal.text().contains("requests_per_sekond"))

      try service.write(SettingsText.usual)
      try service.start()
      #expect(try service.box.ask("cat \(Self.file)", as: "uploader") != before)
      #expect(try service.systemctl("stop").status == 0)
      #expect(try service.box.ask(Self.left) == "generations")
    }

    @Test(arguments: Release.all)
    func `with what the process before left, it serves on by the last good settings`(_ release: Release) throws {
      let service = try Service(under: release)
      try service.start()
      let credential = try service.credential("uploader")
      try service.fault("kind=error&status=503")
      try service.write(SettingsText.usual.replacing("requests_per_second", with: "requests_per_sekond"))
      #expect(try service.systemctl("restart").status == 0)
      #expect(try service.credential("uploader", as: "reader") == credential)
      #expect(try service.journal.text().contains("requests_per_sekond"))
      let status = try service.property("StatusText")
      #expect(status.contains("settings"), "\(status)")
      #expect(try service.request("/healthz").output.contains("degraded"))
      try service.write(SettingsText.usual)
      #expect(try service.systemctl("reload").status == 0)
      #expect(try service.credential("uploader", as: "reader") == credential)
      #expect(try service.systemctl("stop").status == 0)
    }

    @Test(arguments: Release.all)
    func `the runtime directory is there before the first start, and keeps owner, group and mode until after a stop`(
      _ release: Release
    ) throws {
      let service = try Service(under: release)
      // So that bad settings end it.
      try service.override("FileDescriptorStoreMax=0")
      let directory = "stat --format='%i %a %U %G' /run/rolekeeper"
      // As systemd-tmpfiles-setup.service does at boot.
      let first = try service.box.ask(
        "rm -rf /run/rolekeeper; systemd-tmpfiles --create --boot rolekeeper.conf; \(directory)")
      #expect(first.hasSuffix(" 711 rolekeeper rolekeeper"))
      let sockets = "stat --format='%a %U %G' \(Service.socket)"
      func isUnchanged() throws -> Bool {
        try service.box.ask(directory) == first && service.box.ask(sockets) == "660 rolekeeper rolekeeper-clients"
      }
      try service.start()
      #expect(try isUnchanged())
      #expect(try service.systemctl("restart").status == 0)
      #expect(try isUnchanged())
      try service.box.ask("kill -KILL \(service.mainPID())")
      #expect(
        try eventually { try service.property("NRestarts") == "1" && service.property("ActiveState") == "active" })
      #expect(try isUnchanged())
      try service.write("surprise = 1\n")
      #expect(try service.systemctl("restart").status != 0)
      #expect(try service.box.ask("\(directory); \(Self.left)") == "\(first)\ngenerations\nroles")
      try service.write(SettingsText.usual)
      try service.start()
      #expect(try isUnchanged())
      #expect(try service.systemctl("stop").status == 0)
      #expect(try service.box.ask("\(directory); \(Self.left)") == "\(first)\ngenerations")
    }

    @Test(arguments: Release.all)
    func `without its runtime directory it reports the command that makes it, and starts after that`(
      _ release: Release
    ) throws {
      let service = try Service(under: release)
      let command = "systemd-tmpfiles --create rolekeeper.conf"
      try service.box.ask("rm -rf /run/rolekeeper")
      defer { _ = try? service.box.ask(command) }
      #expect(try service.systemctl("start").status != 0)
      try service.journal.wait(for: "run: sudo \(command)")
      let found = try service.box.run(["rolekeeper", "check"])
      #expect(found.status == 78 && found.output.contains("; run: sudo \(command)"), "\(found)")
      try service.box.ask(command)
      #expect(try eventually { try service.property("ActiveState") == "active" })
      _ = try service.credential("uploader", as: "reader")
    }

    /// It stayed, with a credential good for an hour.
    @Test func `a file in another place outlives a restart and bad settings, and no stop`() throws {
      let service = try Service()
      let file = "/srv/backup/credentials.json"
      try service.box.ask("install -d -o rolekeeper -m 0711 /srv/backup")
      try service.override("ReadWritePaths=/srv/backup\nFileDescriptorStoreMax=0")
      let settings = SettingsText.usual + "[[roles.backup.files]]\npath = \"\(file)\"\nowner = \"uploader\"\n"
      try service.write(settings)
      try service.start()
      #expect(try service.systemctl("restart").status == 0)
      #expect(try eventually { try service.box.script("test -s \(file)").status == 0 })
      try service.write("surprise = 1\n")
      #expect(try service.systemctl("restart").status != 0)
      #expect(try service.box.script("test -s \(file)").status == 0)
      try service.write(settings)
      try service.start()
      #expect(try service.systemctl("stop").status == 0)
      #expect(try service.box.ask("ls --almost-all /srv/backup; \(Self.left)") == "generations")
    }

    @Test func `killed while it is being stopped, it leaves no credential either`() throws {
      let service = try Service()
      try service.override("TimeoutStopSec=2s\nKillSignal=SIGCONT")
      try service.start()
      try service.box.ask("systemctl stop \(Service.unit)")
      #expect(try service.property("Result") == "timeout")
      #expect(try service.box.ask(Self.left) == "generations\nrolekeeper.sock")
    }

    @Test(arguments: Release.all)
    func `generations go on over a stop`(_ release: Release) throws {
      let service = try Service(under: release)
      try service.start()
      let generation = """
        curl -sS -o /dev/null -D - --unix-socket \(Service.socket) http://localhost/v1/roles/uploader/credentials \
          | tr -d '\\r' | sed -n 's/^rolekeeper-generation: //Ip'
        """
      #expect(try service.box.ask(generation) == "1")
      #expect(try service.systemctl("stop").status == 0)
      try service.start()
      #expect(try service.box.ask(generation) == "2")
    }

    @Test func `a reader that comes after a crash waits for the next process`() throws {
      let service = try Service()
      try service.start()
      try service.box.ask("kill -KILL \(service.mainPID()); rolekeeper get uploader --wait 20s >/dev/null")
    }

    @Test(arguments: Release.all)
    func `stopped, it is gone in under a second with all it made, whoever is connected`(_ release: Release) throws {
      let service = try Service(under: release)
      try Self.expectStopWithinASecond(service) {
        try service.start()
        try service.box.ask(
          """
          systemd-run --quiet --collect --unit=listener --service-type=exec curl -sSN --unix-socket \(Service.socket) \
            http://localhost/v1/events
          """)
        #expect(try eventually { try service.request("/metrics").output.contains("rolekeeper_connections 2") })
      }
      #expect(try service.property("Result") == "success")
      #expect(try service.property("ExecMainStatus") == "0")
      #expect(try service.box.ask(Self.left) == "generations")
      // It said "2 of 2 roles valid" for as long as the unit was loaded.
      #expect(try !service.systemctl("status").output.contains("roles valid"))
      #expect(["stopped", ""].contains(try service.property("StatusText")))
    }

    @Test func `stopped, it doesn't wait for STS either`() throws {
      let service = try Service()
      try service.fault("kind=delay&milliseconds=60000")
      try Self.expectStopWithinASecond(service) {
        try service.box.ask("systemctl start --no-block \(Service.unit)")
        #expect(try eventually { try service.request("/metrics").output.contains("rolekeeper_sts_in_flight 2") })
      }
      #expect(try service.box.ask(Self.left) == "generations")
    }

    /// Other programs may have the processor for a second, but not three times in a row; whatever the daemon itself waits for, it does each time.
    private static func expectStopWithinASecond(_ service: Service, after start: () throws -> Void) throws {
      var took: [Int] = []
      while took.count < 3, took.last.map({ $0 >= 1000 }) ?? true {
        try start()
        took.append(try millisecondsToStop(service))
      }
      #expect(took.last! < 1000, "\(took) ms")
    }

    private static func millisecondsToStop(_ service: Service) throws -> Int {
      let took = try service.box.ask(
        "began=$(date +%s%3N); systemctl stop \(Service.unit); echo $(($(date +%s%3N) - began))")
      return try #require(Int(took))
    }
  }
}
