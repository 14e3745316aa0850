import Glibc
import Laboratory
import TestSupport
import Testing
import Wire

/// What a file, a pipe, a terminal or a stray kill can send, and the streams that whoever started a program left closed.
@Suite(.serialized) struct StraySignalTests {
  /// The numbers of signal(7) on x86 and ARM.
  private static let stray: [CInt] =
    [SIGPIPE, SIGALRM, SIGVTALRM, SIGPROF, SIGXFSZ, SIGIO, SIGUSR1, SIGUSR2, SIGPWR, SIGTTIN, SIGTTOU, 16]
    + Array(34...64)

  @Test func `no stray signal ends or stops the daemon`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let daemon = try lab.start()
    for number in Self.stray {
      daemon.child.signal(number)
      #expect(try daemon.get("/healthz").status == 200, "signal \(number)")
      #expect(daemon.child.statusIfEnded == nil, "signal \(number)")
    }
    #expect(daemon.child.stop() == 0)
  }

  /// Timers survive execve(2): one of whoever started the daemon ended it.
  @Test func `a timer that whoever started it has set doesn't end the daemon`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let daemon = try lab.start(wrapper: [
      "/usr/bin/python3", "-c",
      "import os, signal, sys; signal.setitimer(signal.ITIMER_REAL, 0.5, 0.01); os.execv(sys.argv[1], sys.argv[1:])",
    ])
    try watch(for: .seconds(1), since: ContinuousClock.now)
    #expect(try daemon.get("/healthz").status == 200)
  }

  /// SIGXFSZ ended it as soon as it wrote a credential.
  @Test func `a limit of file size below an output's is an error of that output, and the socket goes on`() throws {
    let memory = try TemporaryDirectory(in: "/dev/shm")
    let lab = try Lab(RealmDraft(lifetime: nil))
    // One on a disk, which the worker writes, and one in memory, which the loop does.
    lab.draft.roles[0].files = SettingsDraft.Role.file("credentials.json")
    lab.draft.roles[1].files = SettingsDraft.Role.file(memory.path("credentials.json"))
    try lab.writeSettings()
    // Its log would go to a file, which has a size, too.
    let daemon = try lab.launch(wrapper: [
      "/bin/sh", "-c", "ulimit -f 0; exec \"$@\" 2>/dev/null", "sh",
    ])
    try daemon.awaitReady()
    for role in ["uploader", "reports"] {
      _ = try lab.credential(role)
      let output = try #require(try lab.status(role).outputs.first)
      #expect(output.generation == nil, "\(role)")
      let error = try #require(output.lastError, "\(role)")
      #expect(error.contains("File too large") && error.contains("LimitFSIZE="), "\(error)")
    }
    #expect(try daemon.post("/v1/roles/reports/refresh").status == 202)
    try eventually("it goes on") { try lab.status("reports").generation == 2 }
  }

  @Test func `get into a file at the limit of file size says so`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.start()
    // Standard error is a file here, too; what is written to it goes over a pipe.
    let run = try ChildProcess.run([
      "/bin/sh", "-c", "{ (ulimit -f 0; \"$1\" --socket \"$2\" get uploader 2>&1 >\"$3\"; echo \"status $?\") | cat; }",
      "sh",
      Programs.commandLine, lab.draft.socketPath, lab.directory.path("full"),
    ])
    #expect(run.output.contains("cannot write to stdout: File too large") && run.output.contains("status 1"), "\(run)")
  }

  /// The first descriptor opened took the number of standard error, and log lines went into it.
  @Test func `closed standard streams are the null device, in the daemon and the command line`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let daemon = try lab.start(wrapper: ["/bin/sh", "-c", "exec \"$@\" <&- >&- 2>&-", "sh"])
    for number in 0...2 {
      var target = [CChar](repeating: 0, count: 256)
      let count = readlink("/proc/\(daemon.child.pid)/fd/\(number)", &target, 255)
      #expect(
        count > 0 && String(decoding: target.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self) == "/dev/null")
    }
    _ = try lab.credential("uploader")
    // Its stdout's number was the socket's: the credential went to the daemon, with status 0.
    let get = try ChildProcess.run([
      "/bin/sh", "-c", "exec \"$@\" >&-", "sh", Programs.commandLine, "--socket", lab.draft.socketPath, "get",
      "uploader",
    ])
    #expect(get.status == 1 && get.errors.contains("cannot write to stdout"), "\(get)")
    let all = try ChildProcess.run([
      "/bin/sh", "-c", "exec \"$@\" <&- >&- 2>&-", "sh", Programs.commandLine, "--socket", lab.draft.socketPath, "get",
      "uploader",
    ])
    #expect(all.status == 1)
  }
}
