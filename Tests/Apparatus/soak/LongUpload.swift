import Glibc
import Laboratory
import TestSupport

/// One large file on its way to OSS for more than half of a soak: through the sessions and credentials of that time, faults of VOD and OSS, restarts of
/// the daemon, and kills of its own, each followed by another run with the same journal.
struct LongUpload {
  /// What came of it.
  struct Summary {
    /// In bytes.
    let size: Int
    var seconds = 0.0
    var faults = 0
    var kills = 0
    /// Of its role.
    var sessions = 0
    /// Credentials that VOD gave for its object.
    var grants = 0
    /// Among the latest requests to OSS.
    var parts = 0
    var failedParts = 0
    /// Why it isn't whole, each a sentence's middle.
    var problems: [String] = []

    var isWhole: Bool { problems.isEmpty }
  }

  /// What an upload survives without losing the parts that it has; each meets one request.
  private static let faults =
    [
      "error&status=500", "error&status=503", "refuse", "lost-answer", "delay&milliseconds=700", "drop-request",
      "slow-request&milliseconds=3000", "stall&milliseconds=3000", "checksum", "corrupt", "token-expired",
      "token-expired&at=end", "token-expired&code=InvalidAccessKeyId", "html&status=502", "garbage&form=http",
      "error&status=400&code=RequestTimeTooSkewed",
    ].map { "kind=\($0)&service=oss&action=UploadPart&count=1" }
    + ["error&status=500", "error&status=503", "refuse", "lost-answer", "throttle&retry_after_ms=300"].map {
      "kind=\($0)&service=vod&action=RefreshUploadVideo&count=1"
    }

  /// In bytes; as much as half an hour is given.
  private static let most = 1_000_000_000
  /// Bytes for each second of the soak.
  private static let density = 600_000.0
  /// How much of the soak an undisturbed upload takes, and how long after it a disturbed one may end, in seconds.
  private static let share = 0.6
  private static let overtime = 120.0
  private static let kills = 3

  private let lab: Lab
  private let path: String
  private let options: [String]
  private var process: UploadProcess
  private var runs = 1
  private var chance: SeededGenerator
  /// When the next fault and the kills are due, in seconds.
  private var nextFault: Double
  /// What was injected last, and may not have met a request yet.
  private var lastFault: Int?
  private var killTimes: [Double]
  private var elapsed = 0.0
  private var summary: Summary
  private var result: UploadProcess.Result?
  private let sessionsBefore: Int

  /// Makes the file and begins.
  init(_ lab: Lab, seed: UInt64, seconds: Double) throws {
    self.lab = lab
    chance = SeededGenerator(seed: seed &+ 104_729)
    let size = Int(min(Double(Self.most), Self.density * seconds))
    summary = Summary(size: size)
    path = lab.directory.path("long.mp4")
    try SeededFile.write(path, size: size, using: &chance)
    options = [
      "--part-size", "1MiB", "--parts", "2", "--tries", "30", "--wait", "2min", "--limit-rate",
      "\(max(10_000, Int(Double(size) / (Self.share * seconds))))B/s", path,
    ]
    nextFault = 2
    killTimes = []
    for _ in 0..<Self.kills { killTimes.append(.random(in: 0.05 * seconds...0.5 * seconds, using: &chance)) }
    killTimes.sort()
    sessionsBefore = try lab.emulator.draws(of: RoleSet.uploader, result: "OK")
    process = try Self.launch(options, in: lab, run: 1)
  }

  private static func launch(_ options: [String], in lab: Lab, run: Int) throws -> UploadProcess {
    try lab.upload(
      options, role: RoleSet.uploader, journal: "long.journal", named: "upload-\(run)", wrapper: Interruption.wrapper)
  }

  var progress: String {
    result == nil ? "upload under way, killed \(summary.kills) times" : "upload ended"
  }

  /// Does what is due `seconds` after the soak's beginning.
  mutating func step(at seconds: Double) throws {
    guard result == nil else { return }
    elapsed = seconds
    if process.child.statusIfEnded != nil { return try end() }
    if let due = killTimes.first, due <= seconds {
      killTimes.removeFirst()
      return try kill()
    }
    guard seconds >= nextFault else { return }
    nextFault = seconds + .random(in: 2...8, using: &chance)
    // While no part is sent they would pile up, and the next parts would meet one after another. One that is used up can't be cleared.
    if let lastFault { try? lab.emulator.clearFault(lastFault) }
    lastFault = try lab.emulator.fault(Self.faults.randomElement(using: &chance)!)
    summary.faults += 1
  }

  private mutating func kill() throws {
    process.child.signal(SIGKILL)
    // It may have ended by itself in the last moment.
    guard process.child.wait() == 128 + SIGKILL else { return try end() }
    summary.kills += 1
    runs += 1
    process = try Self.launch(options, in: lab, run: runs)
  }

  private mutating func end() throws {
    summary.seconds = elapsed
    result = try process.wait()
  }

  /// Waits for its end and looks at what is stored, of an emulator and a daemon that are still there.
  mutating func finish(into report: inout Report) throws {
    // Whoever ends late isn't disturbed any more.
    nextFault = .infinity
    let start = ContinuousClock.now
    let soaked = elapsed
    while result == nil {
      let over = (ContinuousClock.now - start) / .seconds(1)
      guard over < Self.overtime else { break }
      try step(at: soaked + over)
      usleep(50_000)
    }
    if result == nil { process.child.stop() }
    try judge()
    report.upload = summary
  }

  private mutating func judge() throws {
    let emulator = lab.emulator
    summary.sessions = try emulator.draws(of: RoleSet.uploader, result: "OK") - sessionsBefore
    summary.grants =
      try emulator.calls(to: "CreateUploadVideo", result: "OK")
      + emulator.calls(to: "RefreshUploadVideo", result: "OK")
    let parts = try emulator.storageCalls().filter { $0.operation == "UploadPart" }
    summary.parts = parts.count { $0.result == "OK" }
    summary.failedParts = parts.count - summary.parts
    guard let result else { return summary.problems.append("it hasn't ended") }
    func expect(_ isSo: Bool, _ problem: String) { if !isSo { summary.problems.append(problem) } }
    let row = result.rows.first
    expect(result.status == 0, "vod-upload ended with status \(result.status): \(result.errors.suffix(500))")
    expect(row?.isUploaded == true, "its report says \(row?.status ?? "nothing")")
    let stored = row?.objectAddress.map { lab.directory.path("objects/\($0.dropFirst("oss://".count))") }
    expect(stored.map { RandomFile.areEqual(path, $0) } ?? false, "the object isn't the file")
    let videos = try emulator.videos()
    expect(videos.count == 1, "\(videos.count) videos were made")
    expect(videos.allSatisfy { $0.writes == 1 }, "the object was written \(videos.map(\.writes)) times")
    expect(
      try emulator.calls(to: "RefreshUploadVideo", result: "overwrite refresh") == 0,
      "a credential was asked for that overwrites the video")
  }
}

/// A file whose bytes a seed determines.
private enum SeededFile {
  static func write(_ path: String, size: Int, using chance: inout SeededGenerator) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw FileError(path: path, number: errno) }
    defer { close(descriptor) }
    var block = [UInt64](repeating: 0, count: 1 << 17)
    var left = size
    while left > 0 {
      for index in block.indices { block[index] = chance.next() }
      let piece = min(left, block.count * 8)
      guard block.withUnsafeBytes({ Glibc.write(descriptor, $0.baseAddress, piece) }) == piece else {
        throw FileError(path: path, number: errno)
      }
      left -= piece
    }
  }
}

private struct FileError: Error, CustomStringConvertible {
  let path: String
  let number: CInt

  var description: String { "cannot make '\(path)': \(String(cString: strerror(number)))" }
}
