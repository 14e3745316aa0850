import Glibc
import Laboratory
import TestSupport
import Testing

/// A daemon that ends at any moment without a word, as the OOM killer would have it.
@Suite(.serialized) struct KillTests {
  struct Case: CustomTestStringConvertible {
    let testDescription: String
    /// Where the files are.
    let parent: String
    let seed: UInt64
  }

  static let kills = 100
  /// In seconds. What a killed daemon left serves until the next one has written, which each third gets to.
  static let lifetime = 15

  /// Twice a hundred, and for two lifetimes each: files in memory are written by the loop, files on a disk by the worker.
  @Test(arguments: [
    Case(testDescription: "in memory", parent: "/dev/shm", seed: 1),
    Case(testDescription: "on a disk", parent: "/tmp", seed: 2),
  ])
  func `killed a hundred times at any moment, it never leaves a torn file or generation`(_ row: Case) throws {
    let place = try TemporaryDirectory(in: row.parent)
    let elsewhere = place.path("elsewhere.json")
    let lab = try Lab(RealmDraft(lifetime: "\(Self.lifetime)s")) { draft in
      draft.directory = place.path("roles")
      draft.level = "error"
      draft.roles[0].files = """
        path = "credentials.json"
        [[roles.uploader.files]]
        path = "credentials.env"
        format = "env"
        """
      draft.roles[1].files = SettingsDraft.Role.file(elsewhere)
    }
    let home = "\(lab.draft.directory)/uploader"
    // A slow start mustn't make a hundred of them last for minutes.
    let took = min(try seconds { try lab.start() }, 0.5)
    let checker = FileChecker(.init(home: home, elsewhere: elsewhere, uid: geteuid(), mode: 0o400))
    let reader = try Reader(of: [], files: ["\(home)/credentials.json", elsewhere], at: lab)
    let start = try lab.awaitUse()

    var chance = SeededGenerator(seed: row.seed)
    var kills = 0
    while kills < Self.kills || ContinuousClock.now - start < .seconds(2 * Self.lifetime + 1) {
      defer { kills += 1 }
      let daemon = try lab.launch(named: "daemon-\(kills)")
      // Now and then it gets on to its files for sure, however slow this machine is.
      if kills % 3 == 2 { try daemon.awaitReady() }
      // The moment is the point: any from the start to twice the time that it takes to be ready.
      usleep(UInt32.random(in: 0..<UInt32(took * 2e6), using: &chance))
      daemon.child.signal(SIGKILL)
      #expect(daemon.child.wait() == 128 + SIGKILL)
    }
    try lab.start(named: "last")
    let findings = try reader.finish()
    let (looks, generations, faults) = checker.stop()
    print(
      "\(row.testDescription): \(looks) looks, \(kills) kills, \(generations) generations, a start took \(took) s: \(findings)"
    )
    #expect(faults.isEmpty, "seed \(row.seed), \(looks) looks: \(faults)")
    #expect(findings.areFlawless(for: Double(2 * Self.lifetime)), "seed \(row.seed): \(findings)")
    // The storm did hit the writing, and the checker saw it.
    #expect(looks > 1000 && generations > Self.kills / 10, "\(looks) looks, \(generations) generations")

    let current = try #require(FileChecker.target("\(home)/current"))
    let names = try ChildProcess.run(["/bin/ls", "-A", home]).output.split(separator: "\n").map(String.init)
    let others = Set(names).subtracting(["credentials.json", "credentials.env", "current", current])
    #expect(others.count <= 1 && others.allSatisfy { $0.hasPrefix("gen-") }, "left over: \(others)")
    let around = try ChildProcess.run(["/bin/ls", "-A", place.path]).output
    #expect(around == ".elsewhere.json.rolekeeper-expires\nelsewhere.json\nroles\n")
  }

  /// It aborted once, since what was on its way to the disk asked for what had gone already.
  @Test func `when it is stopped at any moment while it writes to a disk, it ends cleanly`() throws {
    let place = try TemporaryDirectory(in: "/tmp")
    let lab = try Lab(RealmDraft(lifetime: nil)) { draft in
      draft.directory = place.path("roles")
      draft.roles[0].files = SettingsDraft.Role.file("credentials.json")
      draft.roles[1].files = SettingsDraft.Role.file(place.path("elsewhere.json"))
    }
    var chance = SeededGenerator(seed: 3)
    for round in 0..<40 {
      let daemon = try lab.start(named: "daemon-\(round)")
      try lab.refresh(["uploader", "reports"])
      usleep(UInt32.random(in: 0..<20_000, using: &chance))
      let status = daemon.child.stop()
      #expect(status == 0, "round \(round): \(daemon.log)")
    }
  }
}
