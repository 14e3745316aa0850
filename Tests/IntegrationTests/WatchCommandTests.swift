import Core
import Glibc
import Laboratory
import TestSupport
import Testing
import Wire

/// `rolekeeper watch` beside a real daemon.
@Suite(.serialized) struct WatchCommandTests {
  private let lab: Lab

  init() throws {
    lab = try Lab(RealmDraft(lifetime: nil))
    try lab.start()
  }

  private func watch(_ words: String..., named name: String = "watch") throws -> ChildProcess {
    try ChildProcess(
      [Programs.commandLine, "--socket", lab.draft.socketPath, "watch", "uploader"] + words, in: lab.directory,
      named: name, leadsGroup: true)
  }

  /// Has a new session fetched, and waits until readers get it.
  private func rotate() throws {
    let before = try lab.status("uploader").generation
    #expect(try lab.rolekeeper("refresh", "uploader").status == 0)
    try eventually("the rotation") { try lab.status("uploader").generation > before }
  }

  private func lines(_ watch: ChildProcess) -> [String] { watch.output.split(separator: "\n").map(String.init) }

  @Test func `watch prints a line for the session and for each rotation, until it is interrupted`() throws {
    let watch = try watch()
    try eventually("the line of the session") { lines(watch).count == 1 }
    let end = try lab.credential("uploader").expiration
    #expect(lines(watch)[0].hasSuffix(" role 'uploader': generation 1, expires \(end)"))
    try rotate()
    try eventually("the line of the rotation") { lines(watch).count == 2 }
    #expect(lines(watch)[1].contains(": generation 2, "))
    watch.signal(SIGINT)
    #expect(watch.wait() == 128 + SIGINT && watch.errors.isEmpty)
  }

  @Test func `with --json the lines are the events, and they have no secret`() throws {
    let watch = try watch("--json")
    try eventually("the line of the session") { lines(watch).count == 1 }
    try rotate()
    try eventually("the line of the rotation") { lines(watch).count == 2 }
    let events = try lines(watch).map { try RoleEvent(parsing: Array($0.utf8).span) }
    #expect(events.map(\.kind) == [.snapshot, .rotated] && events.map(\.role) == ["uploader", "uploader"])
    let credential = try lab.credential("uploader")
    #expect(events.last?.accessKeyID == credential.keyID && events.last?.expiresAt == credential.expiration)
    #expect(!watch.output.contains(credential.secret) && !watch.output.contains(credential.token))
    #expect(watch.stop() == 128 + SIGTERM)
  }

  @Test func `watch goes on over a restart of the daemon, and shows the session that came meanwhile`() throws {
    let watch = try watch("--json")
    try eventually("the line of the session") { lines(watch).count == 1 }
    lab.daemon.child.stop()
    try lab.startNext(named: "second")
    try rotate()
    try eventually("the line of the rotation") { lines(watch).count >= 2 }
    lab.daemon.child.stop()
    // Without what the process before left, its first session is another one.
    try lab.start(named: "third")
    let id = try lab.credential("uploader").keyID
    try eventually("the line of the new session") { lines(watch).last?.contains(id) == true }
    let ids = try lines(watch).map { try RoleEvent(parsing: Array($0.utf8).span).accessKeyID }
    #expect(ids.count == 3 && Set(ids).count == 3, "the session that was handed over is no new one")
    watch.stop()
  }

  @Test func `each end of watch has its status and its sentence`() throws {
    let unknown = try lab.rolekeeper("watch", "nobody")
    #expect(unknown.status == 1 && unknown.errors.contains("there is no role 'nobody'"))
    let absent = try ChildProcess.run([Programs.commandLine, "--socket", lab.directory.path("no.sock"), "watch", "a"])
    #expect(absent.status == 3 && absent.errors.contains("there is no such socket"))
    let watch = try watch("--timeout", "1s")
    try eventually("the line of the session") { lines(watch).count == 1 }
    lab.daemon.child.stop()
    #expect(watch.wait() == 3 && watch.errors.contains("rk.sock"), "\(watch.errors)")
  }

  @Test func `a command runs for each session, once at a time, and its failure is reported`() throws {
    let gate = lab.directory.path("gate")
    #expect(mkfifo(gate, 0o600) == 0)
    let script = """
      env | grep -c -e SECRET -e TOKEN
      echo "run $ROLEKEEPER_ROLE $ROLEKEEPER_GENERATION $ROLEKEEPER_EXPIRATION"
      read line <"$0"
      exit 3
      """
    let watch = try watch("--exec", "/bin/sh", "-c", script, gate)
    let end = try lab.credential("uploader").expiration
    try eventually("the first run") { lines(watch).contains("run uploader 1 \(end)") }
    try rotate()
    try rotate()
    try eventually("the lines of the rotations") { lines(watch).contains { $0.contains(": generation 3, ") } }
    #expect(lines(watch).count { $0.hasPrefix("run ") } == 1)
    try lab.directory.write("go\n", to: "gate", mode: 0o600)
    try eventually("one more run") { lines(watch).contains { $0.hasPrefix("run uploader 3 ") } }
    #expect(lines(watch).count { $0.hasPrefix("run ") } == 2 && lines(watch).contains("0"))
    #expect(watch.errors == "rolekeeper: '/bin/sh' for generation 1 ended with exit status 3\n")
    try lab.directory.write("go\n", to: "gate", mode: 0o600)
    try eventually("the report of the second run") { watch.errors.contains("generation 3") }
    #expect(watch.stop() == 128 + SIGTERM)
  }

  /// The command ran on alone, and its end was seen by nobody.
  @Test func `a watch of a role that is taken away ends after its command`() throws {
    let gate = lab.directory.path("gate")
    #expect(mkfifo(gate, 0o600) == 0)
    let watch = try watch("--exec", "/bin/sh", "-c", "echo begun; read line <\"$0\"; echo ended", gate)
    try eventually("the run") { lines(watch).contains("begun") }
    lab.draft.roles.removeFirst()
    try lab.writeSettings()
    #expect(try lab.rolekeeper("reload", "--allow-removal").status == 0)
    try eventually("the report") { watch.errors.contains("the watch ends after '/bin/sh' for generation 1") }
    #expect(watch.statusIfEnded == nil)
    try lab.directory.write("go\n", to: "gate", mode: 0o600)
    #expect(watch.wait() == 1 && lines(watch).last == "ended")
    #expect(watch.errors.contains("there is no role 'uploader'"))
  }

  @Test func `a command that can't be run is reported, and the watch goes on`() throws {
    let watch = try watch("--exec", "/nowhere/command")
    try eventually("the report") { watch.errors.contains("cannot run '/nowhere/command': No such file or directory") }
    try rotate()
    try eventually("the next report") { watch.errors.contains("(for generation 2)") }
    #expect(watch.stop() == 128 + SIGTERM)
  }

  /// The printing of a line waited for the reader, and with it every command.
  @Test(arguments: ["1", "2"])
  func `commands run while a stream of the watch isn't read, and its lines come when it is`(stream: String) throws {
    let pipe = try UnreadPipe()
    let runs = lab.directory.path("runs")
    let watch = try ChildProcess(
      ["/bin/sh", "-c", "exec \"$@\" \(stream)>&3 3>&-", "sh", Programs.commandLine, "--socket", lab.draft.socketPath]
        + ["watch", "uploader", "--exec", "/bin/sh", "-c", "echo $ROLEKEEPER_GENERATION >>\"$0\"; exit 3", runs],
      in: lab.directory, descriptors: [pipe.writer], leadsGroup: true)
    pipe.closeWriter()
    try eventually("the first run") { FileText.read(runs) == "1\n" }
    for generation in 2...3 {
      try rotate()
      try eventually("run \(generation)") { FileText.read(runs)?.hasSuffix("\(generation)\n") == true }
    }
    let lines = try pipe.readLines(3)
    let expected = stream == "1" ? "role 'uploader': generation" : "rolekeeper: '/bin/sh' for generation"
    for (line, generation) in zip(lines, 1...3) { #expect(line.contains("\(expected) \(generation)")) }
    #expect(watch.stop() == 128 + SIGTERM)
  }

  @Test func `a signal is passed on to the command and ends the watch after it`() throws {
    let script = "trap 'echo ended; exit 0' TERM; echo begun; while :; do sleep 0.02; done"
    let watch = try watch("--exec", "/bin/sh", "-c", script)
    try eventually("the run") { lines(watch).contains("begun") }
    #expect(watch.stop() == 128 + SIGTERM)
    #expect(lines(watch).last == "ended" && watch.errors.isEmpty)
  }
}
