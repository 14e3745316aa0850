import Core
import Glibc
import Laboratory
import TestSupport
import Testing
import Wire

/// `rolekeeper exec` beside a real daemon.
@Suite(.serialized) struct ExecCommandTests {
  private static let path = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]

  /// Ends a script of a command that runs until a signal's trap ends it: a shell runs a trap when the program in front has ended.
  private static let runOn = "while :; do sleep 0.02; done"

  private let lab: Lab

  init() throws {
    lab = try Lab(RealmDraft(lifetime: nil))
    try lab.start()
    mkdir(runtimeDirectory, 0o700)
  }

  private var runtimeDirectory: String { lab.directory.path("runtime") }

  private func words(_ options: [String], _ command: [String]) -> [String] {
    [Programs.commandLine, "--socket", lab.draft.socketPath, "exec", "uploader"] + options + ["--"] + command
  }

  private func exec(_ options: String..., script: String, named name: String = "exec") throws -> ChildProcess {
    try ChildProcess(
      words(options, ["/bin/sh", "-c", script]),
      environment: Self.path.merging(["XDG_RUNTIME_DIR": runtimeDirectory]) { $1 }, in: lab.directory, named: name,
      leadsGroup: true)
  }

  private func run(
    _ options: [String] = [], _ command: String..., environment: [String: String] = [:]
  ) throws -> (status: CInt, output: String, errors: String) {
    try ChildProcess.run(words(options, command), environment: Self.path.merging(environment) { $1 })
  }

  private func rotate() throws {
    let before = try lab.status("uploader").generation
    #expect(try lab.rolekeeper("refresh", "uploader").status == 0)
    try eventually("the rotation") { try lab.status("uploader").generation > before }
  }

  private func lines(_ child: ChildProcess) -> [String] { child.output.split(separator: "\n").map(String.init) }

  /// The directories of exec's files that are left.
  private var leftDirectories: [String] { FileNames.read(runtimeDirectory) }

  // MARK: - Variables

  @Test func `the command has the credential's variables, and none of another credential`() throws {
    let leftovers = [
      "ALIBABA_CLOUD_SECURITY_TOKEN": "old", "ALIYUN_ACCESS_KEY_ID": "old", "ALIYUN_ACCESS_KEY_SECRET": "old",
      "ALIBABACLOUD_ACCESS_KEY_ID": "old", "ALICLOUD_SECRET_KEY": "old", "OSS_ACCESS_KEY_ID": "old",
      "ODPS_STS_ACCOUNT_FILE": "old", "ALIBABA_CLOUD_PROFILE": "old", "ALIBABA_CLOUD_CREDENTIALS_URI": "old",
    ]
    for options in [[], ["--end-before-expiry"]] {
      let run = try run(options, "/usr/bin/env", environment: leftovers.merging(["KEPT": "yes"]) { $1 })
      let credential = try lab.credential("uploader")
      #expect(run.status == 0 && run.errors.isEmpty)
      let variables = Set(run.output.split(separator: "\n").map(String.init))
      let expected: Set = [
        "ALIBABA_CLOUD_ACCESS_KEY_ID=\(credential.keyID)", "ALIBABA_CLOUD_ACCESS_KEY_SECRET=\(credential.secret)",
        "ALIBABA_CLOUD_SECURITY_TOKEN=\(credential.token)", "OSS_ACCESS_KEY_ID=\(credential.keyID)",
        "OSS_ACCESS_KEY_SECRET=\(credential.secret)", "OSS_SESSION_TOKEN=\(credential.token)",
        "ROLEKEEPER_EXPIRATION=\(credential.expiration)", "ROLEKEEPER_ROLE=uploader", "ROLEKEEPER_GENERATION=1",
        "KEPT=yes", "PATH=\(Self.path["PATH"]!)",
      ]
      #expect(variables == expected)
    }
  }

  @Test func `with nothing left to do, the process becomes the command`() throws {
    let child = try exec(script: "echo $$")
    #expect(child.wait() == 0)
    #expect(lines(child) == ["\(child.pid)"])
  }

  @Test(arguments: [[], ["--format", "json"], ["--renew", "restart"]])
  func `the exit status is the command's`(options: [String]) throws {
    #expect(try run(options, "/bin/true").status == 0)
    #expect(try run(options, "/bin/sh", "-c", "exit 7").status == 7)
    #expect(try run(options, "/bin/sh", "-c", "kill -KILL $$").status == 137)
    let unknown = try run(options, "no-such-command")
    #expect(unknown.status == 127)
    #expect(unknown.errors == "rolekeeper: cannot run 'no-such-command': No such file or directory\n")
    let forbidden = try run(options, try lab.directory.write("x", to: "plain"))
    #expect(forbidden.status == 126 && forbidden.errors.contains("Permission denied"))
  }

  /// For a service manager SIGTERM is a clean end, and exit status 143 a failure.
  @Test(arguments: [[], ["--format", "json"]], [SIGTERM, SIGKILL, SIGQUIT, SIGUSR1])
  func `exec ends by the signal that ends the command`(options: [String], number: CInt) throws {
    let script = "import subprocess, sys; print(subprocess.run(sys.argv[1:]).returncode)"
    let command = words(options, ["/bin/sh", "-c", "kill -\(number) $$"])
    let run = try ChildProcess.run(
      ["/usr/bin/python3", "-c", script] + command,
      environment: Self.path.merging(["XDG_RUNTIME_DIR": runtimeDirectory]) { $1 })
    #expect(run.output == "-\(number)\n" && leftDirectories.isEmpty, "\(run)")
  }

  @Test func `the command ignores and blocks the same signals, whatever is beside it`() throws {
    let plain = try run([], "/bin/grep", "^Sig[BI]", "/proc/self/status")
    let beside = try run(["--format", "json"], "/bin/grep", "^Sig[BI]", "/proc/self/status")
    #expect(plain.status == 0 && plain.output.contains("SigIgn:") && plain.output == beside.output)
  }

  @Test func `without a session in time nothing runs, and the status is that of get`() throws {
    let mark = lab.directory.path("ran")
    let other = try Lab(RealmDraft(lifetime: nil))
    try other.emulator.fault("kind=error&status=503", role: "uploader")
    try other.start()
    let late = try other.rolekeeper("exec", "uploader", "--wait", "1s", "--", "/usr/bin/touch", mark)
    #expect(late.status == 4 && late.errors.contains("try again in "), "\(late.errors)")
    #expect(access(mark, F_OK) != 0)
    #expect(try lab.rolekeeper("exec", "nobody", "--", "/usr/bin/touch", mark).status == 1)
    let never = try lab.rolekeeper("exec", "uploader", "--min-ttl", "3h", "--", "/usr/bin/touch", mark)
    #expect(never.status == 1 && never.errors.contains("'--min-ttl' is 3h"))
    #expect(access(mark, F_OK) != 0)
  }

  @Test func `the command keeps stdin, and its own arguments byte for byte`() throws {
    let run = try ChildProcess.run([
      "/bin/sh", "-c",
      #"printf 'in' | "$1" --socket "$2" exec uploader -- sh -c 'cat; printf "%s" "$1" | od -An -tx1' sh "$(printf '\377x')""#,
      "sh", Programs.commandLine, lab.draft.socketPath,
    ])
    #expect(run.output == "in ff 78\n" && run.status == 0, "\(run)")
  }

  // MARK: - A file

  @Test func `another format is in a private file, which is gone afterwards`() throws {
    let child = try exec(
      "--format", "json",
      script: """
        stat -c %a "$ROLEKEEPER_CREDENTIALS_FILE" "$(dirname "$ROLEKEEPER_CREDENTIALS_FILE")"
        cat "$ROLEKEEPER_CREDENTIALS_FILE"
        env | grep -c -e SECRET -e TOKEN
        """)
    #expect(child.wait() == 1, "grep has found none")
    #expect(lines(child).count == 4 && lines(child).prefix(2) == ["400", "700"] && lines(child).last == "0")
    #expect(try Credential(document: lines(child)[2]).keyID == lab.credential("uploader").keyID)
    #expect(leftDirectories.isEmpty)
  }

  @Test func `the file can be made from a template, and follows the rotations`() throws {
    let template = try lab.directory.write("id={{access_key_id}}\n", to: "template")
    let child = try exec(
      "--template", template, "--renew", "signal=HUP",
      script: """
        trap 'cat "$ROLEKEEPER_CREDENTIALS_FILE"; exit 5' HUP
        cat "$ROLEKEEPER_CREDENTIALS_FILE"
        \(Self.runOn)
        """)
    try eventually("the command runs") { lines(child).count == 1 }
    #expect(try lines(child) == ["id=\(lab.credential("uploader").keyID)"])
    try rotate()
    #expect(child.wait() == 5 && leftDirectories.isEmpty)
    #expect(try lines(child).last == "id=\(lab.credential("uploader").keyID)")
    let wrong = try run(["--template", lab.directory.write("{{nothing}}", to: "wrong")], "/bin/true")
    #expect(wrong.status == 1 && wrong.errors.contains("there is no such field"), "\(wrong)")
  }

  @Test func `a runtime directory that others may use isn't used`() throws {
    let shared = lab.directory.path("shared")
    mkdir(shared, 0o755)
    chmod(shared, 0o755)
    let run = try run(
      ["--format", "json"], "/bin/sh", "-c", "echo $ROLEKEEPER_CREDENTIALS_FILE",
      environment: ["XDG_RUNTIME_DIR": shared])
    #expect(run.output.hasPrefix("/tmp/rolekeeper-"))
  }

  @Test func `after a rotation the file has the new session, and the command is sent the signal`() throws {
    let child = try exec(
      "--format", "json", "--renew", "signal=HUP",
      script: """
        trap 'cat "$ROLEKEEPER_CREDENTIALS_FILE"; exit 5' HUP
        cat "$ROLEKEEPER_CREDENTIALS_FILE"
        \(Self.runOn)
        """)
    try eventually("the command runs") { lines(child).count == 1 }
    try rotate()
    #expect(child.wait() == 5)
    let ids = try lines(child).map { try Credential(document: $0).keyID }
    #expect(ids.count == 2 && ids[0] != ids[1])
    #expect(try ids[1] == lab.credential("uploader").keyID)
    #expect(leftDirectories.isEmpty && child.errors.isEmpty)
  }

  /// The report killed exec where nobody read its stderr any more: the command ran on alone, and the file stayed.
  @Test(arguments: ["read", "gone", "full"])
  func `a file that can't be written is reported once and tried again, read or not`(reader: String) throws {
    let isRead = reader == "read"
    let pipe = try UnreadPipe()
    if reader == "gone" { pipe.closeReader() }
    let child = try ChildProcess(
      ["/bin/sh", "-c", isRead ? #"exec "$@""# : #"exec "$@" 2>&3 3>&-"#, "sh"]
        + words(
          ["--format", "json", "--renew", "signal=USR1"],
          [
            "/bin/sh", "-c",
            #"trap 'cat "$F"; exit 5' USR1; F="$ROLEKEEPER_CREDENTIALS_FILE"; rm -r "${F%/*}"; echo "$F"; \#(Self.runOn)"#,
          ]),
      environment: Self.path.merging(["XDG_RUNTIME_DIR": runtimeDirectory]) { $1 }, in: lab.directory,
      descriptors: [pipe.writer])
    pipe.closeWriter()
    try eventually("the command runs") { lines(child).count == 1 }
    try rotate()
    let generation = try lab.status("uploader").generation
    try eventually("the session is fetched") {
      lab.daemon.logLines("credential handed out", "generation=\(generation) ", "pid=\(child.pid) ").count == 1
    }
    if isRead { try eventually("the report") { child.errors.contains("cannot write '\(lines(child)[0]).new'") } }
    mkdir(String(lines(child)[0].dropLast("/credentials".utf8.count)), 0o700)
    #expect(child.wait() == 5, "\(child.errors)")
    let document = try #require(lines(child).dropFirst().first)
    #expect(try Credential(document: document).keyID == lab.credential("uploader").keyID)
    #expect(child.errors.split(separator: "\n").count == (isRead ? 1 : 0) && leftDirectories.isEmpty)
  }

  // MARK: - The process beside the command

  @Test func `after a rotation the command is ended and started with the new session`() throws {
    let child = try exec(
      "--renew", "restart",
      script: "trap 'exit 0' TERM; echo $ALIBABA_CLOUD_ACCESS_KEY_ID; \(Self.runOn)")
    try eventually("the command runs") { lines(child).count == 1 }
    try rotate()
    try eventually("it runs again") { lines(child).count == 2 }
    #expect(lines(child)[0] != lines(child)[1])
    #expect(try lines(child)[1] == lab.credential("uploader").keyID)
    #expect(child.stop() == 0 && child.errors.isEmpty, "it isn't started once more")
    #expect(lines(child).count == 2)
  }

  @Test(arguments: [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGALRM, SIGXCPU, SIGPROF, 40])
  func `a signal is passed on to the command, which decides`(number: CInt) throws {
    let child = try exec(
      "--format", "json", script: "trap 'exit 9' \(number); echo ready; \(Self.runOn)")
    try eventually("the command runs") { lines(child) == ["ready"] }
    child.signal(number)
    #expect(child.wait() == 9)
    #expect(leftDirectories.isEmpty)
  }

  @Test func `when the command is stopped both stop, and both go on`() throws {
    let child = try exec(
      "--format", "json",
      script: "trap 'echo on' CONT; trap 'exit 6' TERM; echo $$; \(Self.runOn)")
    try eventually("the command runs") { lines(child).count == 1 }
    let command = try #require(Int32(lines(child)[0]))
    child.signal(SIGTSTP)
    try eventually("both are stopped") { Self.state(child.pid) == "T" && Self.state(command) == "T" }
    child.signal(SIGCONT)
    try eventually("the command goes on") { lines(child).contains("on") }
    child.signal(SIGTERM)
    #expect(child.wait() == 6)
  }

  /// The state of a process as in proc(5); nil if it is gone.
  private static func state(_ pid: Int32) -> Substring? {
    FileText.read("/proc/\(pid)/stat")?.split(separator: ") ").last?.split(separator: " ").first
  }

  @Test func `the process beside the command shows no secret in its arguments, environment and errors`() throws {
    let child = try exec("--renew", "restart", script: "trap 'exit 0' TERM; echo ready; \(Self.runOn)")
    try eventually("the command runs") { lines(child) == ["ready"] }
    let credential = try lab.credential("uploader")
    for file in ["cmdline", "environ"] {
      let text = try #require(FileText.read("/proc/\(child.pid)/\(file)"))
      #expect(!text.isEmpty && !text.contains(credential.secret) && !text.contains(credential.token))
    }
    #expect(child.stop() == 0 && child.errors.isEmpty)
  }

  @Test func `the command goes on over a restart of the daemon and then follows its sessions`() throws {
    let child = try exec(
      "--format", "json", "--renew", "signal=USR1",
      script: "trap 'exit 5' USR1; echo ready; \(Self.runOn)")
    try eventually("the command runs") { lines(child) == ["ready"] }
    lab.daemon.child.stop()
    try lab.start(named: "second")
    // If it takes long, a line says that the daemon is still tried.
    #expect(child.wait() == 5)
  }

  @Test func `the command is ended before its session expires, with a status of its own`() throws {
    let short = try Lab(RealmDraft(lifetime: "5s"))
    try short.start()
    let run = try short.rolekeeper(
      "exec", "uploader", "--end-before-expiry", "--", "/bin/sh", "-c",
      "trap 'echo ended; date -u +%FT%TZ; exit 0' TERM; echo $ROLEKEEPER_EXPIRATION; \(Self.runOn)")
    #expect(run.status == 124 && run.errors.isEmpty, "\(run.errors)")
    let lines = run.output.split(separator: "\n")
    #expect(lines.count == 3 && lines[1] == "ended")
    // Not later than the session, of whose last second half is kept.
    #expect(try #require(UTCTime(lines[2])) <= #require(UTCTime(lines[0])))
  }
}
