import Core
import Glibc
import Laboratory
import TestNeeds
import TestSupport
import Testing
import Wire

/// The command line beside a daemon that is stuck, away, coming back, or another than it was.
@Suite(.serialized) struct CommandLineFaultTests {
  static let commands = [
    ["status"], ["status", "uploader"], ["status", "--json"], ["get", "uploader"],
    ["get", "uploader", "--min-ttl", "1h", "--wait", "1min"], ["wait", "uploader"], ["reload"],
    ["refresh", "uploader"],
  ]

  /// `wait --timeout 2s` once took 15 s, and an answer that dribbled had no end at all.
  @Test(arguments: FakeDaemon.Behaviour.allCases)
  func `a socket that never answers whole ends each command in time, with 3`(behaviour: FakeDaemon.Behaviour) throws {
    let directory = try TemporaryDirectory()
    let fake = try FakeDaemon(behaviour, in: directory)
    let runs = try Self.commands.enumerated().map { number, words in
      try ChildProcess(
        [Programs.commandLine, "--socket", fake.socketPath, "--timeout", "1s"] + words, in: directory,
        named: "run\(number)")
    }
    let took = seconds {
      for (run, words) in zip(runs, Self.commands) {
        #expect(run.wait() == 3 && run.output.isEmpty, "\(words): \(run.errors)")
        #expect(run.errors.contains("no answer within 1s"), "\(words): \(run.errors)")
      }
    }
    // The shortest time-out of the commands' own is 15 s.
    #expect(took < 14)
  }

  @Test func `a time-out is reported as it was typed`() throws {
    let directory = try TemporaryDirectory()
    let fake = try FakeDaemon(.silent, in: directory)
    let run = try ChildProcess.run([Programs.commandLine, "--socket", fake.socketPath, "status", "--timeout", "0min1s"])
    #expect(run.status == 3 && run.errors.contains("no answer within 0min1s"), "\(run.errors)")
  }

  /// It said that no daemon listens there, and to start one.
  @Test func `what isn't a socket is named for what it is`() throws {
    let directory = try TemporaryDirectory()
    try directory.write("x", to: "plain")
    for (path, kind) in [(directory.path, "a directory"), (directory.path("plain"), "a plain file")] {
      let run = try ChildProcess.run([Programs.commandLine, "--socket", path, "status"])
      #expect(run.status == 3 && run.errors.contains("'\(path)': \(kind) is there, not a socket"), "\(run.errors)")
      #expect(!run.errors.contains("systemctl"), "\(run.errors)")
    }
  }

  /// A daemon that stops ends the connections that it has taken and not answered.
  @Test func `a connection that ends without an answer is made again`() throws {
    let directory = try TemporaryDirectory()
    let fake = try FakeDaemon(endingFirst: 2, then: 200, #"{"roles":[],"admin":false}"#, in: directory)
    let run = try ChildProcess.run([Programs.commandLine, "--socket", fake.socketPath, "status"])
    #expect(run.status == 0 && run.output.contains("no role that you may read"), "\(run)")
  }

  @Test func `what isn't the daemon is named, without a word of HTTP`() throws {
    let directory = try TemporaryDirectory()
    let fake = try FakeDaemon(endingFirst: 0, then: 502, "<html>", in: directory)
    let run = try ChildProcess.run([Programs.commandLine, "--socket", fake.socketPath, "get", "uploader"])
    #expect(run.status == 1 && run.output.isEmpty)
    #expect(run.errors.contains("isn't understood (502)") && !run.errors.contains("HTTP"), "\(run.errors)")
  }

  @Test func `a role with a line break in it is refused before anything is sent`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let daemon = try lab.start()
    for command in ["get", "status", "refresh", "wait"] {
      let run = try lab.rolekeeper(command, "uploader\r\n\r\nGET /v1/roles/reports HTTP/1.1")
      #expect(run.status == 2 && run.output.isEmpty, "\(command): \(run)")
      #expect(run.errors.split(separator: "\n").count == 1, "\(run.errors)")
    }
    #expect(try daemon.get("/metrics").body.contains("rolekeeper_requests_total 1\n"))
  }

  // MARK: - wait

  /// Starts `wait` for a role that has no session, and returns when it is connected.
  private func waiting(_ lab: Lab, _ words: String...) throws -> ChildProcess {
    let waiting = try ChildProcess(
      [Programs.commandLine, "--socket", lab.draft.socketPath, "wait", "uploader"] + words, in: lab.directory,
      named: "wait")
    try eventually("it waits") { try lab.daemon.get("/metrics").body.contains("rolekeeper_connections 2") }
    return waiting
  }

  @Test func `wait goes on through a restart of the daemon`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.emulator.fault("kind=error&status=503", role: "uploader")
    let first = try lab.start()
    let waiting = try waiting(lab)
    first.child.stop()
    try lab.start(named: "second")
    #expect(waiting.statusIfEnded == nil, "\(waiting.errors)")
    try lab.emulator.clearFaults()
    #expect(waiting.wait() == 0, "\(waiting.errors)")
  }

  /// It ended after a second: of no use while the host boots.
  @Test func `wait begun without a daemon waits for one as long as it may`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let began = ContinuousClock.now
    let none = try lab.rolekeeper("wait", "uploader", "--timeout", "2s")
    #expect(none.status == 3 && none.errors.contains("there is no such socket"), "\(none)")
    #expect(ContinuousClock.now - began >= .seconds(2))
    let waiting = try ChildProcess(
      [Programs.commandLine, "--socket", lab.draft.socketPath, "wait", "uploader"], in: lab.directory, named: "wait")
    try lab.start()
    #expect(waiting.wait() == 0, "\(waiting.errors)")
  }

  @Test func `wait goes on when the daemon was stopped and continued`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.emulator.fault("kind=error&status=503", role: "uploader")
    let daemon = try lab.start()
    let waiting = try waiting(lab)
    daemon.child.signal(SIGSTOP)
    try lab.emulator.clearFaults()
    daemon.child.signal(SIGCONT)
    #expect(waiting.wait() == 0, "\(waiting.errors)")
  }

  /// A system call with a time-out ends with EINTR then (signal(7)), which was an error.
  @Test func `wait goes on when it was itself stopped and continued`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.emulator.fault("kind=error&status=503", role: "uploader")
    try lab.start()
    let waiting = try waiting(lab)
    for _ in 0..<3 {
      waiting.signal(SIGSTOP)
      try eventually("it is stopped") {
        FileText.read("/proc/\(waiting.pid)/stat")?.contains(") T ") == true
      }
      waiting.signal(SIGCONT)
    }
    try lab.emulator.clearFaults()
    #expect(waiting.wait() == 0, "\(waiting.errors)")
  }

  @Test func `wait for a life that no session has ends with 4, and with 0 where one has it`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let daemon = try lab.start()
    #expect(try lab.rolekeeper("wait", "uploader", "--min-ttl", "10min", "--timeout", "20s").status == 0)
    let late = try lab.rolekeeper("wait", "uploader", "--min-ttl", "30min", "--timeout", "1s")
    #expect(late.status == 4, "\(late)")
    #expect(late.errors.contains("no valid credential that lasts 30min within 1s for 'uploader'"), "\(late.errors)")
    #expect(late.errors.contains("role 'uploader': its longest session lasts 14min"), "\(late.errors)")
    #expect(try lab.emulator.draws(of: "uploader") == 1, "none is fetched for it")
    withExtendedLifetime(daemon) {}
  }

  /// It was looked for every 5 s.
  @Test func `wait hears of the session that another reader asked for`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let daemon = try lab.start()
    let events = try daemon.events()
    let waiting = try ChildProcess(
      [Programs.commandLine, "--socket", lab.draft.socketPath, "wait", "uploader", "--min-ttl", "30min"],
      in: lab.directory, named: "wait")
    try eventually("it waits") { try daemon.get("/metrics").body.contains("rolekeeper_connections 3") }
    #expect(try lab.rolekeeper("get", "uploader", "--min-ttl", "30min").status == 0)
    let event = try lab.await(events) { $0.kind == .reserved }
    #expect(event.role == "uploader" && event.generation == 1)
    #expect(waiting.wait() == 0, "\(waiting.errors)")
  }

  /// They were waited for to the end, which was "not now".
  @Test(.needs(.root)) func `wait for what can't ever be had ends with 1 at once`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil)) { $0.socket = "mode = \"0660\"\ngroup = \(Person.clients)" }
    try lab.start()
    let long = try lab.rolekeeper("wait", "uploader", "reports", "--min-ttl", "2h")
    #expect(long.status == 1 && long.errors.contains("'--min-ttl' is 2h, but at most 59min can be had"), "\(long)")
    let unknown = try lab.rolekeeper("wait", "uploader", "nobody")
    #expect(unknown.status == 1 && unknown.errors.contains("there is no role 'nobody'"), "\(unknown)")
    let stranger = try lab.rolekeeper("wait", "uploader", wrapper: Person.words(Person.stranger))
    #expect(stranger.status == 1 && stranger.errors.contains("isn't open to uid \(Person.stranger)"), "\(stranger)")
  }

  @Test func `wait for a role that a reload takes away ends with 1`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.emulator.fault("kind=error&status=503", role: "uploader")
    let daemon = try lab.start()
    let waiting = try waiting(lab)
    lab.draft.roles.removeFirst()
    try lab.writeSettings()
    #expect(try daemon.post("/v1/reload").status == 200)
    #expect(waiting.wait() == 1 && waiting.errors.contains("no role 'uploader'"), "\(waiting.errors)")
  }

  /// It sat out its time for what only a person can change.
  @Test func `wait for a role that doesn't exist at the cloud ends at once, and says why`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.emulator.fault("kind=error&status=404&code=EntityNotExist.Role", role: "uploader")
    try lab.start()
    let run = try lab.rolekeeper("wait", "reports", "uploader", "--timeout", "10min")
    #expect(run.status == 1 && run.output.isEmpty, "\(run)")
    #expect(run.errors.contains("EntityNotExist.Role") && run.errors.contains("create the role"), "\(run.errors)")
  }

  /// The trust policy may name users, and nothing said which one signs.
  @Test func `a role that the user may not assume names the user`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.emulator.fault("kind=error&status=403&code=NoPermission", role: "uploader")
    let daemon = try lab.start()
    try eventually("STS has said whose key it is:\n\(daemon.log)") { try lab.report().sources.first?.arn != nil }
    let arn = try #require(try lab.report().sources.first?.arn)
    #expect(arn.contains(":user/"), "\(arn)")
    #expect(try lab.status("uploader").lastError?.advice.contains("'\(arn)'") == true)
    try daemon.awaitLog("notice: STS denied a role; the AccessKey belongs to this identity", "arn=\(arn)")
    let refresh = try lab.rolekeeper("refresh", "uploader")
    #expect(refresh.errors.contains("'\(arn)'"), "\(refresh.errors)")
  }

  @Test func `without a command the help is on stderr, which is wrong usage`() throws {
    let run = try ChildProcess.run([Programs.commandLine])
    #expect(run.status == 2 && run.output.isEmpty && run.errors.hasPrefix("usage: rolekeeper "), "\(run)")
  }

  /// It said to start the daemon, while systemd was starting it again, or where it ran with another socket.
  @Test func `where nothing listens, that is said, and where to look`() throws {
    let run = try ChildProcess.run([Programs.commandLine, "--socket", "/nonexistent/rk.sock", "status"])
    #expect(run.status == 3 && run.errors.contains("socket '/nonexistent/rk.sock': there is no such socket"), "\(run)")
    #expect(run.errors.contains("systemctl status rolekeeper") && !run.errors.contains("start it"), "\(run)")
  }

  // MARK: - refresh and reload

  @Test func `refresh says what came of it`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.start()
    let good = try lab.rolekeeper("refresh", "uploader")
    #expect(good.status == 0 && good.errors.isEmpty)
    #expect(good.output.hasPrefix("role 'uploader' refreshed: generation 2, expires in "), "\(good.output)")
    try lab.emulator.fault("kind=error&status=403&code=NoPermission", role: "uploader")
    // Twice: the second failure of a kind is no event, and is an outcome all the same.
    for _ in 0..<2 {
      let bad = try lab.rolekeeper("refresh", "uploader")
      #expect(bad.status == 1 && bad.output.isEmpty)
      for words in ["NoPermission", "trust policy", "the current credential lasts", "tries again by itself in"] {
        #expect(bad.errors.contains(words), "\(words) in: \(bad.errors)")
      }
    }
    try lab.emulator.clearFaults()
    try lab.emulator.fault("kind=error&status=503", role: "uploader")
    let later = try lab.rolekeeper("refresh", "uploader")
    #expect(later.status == 4 && later.errors.contains("\nrolekeeper: try again in "), "\(later)")
    try lab.emulator.clearFaults()
    #expect(try lab.rolekeeper("refresh", "uploader").status == 0)
  }

  @Test func `a refresh without an outcome in time is 202, and one that nobody waits for at once`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil)) { $0.sts = "timeout = \"30s\"" }
    let daemon = try lab.start()
    try lab.emulator.fault("kind=delay&milliseconds=600000", role: "uploader")
    #expect(try daemon.post("/v1/roles/uploader/refresh").status == 202)
    #expect(try daemon.post("/v1/roles/uploader/refresh?wait=1").status == 202)
    for wait in ["61", "-1", "soon", ""] {
      #expect(try daemon.post("/v1/roles/uploader/refresh?wait=\(wait)").status == 400, "\(wait)")
    }
  }

  /// It waited for as long as it was willing to, and was then answered as if the refresh were on its way.
  @Test func `who waits for a refresh is answered as a reload removes the role`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil)) { $0.sts = "timeout = \"30s\"" }
    let daemon = try lab.start()
    try lab.emulator.fault("kind=delay&milliseconds=600000", role: "uploader")
    let waiting = try StreamConnection(unix: lab.draft.socketPath)
    try waiting.request("POST", "/v1/roles/uploader/refresh?wait=60")
    try eventually("the refresh is under way") { try daemon.get("/metrics").body.contains("sts_in_flight 1") }
    lab.draft.roles.removeAll { $0.name == "uploader" }
    try lab.writeSettings()
    try ReloadWay.request.reload(lab)
    let reply = try waiting.readReply()
    #expect(reply.status == 404 && reply.body.contains("taken out of the settings"))
  }

  @Test func `a reload that moves the socket says how to reach it`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.start()
    let old = lab.draft.socketPath
    lab.draft.socketPath = lab.directory.path("moved.sock")
    try lab.writeSettings()
    let run = try ChildProcess.run([Programs.commandLine, "--socket", old, "reload"])
    #expect(run.status == 0 && run.output.isEmpty)
    #expect(run.errors.contains("export ROLEKEEPER_SOCKET=\(lab.draft.socketPath)\n"), "\(run.errors)")
    #expect(try lab.rolekeeper("get", "uploader").status == 0)
    #expect(try lab.rolekeeper("reload").errors.isEmpty, "it says so once")
  }

  // MARK: - The terminal

  struct TerminalCase: CustomStringConvertible, Sendable {
    let variables: [String: String]
    let hasColours: Bool

    var description: String { "\(variables)" }
  }

  @Test(arguments: [
    TerminalCase(variables: ["TERM": "xterm"], hasColours: true),
    TerminalCase(variables: ["TERM": "xterm", "NO_COLOR": ""], hasColours: true),
    TerminalCase(variables: ["TERM": "xterm", "NO_COLOR": "1"], hasColours: false),
    TerminalCase(variables: ["TERM": "dumb"], hasColours: false),
    TerminalCase(variables: [:], hasColours: false),
  ])
  func `a terminal of 80 columns is enough, with colours where it has them`(row: TerminalCase) throws {
    let name = String(repeating: "archive-", count: 4)
    let lab = try Lab(RealmDraft(lifetime: nil, roles: ["uploader", name])) { draft in
      draft.roles = ["uploader", name].map { SettingsDraft.Role($0) }
    }
    try lab.emulator.fault("kind=error&status=403&code=NoPermission", role: name)
    try lab.start()
    // script(1) runs it on a terminal.
    let command = "stty cols 80; '\(Programs.commandLine)' --socket '\(lab.draft.socketPath)' status"
    let run = try ChildProcess.run(
      ["/usr/bin/script", "--quiet", "--return", "--command", command, "/dev/null"],
      environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SHELL": "/bin/sh"].merging(row.variables) { $1 })
    #expect(run.status == 0 && run.output.contains(name) && run.output.contains("NoPermission"), "\(run)")
    #expect(run.output.contains("\u{1B}[") == row.hasColours, "\(run.output)")
    let bare = run.output.replacing(/\u{1B}\[[0-9]*m/, with: "").replacing("\r\n", with: "\n")
    for line in bare.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
  }
}
