import Core
import Glibc
import Laboratory
import TestNeeds
import TestSupport
import Testing

/// A daemon that is killed before each system call in turn, of all its threads: files, what is handed over and the next start are whole each time.
///
/// A run may make a call more or fewer than another, as the kernel wakes its threads. So points are tried until three runs in a row come to rest
/// without reaching the next one: those are undisturbed, and have no call that was no point. None of them has to be as long as the longest
/// run of all, which was killed at the last point; up to three more are made as long as none is.
@Suite(.serialized, .needs(.root)) struct CrashPointTests {
  private static let tool =
    "/"
    + (#filePath.split(separator: "/").dropLast(2) + ["Tools", "crash-point.py"])
    .joined(separator: "/")

  /// How a traced run ended.
  private enum Outcome: Equatable {
    /// Before this call.
    case killed(String)
    /// At rest, after so many calls.
    case rested(Int)
  }

  private struct Seen {
    let keyID: String
    let generation: UInt64
  }

  /// The role whose files are looked at, and the names that its file has in turn.
  private static let role = "uploader"
  private static let names = ["credentials.json", "other.json"]

  private static func lab() throws -> Lab {
    try Lab(RealmDraft(lifetime: nil)) { draft in
      draft.roles[0].files = SettingsDraft.Role.file(names[0])
      // No rotation is due by itself before thirteen minutes are over.
      draft.roles[0].times = "duration = \"1h\"\nfloor = \"10min\""
    }
  }

  private static func words(_ report: String, at point: Int) -> [String] {
    ["/usr/bin/python3", tool, "--report", report, "--at", "\(point)"]
  }

  private static func outcome(_ report: String) throws -> Outcome {
    try eventually("\(report)") { FileText.read(report) != nil }
    let words = (FileText.read(report) ?? "").split { $0 == " " || $0 == "\n" }
    unlink(report)
    switch (words.first, words.count) {
    case ("killed", 3): return .killed(String(words[2]))
    case ("calls", 2): return .rested(Int(words[1]) ?? 0)
    default: throw ProgramEnded(name: "crash-point.py", status: 1, errors: words.joined(separator: " "))
    }
  }

  /// The credential that the socket and the file `name` have, which are the same a moment after a start.
  private static func look(_ lab: Lab, _ name: String) throws -> Seen {
    let reply = try lab.daemon.get("/v1/roles/\(role)/credentials")
    let credential = try Credential(reply)
    let directory = "\(lab.draft.directory)/\(role)"
    try eventually("'\(name)' is as current as the socket") {
      FileText.read("\(directory)/\(name)").flatMap { try? Credential(document: $0) }?.keyID == credential.keyID
    }
    try eventually("nothing else is in the directory: \(files(directory))") { files(directory) == [name] }
    return Seen(
      keyID: credential.keyID, generation: try #require(reply.fields["rolekeeper-generation"].flatMap { UInt64($0) }))
  }

  /// What is in a role's directory beside the directories of the current generation and the one before, and the link to the current.
  private static func files(_ directory: String) -> [String] {
    let found = FileNames.read("\(directory)/").filter { $0 != "current" }
    let generations = found.filter { $0.hasPrefix("gen-") }
    return found.filter { generations.count > 2 || !generations.contains($0) }.sorted()
  }

  /// Numbers never go back, nor on by more than what was published in between; the same number is the same credential.
  private static func expect(_ now: Seen, after last: Seen, _ point: Int, _ name: String) {
    #expect(
      now.generation >= last.generation && now.generation <= last.generation + 1, "point \(point), before \(name)")
    if now.generation == last.generation { #expect(now.keyID == last.keyID, "point \(point), before \(name)") }
  }

  // MARK: - A daemon at rest that is given something to do

  /// Counts what the daemon does for `work`, or kills it at a point.
  private static func attached(_ lab: Lab, at point: Int, _ work: () -> Void) throws -> Outcome {
    let report = lab.directory.path("report")
    // Of its own, so that what it writes is all that is in its file.
    let place = try TemporaryDirectory()
    let tool = try ChildProcess(
      words(report, at: point) + ["--pid", "\(lab.daemon.child.pid)"], in: place, named: "tool")
    try eventually("it is traced: \(tool.errors)") { tool.output == "attached\n" }
    work()
    let outcome = try outcome(report)
    tool.wait()
    return outcome
  }

  /// Tries point after point by `attempt`, and looks at what each left by `check`, until there are no more; returns how many there were.
  private static func everyPoint(
    _ title: String, _ attempt: (Int) throws -> Outcome, check: (_ point: Int, _ call: String?) throws -> Void
  ) throws -> Int {
    for point in 1... {
      var calls: [Int] = []
      var reached: String?
      while reached == nil, calls.count < 3 || (calls.count < 6 && calls.max() != point - 1) {
        switch try attempt(point) {
        case .killed(let call): reached = call
        case .rested(let count): calls.append(count)
        }
        try check(point, reached)
      }
      guard reached != nil else {
        print("\(title): \(point - 1) points; \(calls) calls in runs that nobody disturbed")
        // More would mean that a run after a kill does what others don't.
        #expect((calls.max() ?? 0) * 20 >= (point - 1) * 19, "\(title): \(point - 1) points, and \(calls) calls")
        return point - 1
      }
    }
    return 0
  }

  /// Tries all points of `work`, which is given the number of the try; `file` is the name of the role's file then.
  private static func everyPoint(
    _ lab: Lab, _ title: String, file: @escaping (Int) -> String, _ work: (Int) throws -> Void
  ) throws -> Int {
    var tries = 0
    var last = try look(lab, file(tries))
    return try everyPoint(title) { point in
      tries += 1
      return try attached(lab, at: point) { try? work(tries) }
    } check: { point, call in
      // What came to rest is ended, too, so that each try begins alike.
      if call == nil { lab.daemon.child.signal(SIGKILL) }
      lab.daemon.child.wait()
      try lab.startNext(named: "after-\(tries)")
      let now = try look(lab, file(tries))
      expect(now, after: last, point, call ?? "its rest")
      last = now
    }
  }

  @Test func `killed before each system call of a rotation it comes back whole`() throws {
    let lab = try Self.lab()
    try lab.start()
    let points = try Self.everyPoint(lab, "rotation", file: { _ in Self.names[0] }) { _ in
      _ = try lab.daemon.post("/v1/roles/\(Self.role)/refresh")
    }
    #expect(points > 100)
  }

  /// Which gives the file another name, and the role other times and readers.
  @Test func `killed before each system call of a reload it comes back whole`() throws {
    let lab = try Self.lab()
    try lab.start()
    let points = try Self.everyPoint(lab, "reload", file: { Self.names[$0 % 2] }) { number in
      lab.draft.roles[0].files = SettingsDraft.Role.file(Self.names[number % 2])
      lab.draft.roles[0].more = "allow = { users = [0, \(Person.reader + UInt32(number % 2))] }"
      lab.draft.roles[0].times = "duration = \"1h\"\nfloor = \"\(10 + number % 2)min\""
      try lab.writeSettings()
      _ = try lab.daemon.post("/v1/reload")
    }
    #expect(points > 100)
  }

  // MARK: - A start

  @Test func `killed before each system call of a start it hands over what it was handed`() throws {
    let lab = try Self.lab()
    try lab.start()
    var last = try Self.look(lab, Self.names[0])
    let report = lab.directory.path("report")
    var tries = 0
    func attempt(_ point: Int) throws -> Outcome {
      tries += 1
      lab.daemon.child.signal(SIGKILL)
      lab.daemon.child.wait()
      try lab.launchNext(wrapper: Self.words(report, at: point) + ["--"], named: "traced-\(tries)")
      return try Self.outcome(report)
    }
    let points = try Self.everyPoint("start", attempt) { point, call in
      if call == nil { lab.daemon.child.signal(SIGKILL) }
      lab.daemon.child.wait()
      try lab.startNext(named: "after-\(tries)")
      let now = try Self.look(lab, Self.names[0])
      Self.expect(now, after: last, point, call ?? "its rest")
      #expect(
        now.generation == last.generation && now.keyID == last.keyID,
        "nothing was fetched: point \(point), before \(call ?? "its rest"): \(lab.daemon.log)")
      last = now
    }
    #expect(points > 200)
  }
}
