import Core
import Glibc
import Laboratory
import TestNeeds
import TestSupport
import Testing
import Wire

@Suite(.serialized) struct StartTests {
  @Test func `bad settings end it with 78, and each error is reported with its line`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    lab.draft.roles[0].more = "colour = \"green\""
    lab.draft.roles[1].arn = "nonsense"
    try lab.writeSettings()
    let daemon = try lab.launch()
    #expect(daemon.child.wait() == 78)
    #expect(daemon.logLines("error: settings", lab.configPath, "colour").count == 1)
    #expect(daemon.logLines("error: settings", lab.configPath, "nonsense").count == 1)
    #expect(daemon.child.output.isEmpty)
  }

  /// An entry in the journal's own protocol from a process that is gone already has no unit, and `journalctl -u` doesn't show it.
  @Test func `what ends it at once goes to stderr though the journal is there, once and with its level`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    lab.draft.roles[0].more = "colour = \"green\""
    try lab.writeSettings()
    let stream = #"export JOURNAL_STREAM=$(stat --dereference --format=%d:%i /proc/self/fd/2); exec "$@""#
    let bad = try lab.launch(wrapper: ["/bin/sh", "-c", stream, "sh"])
    #expect(bad.child.wait() == 78)
    #expect(bad.logLines("<3>settings error reason=", "colour").count == 1, "\(bad.log)")

    lab.draft.roles[0].more = ""
    lab.draft.socketPath = lab.directory.path
    try lab.writeSettings()
    let blocked = try lab.launch(wrapper: ["/bin/sh", "-c", stream, "sh"], named: "blocked")
    #expect(blocked.child.wait() != 0)
    #expect(blocked.logLines("<3>fatal error, exiting reason=", lab.directory.path).count == 1, "\(blocked.log)")
  }

  /// What the unit's ExecStopPost= runs; a restart must not take the files along because the manager can't be asked.
  @Test func `where the service manager can't be asked why the daemon ended, nothing is removed`() throws {
    let directory = try TemporaryDirectory()
    try directory.write("credential", to: "file")
    for (result, said) in [("success", 1), ("exit-code", 0)] {
      let run = try ChildProcess.run([
        "/usr/bin/env", "DBUS_SYSTEM_BUS_ADDRESS=unix:path=\(directory.path("none"))", "SERVICE_RESULT=\(result)",
        "RUNTIME_DIRECTORY=\(directory.path)", Programs.daemon, "--stopped", "rolekeeper.service",
      ])
      #expect(run.status == said && run.output.isEmpty, "\(run)")
      #expect(run.errors.split(separator: "\n").count == said, "\(run)")
      #expect(said == 0 || run.errors.contains("whether the service was stopped or is being restarted"), "\(run)")
    }
    #expect(FileText.read(directory.path("file")) == "credential")
  }

  @Test func `a missing AccessKey is an error in the log, and used from when it is there`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    unlink(lab.draft.keyPath)
    let daemon = try lab.start()
    #expect(!daemon.logLines("error: ", lab.draft.keyPath).isEmpty)
    #expect(try daemon.get("/v1/roles/uploader/credentials").problem.code == "NoAccessKey")
    let waiting = try StreamConnection(unix: lab.draft.socketPath)
    try waiting.request("GET", "/v1/roles/uploader/credentials?wait=20")
    try lab.write(key: RealmDraft.key)
    #expect(try Credential(try waiting.readReply()).keyID.hasPrefix("STS."))
  }

  /// With 78 systemd wouldn't start it again, and a file that was just being replaced would leave the host without a keeper.
  @Test func `a CA file that can't be used ends it with 1, so that it is started again, and check says so`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let broken = "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n"
    lab.draft.authorityPath = try lab.directory.write(broken, to: "half.pem")
    try lab.writeSettings()
    let daemon = try lab.launch()
    #expect(daemon.child.wait() == 1)
    #expect(daemon.log.contains("half.pem': it holds no certificate, or one that can't be read"), "\(daemon.log)")
    #expect(daemon.log.contains("systemd tries again every second"), "\(daemon.log)")
    let check = try lab.rolekeeper("check", "--config", lab.configPath)
    #expect(check.status == 78 && check.output.contains("half.pem': it holds"), "\(check)")

    for text in ["", nil] {
      unlink(lab.draft.authorityPath)
      if let text { _ = try lab.directory.write(text, to: "half.pem") }
      let daemon = try lab.launch(named: text == nil ? "missing" : "empty")
      #expect(daemon.child.wait() == 1)
      #expect(daemon.log.contains("systemd tries again every second"), "\(daemon.log)")
      #expect(try lab.rolekeeper("check", "--config", lab.configPath).status == 78)
    }
  }

  @Test func `missing settings end it with 78, a wrong option with 2`() throws {
    let directory = try TemporaryDirectory()
    let missing = try ChildProcess.run([Programs.daemon, "--config", directory.path("none.toml")])
    #expect(missing.status == 78 && missing.errors.contains("none.toml"))
    let wrong = try ChildProcess.run([Programs.daemon, "--colour"])
    #expect(wrong.status == 2 && wrong.output.isEmpty && wrong.errors.contains("--colour"))
  }

  @Test func `ready comes with an honest status though STS answers nobody`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.emulator.fault("kind=error&status=503", role: "reports")
    let daemon = try lab.launch()
    try daemon.notify.wait(for: "EXTEND_TIMEOUT_USEC=600000000")
    let message = try daemon.notify.wait(for: "READY=1")
    #expect(message.contains("STATUS=1 of 2 roles valid, 1 failing to refresh"), "\(message)")
    #expect(try daemon.get("/healthz").status == 503)
  }

  @Test func `a hanging STS holds ready up for ten seconds at most, and the socket not at all`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil)) { $0.sts = "timeout = \"30s\"" }
    try lab.emulator.fault("kind=delay&milliseconds=600000")
    let daemon = try lab.launch()
    try eventually("the socket answers") { (try? daemon.get("/healthz"))?.status == 503 }
    let waited = try seconds { try daemon.notify.wait(for: "READY=1", seconds: 15) }
    #expect(waited < 11)
  }

  /// READY waited out its ten seconds for a role that wasn't in the settings any more.
  @Test func `a role that a reload takes away holds ready up no longer`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil)) { $0.sts = "timeout = \"30s\"" }
    try lab.emulator.fault("kind=delay&milliseconds=600000", role: "reports")
    let daemon = try lab.launch()
    try eventually("the other role is there") { (try? daemon.get("/v1/roles/uploader/credentials"))?.status == 200 }
    lab.draft.roles.removeLast()
    try lab.writeSettings()
    let waited = try seconds {
      #expect(try daemon.post("/v1/reload").status == 200)
      try daemon.notify.wait(for: "READY=1", seconds: 15)
    }
    #expect(waited < 5)
    try daemon.awaitLog("notice: ready", "count=1", "total=1")
  }

  /// It said "ready count=40" with sessions for 14.
  @Test func `ready counts the roles that have a credential`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.emulator.fault("kind=error&status=503", role: "reports")
    let daemon = try lab.start()
    try daemon.awaitLog("notice: ready", "count=1", "total=2")
    #expect(daemon.logLines("refresh failed, no valid credential", "role=reports").count == 1, "\(daemon.log)")
  }

  @Test func `the watchdog is fed though STS hangs`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.emulator.fault("kind=delay&milliseconds=600000")
    let daemon = try lab.launch(environment: ["WATCHDOG_USEC": "400000"])
    for _ in 0..<5 { try daemon.notify.wait(for: "WATCHDOG=1", seconds: 2) }
  }

  /// libcurl and OpenSSL take orders from the environment that nobody would suspect in a service.
  @Test func `the environment neither redirects the calls nor has session keys written`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let keys = lab.directory.path("session-keys")
    let daemon = try lab.launch(
      environment: [
        "https_proxy": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1", "SSLKEYLOGFILE": keys,
        "SSL_CERT_FILE": "/dev/null", "HOME": lab.directory.path,
      ])
    try daemon.awaitReady()
    #expect(try lab.status("uploader").state == .valid)
    #expect(access(keys, F_OK) != 0)
  }

  @Test func `the socket that a killed daemon left is replaced`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let first = try lab.start()
    first.child.signal(SIGKILL)
    first.child.wait()
    #expect(access(lab.draft.socketPath, F_OK) == 0, "it lies there still")
    let second = try lab.start(named: "second")
    #expect(try second.get("/healthz").status == 200)
  }

  @Test func `a second daemon on the same socket is refused, and the first one serves on`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let first = try lab.start()
    let second = try DaemonProcess(
      configPath: lab.configPath, socketPath: lab.draft.socketPath, in: lab.directory, named: "second")
    #expect(second.child.wait() == 1)
    #expect(second.log.contains(lab.draft.socketPath), "\(second.log)")
    #expect(try first.get("/healthz").status == 200)
  }

  @Test func `what isn't a socket is left where it is`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.directory.write("precious", to: "rk.sock")
    let daemon = try lab.launch()
    #expect(daemon.child.wait() != 0)
    #expect(daemon.log.contains(lab.draft.socketPath))
    #expect(FileText.read(lab.draft.socketPath) == "precious")
  }

  @Test(.needs(.root)) func `it runs in a user's own directory without root`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil)) { $0.roles[0].files = SettingsDraft.Role.file("credentials.env") }
    for path in [lab.directory.path, lab.configPath, lab.draft.keyPath, lab.emulator.authorityPath] {
      chown(path, Person.reader, Person.reader)
    }
    let daemon = try lab.start(wrapper: Person.words(Person.reader, groups: []))
    let get = try lab.rolekeeper("get", "uploader", wrapper: Person.words(Person.reader, groups: []))
    #expect(get.status == 0)
    let path = "\(lab.draft.directory)/uploader/credentials.env"
    try eventually("the file is written") { access(path, R_OK) == 0 }
    let status = try lab.rolekeeper("status", wrapper: Person.words(Person.reader, groups: []))
    #expect(status.output.contains(RealmDraft.key.id), "its own user is an administrator")
    #expect(daemon.logLines("error: ").isEmpty, "\(daemon.log)")
  }
}

@Suite(.serialized) struct StopTests {
  @Test func `it stops in under a second, with its socket gone`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let daemon = try lab.start()
    let held = try daemon.events()
    let took = seconds { #expect(daemon.child.stop() == 0) }
    #expect(took < 1)
    let last = try daemon.notify.wait(for: "STOPPING=1", seconds: 1)
    #expect(last.contains("\nSTATUS=stopped"), "systemctl shows it from then on")
    #expect(access(lab.draft.socketPath, F_OK) != 0)
    try held.awaitEnd()
  }

  @Test func `it ends in under a second while STS hangs and readers wait`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil)) { $0.sts = "timeout = \"30s\"" }
    let daemon = try lab.start()
    try lab.emulator.fault("kind=delay&milliseconds=600000")
    let waiting = try StreamConnection(unix: lab.draft.socketPath)
    try waiting.request("GET", "/v1/roles/uploader/credentials?min_ttl=2000&wait=60")
    #expect(try daemon.post("/v1/roles/reports/refresh").status == 202)
    try eventually("two calls hang") { try daemon.get("/metrics").body.contains("rolekeeper_sts_in_flight 2") }
    let took = seconds { #expect(daemon.child.stop() == 0) }
    #expect(took < 1)
  }
}
