import Core
import Glibc
import Laboratory
import TestNeeds
import TestSupport
import Testing
import Wire

/// What becomes of a role's files is reported wherever somebody asks whether all is well: programs that read files get nothing else.
@Suite(.serialized) struct OutputStateTests {
  /// A file of the role elsewhere, in a directory of its own.
  private func lab() throws -> (lab: Lab, directory: String, file: String) {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let directory = lab.directory.path("app")
    mkdir(directory, 0o755)
    let file = "\(directory)/credentials.json"
    lab.draft.roles[0].files = SettingsDraft.Role.file(file)
    lab.draft.roles[1].files = SettingsDraft.Role.file("credentials.json")
    try lab.writeSettings()
    return (lab, directory, file)
  }

  private func check(_ lab: Lab, wrapper: [String] = []) throws -> (status: CInt, output: String) {
    let run = try lab.rolekeeper("status", "--check", wrapper: wrapper)
    #expect(run.errors.isEmpty && run.output.split(separator: "\n").count == 1, "\(run)")
    return (run.status, run.output)
  }

  /// It was one line in the journal; all else said that all is well.
  @Test func `a file that can't be written is in status, health, events, wait and metrics until it can`() throws {
    let (lab, directory, file) = try lab()
    let daemon = try lab.start()
    let inRole = "\(lab.draft.directory)/reports/credentials.json"
    #expect(try lab.status("uploader").outputs.map(\.exceptEnd) == [OutputStatus(path: file, generation: 1)])
    #expect(try lab.status("reports").outputs.map(\.exceptEnd) == [OutputStatus(path: inRole, generation: 1)])
    #expect(try check(lab) == (0, "ok: 2 roles have a credential, 2 files are written\n"))
    #expect(try HealthAnswer(parsing: Array(daemon.get("/healthz").body.utf8).span).status == .ok)

    let events = try daemon.events()
    chmod(directory, 0o777)
    let failing = try #require(try lab.await(events) { $0.kind == .output }.output)
    #expect(failing.path == file && failing.generation == 1 && failing.since != nil)
    #expect(failing.lastError?.contains("'\(directory)'") == true)
    #expect(try lab.status("uploader").outputs == [failing])
    #expect(
      try lab.status("reports").outputs.map(\.exceptEnd) == [OutputStatus(path: inRole, generation: 1)],
      "the other is well")
    let report = try lab.report()
    #expect(report.health.status == .degraded && report.isHealthy, "every role has a session")
    #expect(report.health.reasons.map(\.kind) == [.output] && report.health.reasons[0].role == "uploader")
    try eventually("health follows") {
      let reply = try daemon.get("/healthz")
      return try reply.status == 200 && HealthAnswer(parsing: Array(reply.body.utf8).span).status == .degraded
    }
    let judged = try check(lab)
    #expect(judged.status == 1 && judged.output.hasPrefix("degraded: role 'uploader': "), "\(judged)")
    #expect(judged.output.contains(file) && judged.output.contains("others may write to it"))
    #expect(try lab.rolekeeper("status").output.contains(file))
    let wait = try lab.rolekeeper("wait", "uploader", "reports", "--timeout", "1s")
    #expect(wait.status == 4 && wait.errors.contains("'\(file)'") && !wait.errors.contains("'reports'"), "\(wait)")
    #expect(try lab.rolekeeper("wait", "reports", "--timeout", "5s").status == 0)
    var metrics = try daemon.get("/metrics").body
    #expect(metrics.contains("rolekeeper_output_failing{role=\"uploader\",path=\"\(file)\"} 1\n"))
    #expect(metrics.contains("rolekeeper_output_failing{role=\"reports\",path=\"\(inRole)\"} 0\n"))
    #expect(metrics.contains("rolekeeper_health 1\n"))
    #expect(daemon.logLines("error: credential file not written, keeping the existing one").count == 1)

    let waiting = try ChildProcess(
      [Programs.commandLine, "--socket", lab.draft.socketPath, "wait", "uploader"], in: lab.directory)
    try eventually("it waits") { try daemon.get("/metrics").body.contains("rolekeeper_connections 3") }
    chmod(directory, 0o755)
    let again = try lab.await(events) { $0.kind == .output }
    #expect(again.output?.exceptEnd == OutputStatus(path: file, generation: 1))
    #expect(waiting.wait() == 0)
    metrics = try daemon.get("/metrics").body
    #expect(metrics.contains("rolekeeper_output_failing{role=\"uploader\",path=\"\(file)\"} 0\n"))
    try eventually("health follows") { try check(lab).status == 0 }
  }

  /// It said that the files are empty, and 0 in the metrics, while their credentials were good for another hour.
  @Test func `after a restart in an outage the files are reported as the daemon before left them`() throws {
    let (lab, _, file) = try lab()
    let first = try lab.start()
    let inRole = "\(lab.draft.directory)/reports/credentials.json"
    let before = try lab.status("uploader").outputs + lab.status("reports").outputs
    first.child.signal(SIGKILL)
    _ = first.child.wait()
    try lab.emulator.fault("kind=error&status=503")
    let daemon = try lab.start(named: "second")
    try eventually("they are looked at") {
      try ["uploader", "reports"].allSatisfy { try lab.status($0).outputs.map(\.content) == [.valid] }
    }
    let after = try lab.status("uploader").outputs + lab.status("reports").outputs
    #expect(after.map(\.exceptEnd) == before.map(\.exceptEnd))
    for (old, new) in zip(before, after) {
      let (old, new) = (try #require(old.expiresAt), try #require(new.expiresAt))
      #expect(abs(old.seconds - new.seconds) <= 2, "by the host's clock and the server's")
    }
    let metrics = try daemon.get("/metrics").body
    for (role, path) in [("uploader", file), ("reports", inRole)] {
      #expect(metrics.contains("rolekeeper_output_generation{role=\"\(role)\",path=\"\(path)\"} 1\n"))
      #expect(metrics.contains("rolekeeper_output_expires_timestamp_seconds{role=\"\(role)\",path=\"\(path)\"} "))
    }
    let detail = try lab.rolekeeper("status", "uploader").output
    #expect(detail.contains("\(file): generation 1, expires at "), "\(detail)")
  }

  /// Until STS answered again, those whom the settings named before went on reading.
  @Test func `after a restart in an outage the files have the access that the settings say now`() throws {
    let (lab, _, file) = try lab()
    let names = [file, "credentials.json"]
    for (index, name) in names.enumerated() {
      lab.draft.roles[index].files = SettingsDraft.Role.file(name, "mode = \"0440\"")
    }
    try lab.writeSettings()
    let first = try lab.start()
    let paths = [file, "\(lab.draft.directory)/reports/credentials.json"]
    let documents = try paths.map { try #require(FileText.read($0)) }
    first.child.signal(SIGKILL)
    _ = first.child.wait()
    try lab.emulator.fault("kind=error&status=503")
    for (index, name) in names.enumerated() {
      lab.draft.roles[index].files = SettingsDraft.Role.file(name, "mode = \"0400\"")
    }
    try lab.writeSettings()
    let daemon = try lab.start(named: "second")
    for (role, path) in zip(["uploader", "reports"], paths) {
      try daemon.awaitLog(
        "warning: credential file or directory left by an earlier process didn't match the settings, corrected",
        "role=\(role)",
        "found=\"mode 0440 instead of 0400\"", "path=\(path)")
      #expect(FileStatus(path, following: true)?.mode == 0o400, "\(path)")
    }
    #expect(paths.map { FileText.read($0) } == documents)
  }

  /// The message said that what is there is kept, where there was nothing.
  @Test func `a file that was never written isn't said to be kept`() throws {
    let (lab, directory, file) = try lab()
    // In the way of what is made before the file.
    mkdir("\(directory)/.credentials.json.rolekeeper-new", 0o755)
    let daemon = try lab.start()
    try daemon.awaitLog("error: credential file not written, and there is no older one", "role=uploader")
    #expect(daemon.logLines("keeping the existing one").isEmpty)
    #expect(try lab.status("uploader").outputs.map(\.generation) == [nil])
    daemon.child.stop()
    // Somebody's own file in its place is what its readers find.
    try lab.directory.write("{}", to: "app/credentials.json")
    let second = try lab.start(named: "second")
    try second.awaitLog("error: credential file not written, keeping the existing one", "role=uploader")
    #expect(FileText.read(file) == "{}")
  }

  @Test func `status --check ends with 2 for a role without a credential and with 3 without a daemon`() throws {
    let (lab, _, _) = try lab()
    try lab.emulator.fault("kind=error&status=403&code=NoPermission", role: "uploader")
    let daemon = try lab.start()
    let failing = try check(lab)
    #expect(
      failing.status == 2 && failing.output.hasPrefix("failing: role 'uploader' has no valid session"), "\(failing)")
    #expect(failing.output.contains("NoPermission"))
    #expect(try daemon.get("/healthz").status == 503)
    try lab.emulator.clearFaults()
    #expect(try daemon.post("/v1/roles/uploader/refresh").status == 202)
    try eventually("all is well") { try check(lab).status == 0 }
    // A daemon that answers isn't one that doesn't: the status was that of no daemon.
    let unknown = try lab.rolekeeper("status", "--check", "nosuch")
    #expect(unknown.status == 2 && unknown.output.hasPrefix("failing: there is no role 'nosuch'"), "\(unknown)")
    #expect(try lab.rolekeeper("status", "--check", "uploader").status == 0)
    daemon.child.stop()
    let gone = try check(lab)
    #expect(gone.status == 3 && gone.output.hasPrefix("unknown: "), "\(gone)")
    for words in [["--json"], ["--watch"]] {
      #expect(try lab.rolekeeper("status", "--check", words[0]).status == 2)
    }
  }

  /// Who may read one role learns of that role by name, and of the others by number.
  @Test(.needs(.root)) func `who isn't an administrator learns no names of roles that aren't theirs`() throws {
    let (lab, directory, file) = try lab()
    lab.draft.socket = "mode = \"0660\"\ngroup = \(Person.clients)"
    lab.draft.roles[1].more = "allow = { users = [\(Person.reader)] }"
    try lab.writeSettings()
    let daemon = try lab.start()
    let reader = Person.words(Person.reader)
    #expect(try check(lab, wrapper: reader) == (0, "ok: 1 role has a credential, 1 file is written\n"))
    let own = try lab.rolekeeper("status", "--check", "reports", wrapper: reader)
    #expect(own.status == 0 && own.output == "ok: 1 role has a credential, 1 file is written\n", "\(own)")
    let others = try lab.rolekeeper("status", "--check", "uploader", wrapper: reader)
    #expect(others.status == 3 && others.output.hasPrefix("unknown: role 'uploader' isn't open to uid"), "\(others)")
    chmod(directory, 0o777)
    try daemon.awaitLog("error: credential file not written")
    let stranger = Person.words(Person.stranger)
    try eventually("health follows") { try check(lab, wrapper: stranger).status == 1 }
    #expect(try check(lab, wrapper: stranger).output == "degraded: 1 credential file can't be written\n")
    #expect(try check(lab, wrapper: reader).status == 0, "what another role lacks isn't theirs")
    let body = try lab.ask("/healthz", as: Person.stranger).body
    #expect(!body.contains("uploader") && !body.contains(file), "\(body)")
    // What is wrong with the settings may be about any role.
    lab.draft.roles[0].more = "colour = \"green\""
    try lab.writeSettings()
    #expect(try daemon.post("/v1/reload").status == 422)
    let health = try lab.ask("/v1/roles/reports/healthz", as: Person.reader)
    #expect(health.status == 200 && health.body.contains("the settings on disk were refused"), "\(health)")
    #expect(!health.body.contains("uploader") && !health.body.contains("colour"), "\(health)")
    #expect(try daemon.get("/v1/roles/reports/healthz").body.contains("colour"))
  }

  /// In a directory with a default ACL a uid could read that was neither owner nor in the group, and nothing noticed.
  @Test(.needs(.root)) func `an inherited ACL lets nobody read a file`() throws {
    let (lab, directory, file) = try lab()
    lab.draft.roles[0].files = SettingsDraft.Role.file(
      file, "owner = \(Person.reader)\ngroup = \(Person.media)\nmode = \"0440\"")
    mkdir(lab.draft.directory, 0o711)
    lab.draft.roles[1].files = SettingsDraft.Role.file(
      "credentials.json", "owner = \(Person.reader)\ngroup = \(Person.media)\nmode = \"0440\"")
    try lab.writeSettings()
    for place in [directory, lab.draft.directory] {
      try AccessControlList.lets(Person.stranger, at: place, byDefault: true)
    }
    try lab.start()
    for path in [file, "\(lab.draft.directory)/reports/credentials.json"] {
      for (uid, mayRead) in [(Person.reader, true), (Person.stranger, false)] {
        let cat = try ChildProcess.run(Person.words(uid, groups: []) + ["/bin/cat", path])
        #expect((cat.status == 0) == mayRead, "\(uid), \(path): \(cat.errors)")
      }
    }
  }

  @Test func `the alert rules know no metric that isn't there`() throws {
    let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let rules = try #require(FileText.read("/\(root)/etc/prometheus/rolekeeper.rules.yml"))
    let expressions = rules.split(separator: "\n").filter { !$0.contains("summary:") && !$0.contains("description:") }
    let named = Set(expressions.joined(separator: "\n").matches(of: /rolekeeper_[a-z_]+/).map { String($0.output) })
    #expect(named.count >= 8, "\(named)")
    let (lab, _, _) = try lab()
    let metrics = try lab.start().get("/metrics").body
    for name in named { #expect(metrics.contains("# TYPE \(name) "), "\(name)") }
  }

  @Test(.needs(.promtool)) func `promtool takes the alert rules`() throws {
    let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let run = try ChildProcess.run(
      [Requirement.promtoolPath, "check", "rules", "/\(root)/etc/prometheus/rolekeeper.rules.yml"])
    #expect(run.status == 0, "\(run)")
  }

  /// With the textfile recipe the last figures stay in their file, and the alert never came.
  @Test(.needs(.promtool)) func `the alert of metrics that are gone comes for a stale file, too`() throws {
    let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let text = try #require(FileText.read("/\(root)/Tests/Prometheus/rolekeeper.rules.test.yml"))
    let directory = try TemporaryDirectory()
    let tests = try directory.write(
      text.replacing("[RULES]", with: "[/\(root)/etc/prometheus/rolekeeper.rules.yml]"), to: "tests.yml")
    let run = try ChildProcess.run([Requirement.promtoolPath, "test", "rules", tests])
    #expect(run.status == 0, "\(run)")
  }
}

extension OutputStatus {
  /// The same without the time at which its credential expires.
  var exceptEnd: OutputStatus {
    var status = self
    status.expiresAt = nil
    return status
  }
}
