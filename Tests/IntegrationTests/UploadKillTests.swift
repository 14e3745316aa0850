import Glibc
import Laboratory
import TestSupport
import Testing

/// vod-upload killed (SIGKILL) at any moment, and at every fsync of its journal: what the next run makes of it.
@Suite(.serialized) struct UploadKillTests {
  /// A kill, what the journal said then, and what the next run said.
  struct Round: Sendable {
    /// Such as `after 90 ms`.
    let moment: String
    /// Whose completion may have been sent.
    let completing: Set<String>
    let status: CInt
    let rows: [UploadProcess.Row]
    let intact: Set<String>
    let errors: String

    func paths(_ status: String) -> Set<String> { Set(rows.filter { $0.status == status }.map(\.path)) }
  }

  struct Storm: Sendable {
    var rounds: [Round] = []
    var videos: [EmulatorProcess.Video] = []
    /// Of runs that ended before they were killed.
    var unkilledVideos = 0
    var overwrites = 0
    /// The most upload ids under which parts of one object were sent.
    var uploadIDs = 0
    /// How many of the kills were at a sync.
    var syncs = 0

    func count(_ status: String) -> Int { rounds.reduce(0) { $0 + $1.paths(status).count } }
  }

  static let kills = 100
  /// What OSS has carried out when a run is killed that waits for its answer: few random moments are such.
  static let lostAnswers = ["CompleteMultipartUpload", "PutObject"]
  /// By name, in bytes: one PUT for the first three, parts for the last.
  static let files = [("a.mp4", 0), ("b.mp4", 30_000), ("c.mp4", 300_000), ("d.mp4", 2_000_000)]
  static let words = ["--multipart-threshold", "512KiB", "--part-size", "200KiB", "--parts", "2"]
  static let seed: UInt64 = 20

  /// All of it at once, as what waits for VOD's answer waits for a minute.
  private static let storms = Result<[String: Storm], any Error> {
    var runner = try UploadStorm(files: files, words: words, seed: seed)
    for role in ["confirmer", "uploader"] {
      for action in lostAnswers { try runner.killBeforeAnswer(to: action, role: role) }
      try runner.killBesideEverySync(role: role)
      try runner.killAtRandom(times: kills, role: role)
    }
    return try runner.finish()
  }

  @Test(arguments: ["confirmer", "uploader"])
  func
    `killed at any moment, no byte is wrong, no video is made twice, and only what was being completed is not confirmed`(
      role: String
    ) throws
  {
    let storm = try #require(try Self.storms.get()[role])
    print(
      "\(role): \(storm.rounds.count) kills, \(storm.syncs) of them at a sync, \(storm.rounds.count * Self.files.count) files:",
      ["uploaded", "confirmed", "not-confirmed", "failed"].map { "\(storm.count($0)) \($0)" }.joined(separator: ", "))
    // On both sides of two for each file, and of those that begin and end the journal and make the report.
    #expect(
      storm.rounds.count == Self.kills + Self.lostAnswers.count + storm.syncs
        && storm.syncs >= 2 * (2 * Self.files.count + 3))
    for round in storm.rounds {
      #expect(round.rows.count == Self.files.count, "\(round)")
      let unconfirmed = round.paths("not-confirmed")
      if role == "confirmer" {
        #expect(unconfirmed.isEmpty, "\(round)")
        #expect(round.paths("confirmed").isSubset(of: round.completing), "\(round)")
      } else {
        #expect(unconfirmed == round.completing, "\(round)")
      }
      let uploaded = round.paths("uploaded").union(round.paths("confirmed"))
      #expect(uploaded.union(unconfirmed).count == Self.files.count, "\(round)")
      #expect(uploaded.isSubset(of: round.intact), "\(round)")
      #expect(round.status == (unconfirmed.isEmpty ? 0 : 1), "\(round)")
    }
    #expect(storm.videos.count == storm.rounds.count * Self.files.count + storm.unkilledVideos)
    #expect(storm.videos.allSatisfy { $0.writes <= 1 } && storm.overwrites == 0)
    // A kill may come before the first upload id is in the journal; its parts count for nothing then.
    #expect((1...2).contains(storm.uploadIDs))
    // The storm did hit what matters.
    #expect(storm.rounds.contains { !$0.completing.isEmpty } && storm.rounds.contains { $0.completing.isEmpty })
    #expect(storm.count(role == "confirmer" ? "confirmed" : "not-confirmed") >= Self.lostAnswers.count)
  }
}

/// Runs that are killed, and the runs after them.
struct UploadStorm {
  private struct Pending {
    let role: String
    let moment: String
    let completing: Set<String>
    let process: UploadProcess
  }

  private let files: [(name: String, size: Int)]
  private let words: [String]
  private var labs: [String: UploadLab] = [:]
  private var chance: SeededGenerator
  private var pending: [Pending] = []
  private var storms: [String: UploadKillTests.Storm] = [:]
  private var journals = 0
  /// How many videos were made by runs that ended before they were killed.
  private var unkilled: [String: Int] = [:]

  init(files: [(String, Int)], words: [String], seed: UInt64) throws {
    self.files = files.map { (name: $0.0, size: $0.1) }
    self.words = words
    chance = SeededGenerator(seed: seed)
  }

  private mutating func lab(_ role: String) throws -> UploadLab {
    if let lab = labs[role] { return lab }
    let lab = try UploadLab()
    for file in files { try lab.addVideo(file.name, size: file.size) }
    labs[role] = lab
    storms[role] = UploadKillTests.Storm()
    return lab
  }

  private mutating func launch(
    _ role: String, _ more: [String] = [], _ environment: [String: String] = [:]
  ) throws -> UploadProcess {
    journals += 1
    let lab = try lab(role)
    return try lab.launch(
      words + more + [lab.videoDirectory], role: role, journal: "journal-\(journals)", environment: environment)
  }

  /// When OSS has done what `action` asks for, whose answer doesn't come.
  mutating func killBeforeAnswer(to action: String, role: String) throws {
    let lab = try lab(role)
    func answered() throws -> Int { try lab.emulator.callsToOSS().count { $0 == "\(action) OK" } }
    let before = try answered()
    try lab.emulator.fault("kind=delay&milliseconds=600000&action=\(action)&count=1")
    // One file after the other, so that the first answer is the one that doesn't come.
    let process = try launch(role, ["--jobs", "1"])
    try eventually("OSS has the object") { try answered() > before }
    process.child.signal(SIGKILL)
    #expect(process.child.wait() == 128 + SIGKILL)
    try goOn(after: process, role: role, moment: "before the answer to \(action)")
  }

  /// Each time one sync later, until a run ends by itself.
  mutating func killBesideEverySync(role: String) throws {
    for side in FaultShim.Side.allCases {
      var number = 1
      while true {
        // One file after the other, so that none shares a sync.
        let process = try launch(role, ["--jobs", "1"], FaultShim.killing(side, sync: number))
        let status = process.child.wait()
        if status == 0 { break }
        #expect(status == 128 + SIGKILL, "\(side) sync \(number): \(process.child.output)\(process.child.errors)")
        try goOn(after: process, role: role, moment: "\(side) sync \(number)")
        number += 1
      }
      unkilled[role, default: 0] += files.count
      storms[role]?.syncs += number - 1
    }
  }

  /// As many runs as that are killed before their end: after a time, or when the journal has reached a length.
  mutating func killAtRandom(times: Int, role: String) throws {
    let start = ContinuousClock.now
    let whole = try launch(role)
    #expect(whole.child.wait() == 0)
    let span = Double((ContinuousClock.now - start) / .microseconds(1))
    let size = Self.size(whole.journalPath)
    unkilled[role, default: 0] += files.count
    var done = 0
    while done < times {
      let process = try launch(role)
      let moment: String
      if done % 2 == 0 {
        let wait = UInt32.random(in: 0..<UInt32(span), using: &chance)
        // The moment is the point.
        usleep(wait)
        moment = "after \(wait / 1000) ms"
      } else {
        let length = Int.random(in: 1..<size, using: &chance)
        while Self.size(process.journalPath) < length, process.child.statusIfEnded == nil { usleep(50) }
        moment = "at \(length) bytes"
      }
      process.child.signal(SIGKILL)
      guard process.child.wait() == 128 + SIGKILL else {
        unkilled[role, default: 0] += files.count
        continue
      }
      try goOn(after: process, role: role, moment: moment)
      done += 1
    }
  }

  private static func size(_ path: String) -> Int {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : 0
  }

  private mutating func goOn(after killed: UploadProcess, role: String, moment: String) throws {
    let completing = JournalContent(killed.journalPath).completing
    let lab = try lab(role)
    let name = String(killed.journalPath.dropFirst(lab.directory.path.utf8.count + 1))
    let process = try lab.launch(words + [lab.videoDirectory], role: role, journal: name)
    // What asks VOD may take a minute; the next kill doesn't wait for that.
    try eventually("the next run ends, or waits for VOD", within: 60) {
      process.child.statusIfEnded != nil || process.child.output.contains("asking VOD")
    }
    pending.append(Pending(role: role, moment: moment, completing: completing, process: process))
  }

  /// Waits for the runs that go on.
  mutating func finish() throws -> [String: UploadKillTests.Storm] {
    for one in pending {
      let result = try one.process.wait()
      let lab = try lab(one.role)
      storms[one.role]?.rounds.append(
        UploadKillTests.Round(
          moment: one.moment, completing: one.completing, status: result.status, rows: result.rows,
          intact: Set(result.rows.filter { lab.isIntact($0) }.map(\.path)), errors: result.errors))
    }
    for (role, lab) in labs {
      let left = Dictionary(grouping: try lab.emulator.storageCalls().filter { $0.part != nil }, by: \.key)
      storms[role]?.uploadIDs = left.values.map { Set($0.compactMap(\.uploadID)).count }.max() ?? 0
      storms[role]?.videos = try lab.emulator.videos()
      storms[role]?.overwrites = try lab.emulator.calls(to: "RefreshUploadVideo", result: "overwrite refresh")
      storms[role]?.unkilledVideos = unkilled[role] ?? 0
    }
    return storms
  }
}
