import Glibc
import Laboratory
import TestSupport
import Testing

/// A daemon that ends at any moment without a word, as the OOM killer would have it.
@Suite(.serialized) struct KillTests {
  /// A seeded sequence, so that a run can be had again.
  struct Chance: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      // SplitMix64, by Sebastiano Vigna (public domain).
      state &+= 0x9e37_79b9_7f4a_7c15
      var mixed = state
      mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
      return mixed ^ (mixed >> 31)
    }
  }

  struct Case: CustomTestStringConvertible {
    let testDescription: String
    /// Where the files are.
    let parent: String
    let seed: UInt64
  }

  static let kills = 100
  static let lifetimeSeconds = 10

  /// Twice a hundred: files in memory are written by the loop, files on a disk by the worker.
  @Test(arguments: [
    Case(testDescription: "in memory", parent: "/dev/shm", seed: 1),
    Case(testDescription: "on a disk", parent: "/tmp", seed: 2),
  ])
  func `killed a hundred times at any moment, it never leaves a torn file or generation`(_ row: Case) throws {
    let place = try TemporaryDirectory(in: row.parent)
    let elsewhere = place.path("elsewhere.json")
    let lab = try Lab(RealmDraft(lifetime: "\(Self.lifetimeSeconds)s")) { draft in
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
    // No more of a slow start than leaves many of them to a session's life.
    let took = min(try seconds { try lab.start() }, 0.25)
    let checker = FileChecker(.init(home: home, elsewhere: elsewhere, uid: geteuid(), mode: 0o400))
    let reader = try Reader(of: [], files: ["\(home)/credentials.json", elsewhere], at: lab)

    var chance = Chance(state: row.seed)
    let start = ContinuousClock.now
    var kills = 0
    while kills < Self.kills || ContinuousClock.now - start < .seconds(2 * Self.lifetimeSeconds + 1) {
      let daemon = try lab.launch(named: "daemon-\(kills)")
      // Now and then it gets on to its files for sure, however slow this machine is.
      if kills % 3 == 2 { try daemon.awaitReady() }
      // The moment is the point: any from the start to twice the time that it takes to be ready.
      usleep(UInt32.random(in: 0..<UInt32(took * 2e6), using: &chance))
      daemon.child.signal(SIGKILL)
      #expect(daemon.child.wait() == 128 + SIGKILL)
      kills += 1
    }
    try lab.start(named: "last")
    let (status, summary) = reader.stop()
    let (looks, generations, faults) = checker.stop()
    #expect(faults.isEmpty, "seed \(row.seed), \(looks) looks: \(faults)")
    #expect(status == 0, "seed \(row.seed): \(summary)")
    #expect(summary.contains("\"faults\": 0"), "\(summary)")
    // The storm did hit the writing, and the checker saw it.
    #expect(looks > 1000 && generations > Self.kills / 10, "\(looks) looks, \(generations) generations")

    let current = try #require(FileChecker.target("\(home)/current"))
    let names = try ChildProcess.run(["/bin/ls", "-A", home]).output.split(separator: "\n").map(String.init)
    let others = Set(names).subtracting(["credentials.json", "credentials.env", "current", current])
    #expect(others.count <= 1 && others.allSatisfy { $0.hasPrefix("gen-") }, "left over: \(others)")
    let around = try ChildProcess.run(["/bin/ls", "-A", place.path]).output
    #expect(around == "elsewhere.json\nroles\n")
  }
}
