import Core
import Glibc
import Laboratory
import TestSupport
import Testing
import Wire

@Suite(.serialized) struct CommandLineTests {
  @Test func `get writes the document, and nothing on stderr`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.start()
    let run = try lab.rolekeeper("get", "uploader")
    #expect(run.status == 0 && run.errors.isEmpty)
    #expect(try Credential(document: run.output).keyID == lab.credential("uploader").keyID)
  }

  @Test func `a shell takes the variables of get by eval`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.start()
    let script = """
      eval "$("$1" --socket "$2" get uploader --format env)"
      /usr/bin/env | /usr/bin/grep '^ALIBABA_CLOUD_' | /usr/bin/sort
      """
    let run = try ChildProcess.run(["/bin/sh", "-ec", script, "sh", Programs.commandLine, lab.draft.socketPath])
    let credential = try lab.credential("uploader")
    #expect(run.errors.isEmpty && run.status == 0)
    for (name, value) in [
      ("ACCESS_KEY_ID", credential.keyID), ("ACCESS_KEY_SECRET", credential.secret),
      ("SECURITY_TOKEN", credential.token),
    ] {
      #expect(run.output.contains("ALIBABA_CLOUD_\(name)=\(value)\n"), "\(name)")
    }
  }

  @Test func `status shows roles and sources, as a table and as one line of JSON`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.start()
    let table = try lab.rolekeeper("status")
    #expect(table.status == 0 && table.errors.isEmpty)
    for word in ["ROLE", "STATE", "EXPIRES IN", "HEADROOM", "GEN", "NEXT REFRESH", "LAST ERROR", RealmDraft.key.id] {
      #expect(table.output.contains(word), "\(word)")
    }
    #expect(!table.output.contains("\u{1B}"), "no colours into a pipe")
    let rows = table.output.split(separator: "\n").filter { $0.hasPrefix("uploader") || $0.hasPrefix("reports") }
    #expect(rows.count == 2 && rows.allSatisfy { $0.contains(" valid ") })
    let json = try lab.rolekeeper("status", "--json")
    let report = try StatusReport(parsing: Array(json.output.utf8).span)
    #expect(report.isHealthy && report.roles.count == 2)
    #expect(json.output.split(separator: "\n").count == 1)
  }

  @Test func `status is shown again every second until it is interrupted`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.start()
    let watch = try ChildProcess(
      [Programs.commandLine, "--socket", lab.draft.socketPath, "status", "--watch"], in: lab.directory)
    try eventually("it is shown twice") { watch.output.split(separator: "\n").count { $0.hasPrefix("ROLE") } >= 2 }
    watch.signal(SIGINT)
    #expect(watch.wait() == 128 + SIGINT)
  }

  @Test func `wait returns when each role has a session, and with 4 when one has none in time`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.emulator.fault("kind=error&status=503", role: "uploader")
    let daemon = try lab.start()
    #expect(try lab.rolekeeper("wait", "reports", "--timeout", "10s").status == 0)
    let late = try lab.rolekeeper("wait", "uploader", "reports", "--timeout", "1s")
    #expect(late.status == 4 && late.output.isEmpty)
    #expect(late.errors.contains("'uploader'") && !late.errors.contains("'reports'"), "\(late.errors)")
    #expect(late.errors.contains("the last attempt failed: ServiceUnavailable"), "\(late.errors)")
    let get = try lab.rolekeeper("get", "uploader")
    #expect(get.status == 4 && get.output.isEmpty && get.errors.contains("ServiceUnavailable"), "\(get.errors)")
    #expect(get.errors.contains("try again in "), "\(get.errors)")
    let waiting = try ChildProcess(
      [Programs.commandLine, "--socket", lab.draft.socketPath, "wait", "uploader", "reports"], in: lab.directory)
    try eventually("it waits") { try daemon.get("/metrics").body.contains("rolekeeper_connections 2") }
    try lab.emulator.clearFaults()
    #expect(waiting.wait() == 0)
    #expect(waiting.output.isEmpty, "it takes no credential")
  }

  @Test func `refresh draws a new session now`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let daemon = try lab.start()
    let before = try lab.credential("uploader").keyID
    let events = try daemon.events()
    #expect(try lab.rolekeeper("refresh", "uploader").status == 0)
    let event = try lab.await(events) { $0.role == "uploader" && $0.kind == .rotated }
    #expect(event.generation == 2)
    #expect(try lab.credential("uploader").keyID == event.accessKeyID && event.accessKeyID != before)
  }

  struct Case: CustomStringConvertible {
    let words: [String]
    let status: CInt
    let says: String

    var description: String { words.joined(separator: " ") }
  }

  @Test func `each end has its status and its sentence on stderr`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.start()
    let cases = [
      Case(words: ["get", "nobody"], status: 1, says: "there is no role 'nobody'"),
      Case(words: ["refresh", "nobody"], status: 1, says: "there is no role 'nobody'"),
      Case(words: ["wait", "nobody"], status: 1, says: "there is no role 'nobody'"),
      Case(words: ["status", "nobody"], status: 1, says: "there is no role 'nobody'"),
      Case(
        words: ["get", "uploader", "--min-ttl", "3h"], status: 1,
        says: "'--min-ttl' is 3h, but at most 59min can be had"),
      Case(words: ["get"], status: 2, says: "takes one role's name"),
      Case(words: ["get", "uploader", "--wait", "70s"], status: 2, says: "allowed are 0s to 60s"),
      Case(words: ["statsu"], status: 2, says: "did you mean 'status'?"),
      Case(words: ["get", "uploader", "--colour"], status: 2, says: "'get' has no option '--colour'"),
      Case(words: ["get", "uploader", "--format", "xml"], status: 2, says: "formats are json, env, env-file, "),
      Case(words: ["get", "uploader", "--min-ttl", "long"], status: 2, says: "write a time such as"),
      Case(words: ["fetch", "uploader"], status: 2, says: "unknown command 'fetch'"),
    ]
    for row in cases {
      let run = try ChildProcess.run([Programs.commandLine, "--socket", lab.draft.socketPath] + row.words)
      #expect(run.status == row.status && run.output.isEmpty, "\(row)")
      #expect(run.errors.contains(row.says), "\(row): \(run.errors)")
    }
  }

  /// The check ended with 0, and its findings were lost.
  @Test func `a check whose report can't be written fails`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let script = #""$1" check --config "$2" >/dev/full"#
    let run = try ChildProcess.run(["/bin/sh", "-c", script, "sh", Programs.commandLine, lab.configPath])
    #expect(run.status == 1)
    #expect(run.errors.contains("cannot write to stdout: No space left on device"), "\(run.errors)")
  }

  /// Each command asked whether two programs are of the same version.
  @Test func `with too many connections open each command says so and ends with 4`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil)) { $0.socket += "\nmax_connections_per_uid = 1" }
    let daemon = try lab.start()
    let events = try daemon.events()
    let commands = [["status"], ["get", "uploader"], ["refresh", "uploader"], ["report", "uploader"], ["reload"]]
    try withExtendedLifetime(events) {
      for words in commands {
        let run = try ChildProcess.run([Programs.commandLine, "--socket", lab.draft.socketPath] + words)
        #expect(run.status == 4 && run.output.isEmpty, "\(words)")
        #expect(run.errors.contains("as many connections open as it may"), "\(run.errors)")
        #expect(run.errors.contains("try again in 1s"), "\(run.errors)")
      }
    }
  }

  @Test func `status of one role shows all of it, to whoever may read it`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.start()
    let text = try lab.rolekeeper("status", "uploader")
    #expect(text.status == 0 && text.errors.isEmpty && !text.output.contains("reports"))
    for words in ["state            valid", "access key id    STS.", "generation       1", "reservation      -"] {
      #expect(text.output.contains(words), "\(words) in:\n\(text.output)")
    }
    let json = try lab.rolekeeper("status", "uploader", "--json")
    #expect(try RoleStatus(parsing: Array(json.output.utf8).span).name == "uploader")
  }

  /// That the daemon has to be started isn't known: another socket may be its.
  @Test(arguments: [
    ["get", "uploader"], ["status"], ["wait", "uploader", "--timeout", "1s"], ["reload"], ["refresh", "uploader"],
  ])
  func `without a daemon each command ends with 3 and says that there is no socket`(words: [String]) throws {
    let directory = try TemporaryDirectory()
    let run = try ChildProcess.run([Programs.commandLine, "--socket", directory.path("none.sock")] + words)
    #expect(run.status == 3 && run.output.isEmpty)
    #expect(
      run.errors.contains("there is no such socket; check 'systemctl status rolekeeper'"), "\(run.errors)")
  }

  @Test func `the socket's name may come from the environment`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.start()
    let run = try ChildProcess.run(
      [Programs.commandLine, "get", "uploader"], environment: ["ROLEKEEPER_SOCKET": lab.draft.socketPath])
    #expect(run.status == 0)
  }

  @Test func `check reports all that is wrong in one run`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    for index in lab.draft.roles.indices { lab.draft.roles[index].more = "allow = { users = [0] }" }
    try lab.writeSettings()
    let good = try ChildProcess.run([Programs.commandLine, "check", "--config", lab.configPath])
    #expect(good.status == 0 && good.errors.isEmpty, "\(good)")
    #expect(
      good.output.hasSuffix(
        "\(lab.configPath): 2 roles, nothing wrong with the settings; STS was not asked: once the daemon runs, 'rolekeeper status' shows its answers; the settings in force were not compared: a reload also refuses settings that look cut off\n"
      ), "\(good)")
    lab.draft.roles[0].more += "\ncolour = \"green\""
    lab.draft.roles[0].times = lab.draft.roles[0].times.replacing("\"15min\"", with: "900")
    lab.draft.roles[1].arn = "uploader"
    lab.draft.socket = "mode = \"0777\""
    try lab.writeSettings()
    let lines = lab.draft.text.split(separator: "\n", omittingEmptySubsequences: false)
    let bad = try ChildProcess.run([Programs.commandLine, "check", "--config", lab.configPath])
    #expect(bad.status == 78 && bad.errors.isEmpty, "all of it is on one stream")
    #expect(bad.output.contains("\(lab.configPath): 4 errors: fix"), "\(bad)")
    for words in ["colour", "duration = 900", "\"uploader\"", "0777"] {
      let line = lines.firstIndex { $0.contains(words) }! + 1
      #expect(bad.output.contains("\(lab.configPath):\(line)"), "\(words) in line \(line): \(bad.output)")
    }
  }

  @Test func `check looks at the AccessKey's file too`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    for index in lab.draft.roles.indices { lab.draft.roles[index].more = "allow = { users = [0] }" }
    try lab.writeSettings()
    chmod(lab.draft.keyPath, 0o644)
    let loose = try ChildProcess.run([Programs.commandLine, "check", "--config", lab.configPath])
    #expect(loose.status == 78 && loose.output.contains("keep it in /etc/rolekeeper"), "\(loose)")
    #expect(!loose.output.contains("chmod"), "no command for what isn't ours")
    #expect(loose.output.contains("1 error:"), "one thing is said once: \(loose.output)")
    // It is taken up when it comes.
    unlink(lab.draft.keyPath)
    let missing = try ChildProcess.run([Programs.commandLine, "check", "--config", lab.configPath])
    #expect(missing.status == 0 && missing.output.contains("1 warning"), "\(missing)")
  }
}
