import Glibc
import Laboratory
import TestSupport
import Testing

/// Two hundred files through whatever VOD, OSS and STS do wrong.
@Suite(.serialized) struct UploadBatchTests {
  private static let seed: UInt64 = 9
  private static let fileCount = 200
  /// In bytes.
  private static let largest = 64 << 20

  /// Log-uniform from nothing to the largest: as many of some KB as of some MB.
  private static func sizes(using chance: inout SeededGenerator) -> [Int] {
    let drawn = (0..<fileCount - 2).map { _ in
      Int(exp(Double.random(in: 0...log(Double(largest) + 1), using: &chance))) - 1
    }
    return [0, largest] + drawn.map { max(0, $0) }
  }

  /// What the emulator can do to a request that an upload survives in the same run, each met once.
  ///
  /// A store's answer to what completes an object isn't touched but by errors and losses: a 200 with something else than OSS's headers is for
  /// the next run to judge.
  private static let faults: [String] = {
    let everywhere = ["CreateUploadVideo", "RefreshUploadVideo", "InitiateMultipartUpload", "UploadPart"]
    let completing = ["CompleteMultipartUpload", "PutObject"]
    let anyCall = [
      "kind=error&status=500", "kind=error&status=503", "kind=refuse", "kind=drop", "kind=lost-answer",
      "kind=delay&milliseconds=700", "kind=dribble&milliseconds=700", "kind=html&status=502", "kind=garbage&form=half",
      "kind=garbage&form=http",
    ]
    let ofVOD = ["kind=throttle&retry_after_ms=300", "kind=throttle&code=Throttling.Api", "kind=html", "kind=oversize"]
    let ofBodies = [
      "kind=drop-request", "kind=slow-request&milliseconds=1200", "kind=stall&milliseconds=1200",
      "kind=token-expired", "kind=token-expired&at=end", "kind=token-expired&code=InvalidAccessKeyId",
    ]
    // A part of 1 MiB has the numbers of its ten units of 100 KiB, so that the second one is the eleventh.
    let ofParts = [
      "kind=checksum", "kind=checksum&form=missing", "kind=etag", "kind=corrupt", "kind=no-such-upload", "kind=html",
      "kind=token-expired&part=11", "kind=error&status=400&code=RequestTimeTooSkewed",
    ]
    let rows =
      everywhere.flatMap { action in anyCall.map { ($0, action) } }
      + completing.flatMap { action in anyCall.prefix(7).map { ($0, action) } }
      + ["CreateUploadVideo", "RefreshUploadVideo"].flatMap { action in ofVOD.map { ($0, action) } }
      + ["UploadPart", "PutObject"].flatMap { action in ofBodies.map { ($0, action) } }
      + ofParts.map { ($0, "UploadPart") }
    return rows.map { "\($0)&action=\($1)&count=1" }
  }()

  @Test func `through every fault and many sessions 200 files become 200 videos, equal byte by byte`() throws {
    var chance = SeededGenerator(seed: Self.seed)
    let lab = try UploadLab(vod: "upload_lifetime = \"8s\"", sessionLife: "3s")
    let sizes = Self.sizes(using: &chance)
    let total = sizes.reduce(0, +)
    #expect(total <= 1_000_000_000)
    for (number, size) in sizes.enumerated() { try lab.addVideo("\(number).mp4", size: size) }
    let upload = try lab.launch(
      [
        "--jobs", "8", "--parts", "2", "--multipart-threshold", "1MiB", "--part-size", "1MiB", "--calls-per-second",
        "60",
        "--limit-rate", "\(max(1, total / 50_000_000))MB/s", lab.videoDirectory,
      ], role: "confirmer")
    let start = ContinuousClock.now
    let before = try lab.emulator.draws(of: "confirmer")
    var waiting = Self.faults.shuffled(using: &chance)
    var numbers: [Int: String] = [:]
    while upload.child.statusIfEnded == nil, let fault = waiting.popLast() {
      numbers[try lab.emulator.fault(fault)] = fault
      // Spread over the run, whose length is that of the rate.
      usleep(200_000)
    }
    let run = try upload.wait()
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let unmet = try lab.emulator.faultsInForce().compactMap { numbers[$0] } + waiting
    let draws = try lab.emulator.draws(of: "confirmer") - before
    print("\(total) bytes in \(seconds) s, \(draws) sessions, \(numbers.count) faults, of which unmet: \(unmet)")

    #expect(run.status == 0, "seed \(Self.seed): \(run.output.suffix(5000))\(run.errors)")
    #expect(run.rows.count == Self.fileCount)
    for row in run.rows { #expect(row.isUploaded && lab.isIntact(row), "\(row)") }
    let videos = try lab.emulator.videos()
    #expect(videos.count == Self.fileCount)
    #expect(Set(videos.map(\.fileName)).count == Self.fileCount)
    #expect(try lab.emulator.calls(to: "RefreshUploadVideo", result: "overwrite refresh") == 0)
    try expectOneUpload(of: videos, at: lab)
    #expect(draws >= 40, "\(draws) sessions")
    #expect(unmet.count <= 3, "\(unmet)")
  }

  /// Parts are sent under one upload id, unless OSS said that it doesn't know the upload or the parts.
  private func expectOneUpload(of videos: [EmulatorProcess.Video], at lab: UploadLab) throws {
    let calls = Dictionary(grouping: try lab.emulator.storageCalls(), by: \.key)
    for video in videos {
      let own = calls[video.key] ?? []
      let ids = Set(own.filter { $0.part != nil }.compactMap(\.uploadID))
      let restarts = Set(own.filter { ["NoSuchUpload", "InvalidPart"].contains($0.result) }.compactMap(\.uploadID))
      #expect(ids.count <= 1 + restarts.count, "\(video.fileName): \(ids.count) upload ids, \(restarts.count) restarts")
    }
  }
}
