import Core
import Glibc
import Laboratory
import TestNeeds
import TestSupport
import Testing
import Wire

/// Another user's clients that misbehave must cost nobody else anything.
@Suite(.serialized, .needs(.root)) struct HostileTests {
  /// What the reader and the server did in the rounds with and without the others.
  struct Waits {
    /// Waiting times of the reader in microseconds, medians over the rounds: for people, since they are the machine's as much as the server's.
    let quietP99: Double
    let hostileP99: Double
    let hostileLongest: Double
    /// How often the server was found at rest while the reader waited for it.
    let asleep: Double
    /// Credentials that the reader was handed beside the others, and that the others were.
    let reads: Double
    let answers: Double
    /// How long the server ran for a read without the others, and for a read, an answer or a connection of anybody's with them, in ns.
    let quietCost: Double
    let hostileCost: Double

    /// So many requests of the others are answered to one of the reader's.
    var share: Double { answers / reads }
    var cost: Double { hostileCost / quietCost }
  }

  /// A lab whose role Person.reader may read, and whose limits don't end what the test is about.
  private static func lab(lifetime: String?) throws -> Lab {
    let lab = try Lab(RealmDraft(lifetime: lifetime, roles: ["uploader"])) { draft in
      draft.socket = """
        mode = "0660"
        group = \(Person.clients)
        max_connections = 4096
        max_connections_per_uid = 1500
        """
      draft.roles = [
        SettingsDraft.Role("uploader", more: "allow = { users = [\(Person.reader), \(Person.stranger)] }")
      ]
    }
    try lab.start()
    return lab
  }

  private static func hostile(_ ways: [String], _ options: [String], at lab: Lab) throws -> ChildProcess {
    let root = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    return try ChildProcess(
      [
        "/usr/bin/python3", "/\(root)/Tools/hostile.py", "--socket", lab.draft.socketPath, "--server",
        "\(lab.daemon.child.pid)", "--called", "\(lab.emulator.child.pid)", "--gid", "\(Person.clients)", "--reader",
        "\(Person.reader)", "--hostile", "\(Person.stranger)",
      ] + options + ways, in: lab.directory, named: "hostile-\(ways.joined(separator: "-"))")
  }

  private static func measure(_ ways: [String], _ options: [String], at lab: Lab) throws -> Waits {
    let child = try hostile(ways, options, at: lab)
    #expect(child.wait() == 0, "\(child.errors)")
    func figure(_ name: String) throws -> Double {
      let words = child.output.split { " {}:,\"\n".contains($0) }
      let place = try #require(words.lastIndex { $0 == name }, "\(child.output)")
      return Double(words[place + 1])!
    }
    let (reads, answers) = (try figure("hostile_reads"), try figure("hostile_answers"))
    return try Waits(
      quietP99: figure("quiet_p99"), hostileP99: figure("hostile_p99"), hostileLongest: figure("hostile_longest"),
      asleep: figure("asleep"), reads: reads, answers: answers, quietCost: figure("quiet_cpu") / figure("quiet_reads"),
      hostileCost: figure("hostile_cpu") / max(reads + answers, figure("hostile_connections")))
  }

  struct Flood: CustomTestStringConvertible {
    let testDescription: String
    let ways: [String]
    var options: [String] = []
    /// At least so many of the flood's requests are answered, or it was none: how many come in is the kernel's doing.
    let leastAnswers: Double
    /// At most so many of the flood's requests are answered to one of the reader's, or it comes first.
    let greatestShare: Double
  }

  /// Each of the reader's thousands of requests is answered with a credential, none while the server sleeps, and none behind all that the flood
  /// has sent: 64 connections hold some 200,000 requests, of which 4 to 16 were answered to one of its. Nobody's answer costs the server more than one
  /// without the flood: 0.2 to 0.7 of that. None of these figures grows with what else the machine does.
  @Test(arguments: [
    Flood(
      testDescription: "10,000 requests at once on each of 64 connections", ways: ["pipelining:64"], leastAnswers: 1000,
      greatestShare: 60),
    Flood(
      testDescription: "the same beside a lasting connection", ways: ["pipelining:64"], options: ["--lasting"],
      leastAnswers: 1000, greatestShare: 60),
    Flood(
      testDescription: "a connection for each request", ways: ["one_by_one", "one_by_one"], leastAnswers: 100,
      greatestShare: 20),
  ])
  func `beside a flood of one user's another gets every credential it asks for`(_ flood: Flood) throws {
    let lab = try Self.lab(lifetime: nil)
    let waits = try Self.measure(flood.ways, flood.options, at: lab)
    print("\(flood.testDescription): \(waits.share) answers to a read, at \(waits.cost) times the cost, \(waits)")
    #expect(waits.answers >= flood.leastAnswers && waits.share <= flood.greatestShare, "\(waits)")
    #expect(waits.asleep == 0 && waits.cost < 1.5, "\(waits)")
  }

  /// None of these may make anybody wait for something that only time ends: a head's five seconds, an answer's ten.
  @Test(arguments: ["stalled:1000", "trickling:64", "never_reading:64", "vanishing:1"])
  func `clients that stall, trickle, never read or vanish hold up nobody`(way: String) throws {
    let lab = try Self.lab(lifetime: nil)
    let waits = try Self.measure([way], ["--rounds", "3"], at: lab)
    print("\(way): at \(waits.cost) times the cost, \(waits)")
    // What they leave behind is answered, too, 4000 connections of them at the most; costs were 0.4 to 1.5.
    #expect(waits.asleep == 0 && waits.share < 1000 && waits.cost < 3, "\(waits)")
    // Nothing of it stays.
    try eventually("the connections are gone") {
      try lab.daemon.get("/metrics").body.contains("rolekeeper_connections 1\n")
    }
  }

  /// All of them at once, and over two lifetimes nobody else is refused, kept waiting, or handed anything that STS refuses.
  @Test func `beside all of these two lifetimes pass, and each credential that is read is good`() throws {
    let lab = try Self.lab(lifetime: "5s")
    let events = try lab.daemon.events()
    let others = try Self.hostile(
      ["stalled:1000", "trickling:64", "never_reading:64", "pipelining:32", "one_by_one", "vanishing:1"],
      ["--rounds", "1000"], at: lab)
    let reader = try Reader(of: ["uploader"], at: lab)
    let start = try lab.awaitUse()
    while ContinuousClock.now - start < .seconds(11) {
      #expect(try lab.await(events) { $0.kind == .rotated }.state == .valid)
    }
    let findings = try reader.finish()
    #expect(findings.areFlawless(for: 10), "\(findings)")
    #expect(others.statusIfEnded == nil, "\(others.errors)")
    others.signal(SIGTERM)
    others.wait()
    let arrivals = try lab.emulator.arrivals(of: "uploader")
    let steps = zip(arrivals, arrivals.dropFirst()).map { Double($1 - $0) / 1e6 }
    #expect(steps.allSatisfy { $0 < 2.5 }, "a step is 1.25 s: \(steps)")
    let figures = try lab.daemon.get("/metrics").body
    #expect(!figures.contains("reason=\"slow_request\"} 0\n"), "the others were there")
    #expect(
      !lab.daemon.logLines("refused", "reason=slow_request", "uid=\(Person.stranger)").isEmpty, "the log names them")
  }
}

/// Descriptors as a limit of the process: neither a busy loop nor a missed refresh, and an end without anybody's help.
@Suite(.serialized, .needs(.root)) struct DescriptorTests {
  private func processorSeconds(_ pid: Int32) throws -> Double {
    let text = try #require(FileText.read("/proc/\(pid)/stat"))
    let fields = text.split(separator: ")").last!.split(separator: " ")
    return (Double(fields[11])! + Double(fields[12])!) / Double(sysconf(CInt(_SC_CLK_TCK)))
  }

  /// `limit` as prlimit(1) takes it.
  private func descriptorLimit(_ pid: Int32, _ limit: String) throws {
    let run = try ChildProcess.run(["/usr/bin/prlimit", "--pid", "\(pid)", "--nofile=\(limit)"])
    #expect(run.status == 0, "\(run.errors)")
  }

  @Test func `clients that hold on to all connections keep no refresh from its descriptors`() throws {
    let users = (0..<4).map { Person.stranger + 100 + UInt32($0) }
    let lab = try Lab(RealmDraft(lifetime: "5s")) { draft in
      draft.socket = "mode = \"0660\"\ngroup = \(Person.clients)"
      draft.roles[0].files = SettingsDraft.Role.file("credentials.json")
    }
    let daemon = try lab.start(wrapper: ["/usr/bin/prlimit", "--nofile=128:128"])
    let phrase = "warning: the descriptor limit allows fewer connections than 'max_connections'"
    #expect(daemon.logLines(phrase, "LimitNOFILE=").count == 1)
    let script = """
      import socket, sys, time
      held = []
      while True:
        while len(held) < 60:
          s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.setblocking(False); held.append(s)
        time.sleep(0.05)
        for s in list(held):
          try:
            if not s.recv(4096): raise OSError
          except BlockingIOError: pass
          except OSError: held.remove(s); s.close()
      """
    let hogs = try users.map { uid in
      try ChildProcess(
        Person.words(uid) + ["/usr/bin/python3", "-c", script, lab.draft.socketPath], in: lab.directory,
        named: "hog-\(uid)")
    }
    try eventually("the connections are all taken") {
      try !daemon.get("/metrics").body.contains("refusals_total{reason=\"connections\"} 0\n")
    }
    // Ours is a privileged user, for whom some connections are kept.
    let reader = try Reader(
      of: ["uploader", "reports"], files: ["\(lab.draft.directory)/uploader/credentials.json"], at: lab)
    let events = try daemon.events()
    let start = try lab.awaitUse()
    while ContinuousClock.now - start < .seconds(11) {
      #expect(try lab.await(events) { $0.kind == .rotated }.state == .valid)
    }
    let findings = try reader.finish()
    #expect(findings.areFlawless(for: 10), "\(findings)")
    #expect(daemon.logLines("refresh failed").isEmpty && daemon.logLines("file not written").isEmpty, "\(daemon.log)")
    #expect(daemon.logLines("accept paused").isEmpty, "accepting never ran out of descriptors itself")
    for hog in hogs { hog.stop() }
    try eventually("everybody is let in again") {
      try lab.ask("/healthz", as: Person.reader).status == 200
    }
  }

  @Test func `with no descriptor left new clients wait, the loop rests, and it goes on when there are some`() throws {
    let lab = try Lab(RealmDraft(lifetime: "8s")) { draft in
      draft.roles[0].files = SettingsDraft.Role.file("credentials.json")
    }
    let daemon = try lab.start()
    let pid = daemon.child.pid
    let events = try daemon.events()
    let open = try StreamConnection(unix: lab.draft.socketPath)
    let reader = try Reader(
      of: ["uploader", "reports"], files: ["\(lab.draft.directory)/uploader/credentials.json"], at: lab)
    let start = try lab.awaitUse()
    for _ in 0..<2 { try lab.await(events) { $0.kind == .rotated } }
    for _ in 0..<2 {
      try descriptorLimit(pid, "3:")
      let before = try processorSeconds(pid)
      let dry = try seconds {
        // Who is connected is served all the while.
        try eventually("accepting is put off") {
          try open.request("GET", "/v1/roles/uploader/credentials")
          _ = try Credential(try open.readReply())
          return !daemon.logLines("accept paused").isEmpty
        }
        for _ in 0..<40 {
          try open.request("GET", "/v1/roles/reports/credentials")
          _ = try Credential(try open.readReply())
          usleep(50_000)
        }
      }
      let used = try processorSeconds(pid) - before
      #expect(used < 0.3 * dry + 0.1, "it worked for \(used) s of \(dry) s")
      try descriptorLimit(pid, "1024:")
      for role in ["uploader", "reports"] {
        try lab.await(events) { $0.role == role && $0.kind == .rotated }
      }
    }
    let end = ContinuousClock.now
    while ContinuousClock.now - end < .seconds(8) || ContinuousClock.now - start < .seconds(17) {
      try lab.await(events) { $0.kind == .rotated }
    }
    let findings = try reader.finish()
    #expect(findings.areFlawless(for: 16), "\(findings)")
    #expect(daemon.logLines("accept paused").count == 1, "reported once")
    let current = try lab.credential("uploader").keyID
    try eventually("the file is up to date") {
      FileText.read("\(lab.draft.directory)/uploader/credentials.json")?.contains(current) == true
    }
  }
}
