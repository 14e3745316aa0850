import CloudAPI
import Core
import Testing

@testable import Upload

/// What becomes of the parts of a file that can't be continued.
@Suite struct AbandonmentTests {
  private static let size = 3_000_000

  private static func options(_ change: (inout FileUpload.Options) -> Void = { _ in }) -> FileUpload.Options {
    var options = FileUpload.Options()
    options.partSize = 300_000
    options.largestPut = 1_000_000
    options.partsAtOnce = 2
    change(&options)
    return options
  }

  /// Killed or changed in the middle: some parts are stored, some are on their way.
  private static func inTheMiddle(_ rights: SimulatedCloud.Rights) -> SimulatedUpload {
    var upload = SimulatedUpload(SimulatedCloud(size: size, rights: rights), options: options())
    upload.secondsPerMegabyte = 4
    upload.changes = Timestamp(microseconds: 4_000_000)
    return upload
  }

  @Test func `the parts of a file that changed are removed with the upload's own credential`() {
    var upload = Self.inTheMiddle(.init(abort: true))
    #expect(upload.run() == .outcome(.failed(SimulatedUpload.changed)))
    #expect(upload.cloud.videos.map(\.uploads.isEmpty) == [true] && upload.requests.contains { $0.isAbort })
    #expect(!upload.calls.contains { if case .removeParts = $0 { true } else { false } })
    #expect(upload.progress.uploadID == nil && upload.progress.parts.isEmpty && upload.progress.videoID != nil)
  }

  @Test func `if that isn't allowed, VOD removes the parts`() {
    var upload = Self.inTheMiddle(.init(removeParts: true))
    #expect(upload.run() == .outcome(.failed(SimulatedUpload.changed)))
    #expect(upload.cloud.videos.map(\.uploads.isEmpty) == [true])
    #expect(upload.requests.count { $0.isAbort } == 1)
  }

  @Test func `if neither is allowed, the failure says how much stays, and the next run tries again`() throws {
    var upload = Self.inTheMiddle(.init())
    guard case .outcome(.failed(let failure)) = upload.run() else { return #expect(Bool(false)) }
    let stored = upload.progress.parts.reduce(0) { $0 + $1.length }
    #expect(failure.kind == .fileChanged && stored > 0)
    #expect(
      failure.remedy
        == "let it come to rest; \(ByteCount.text(stored)) of its parts stay in OSS (allow vod:DeleteMultipartUpload, and run again to have them removed)"
    )
    #expect(upload.cloud.videos.map(\.uploads.count) == [1])

    upload.cloud.rights.removeParts = true
    let before = upload.requests.count
    #expect(upload.run(abandoning: SimulatedUpload.changed) == .outcome(.failed(SimulatedUpload.changed)))
    #expect(upload.cloud.videos.map(\.uploads.isEmpty) == [true] && upload.requests.count == before)
    #expect(upload.progress.uploadID == nil)
  }

  @Test func `without parts no call is made`() throws {
    var progress = try DrivenUpload.completing()
    progress.isCompleting = false
    var upload = DrivenUpload(size: 10, progress: progress)
    upload.abandon(because: SimulatedUpload.changed)
    #expect(upload.outcome == .failed(SimulatedUpload.changed) && upload.notices.isEmpty && upload.records.isEmpty)
  }

  @Test func `if nothing is stored, the failure doesn't mention parts`() throws {
    var upload = DrivenUpload(size: Self.size, options: Self.options())
    try upload.begin()
    try upload.stored()
    try upload.failRequest(0, .fileChanged)
    try upload.failRequest(0, .denied)
    try upload.fail(.denied)
    guard case .failed(let failure) = upload.outcome else { return #expect(Bool(false)) }
    #expect(failure.kind == .fileChanged && failure.remedy == "remedy")
  }

  @Test func `an upload that may have been completed isn't removed`() throws {
    for ending in [nil, FileUpload.Ending.unconfirmed(reason: "lost"), .damaged(reason: "CRC")] {
      var progress = try DrivenUpload.completing(parts: true)
      progress.isCompleting = ending == nil
      progress.ending = ending
      var upload = DrivenUpload(size: 102_400, progress: progress)
      upload.abandon(because: SimulatedUpload.changed)
      #expect(upload.outcome == .failed(SimulatedUpload.changed), "\(String(describing: ending))")
    }
  }

  @Test func `if a file changes after Complete may have been carried out, VOD is asked, and the parts are left`() throws
  {
    var upload = DrivenUpload(size: Self.size, options: Self.options())
    try upload.begin()
    try upload.sendAll()
    try upload.failRequest(0, .lost)
    try upload.awake()
    try upload.failRequest(0, .fileChanged)
    #expect(upload.call?.call == .mezzanine(videoID: "video") && upload.requests.isEmpty)
  }

  @Test func `if a file changes before Complete was sent, it certainly isn't completed`() throws {
    var upload = DrivenUpload(size: Self.size, options: Self.options { $0.tries = 2 })
    try upload.begin()
    try upload.sendAll()
    try upload.failRequest(0, .unreached)
    try upload.awake()
    try upload.failRequest(0, .fileChanged)
    #expect(upload.requests.map(\.request) == [.abort(uploadID: "upload")] && upload.records.last == .refused)
    // It has tries of its own.
    try upload.failRequest(0, .lost)
    try upload.awake()
    #expect(upload.requests.map(\.request) == [.abort(uploadID: "upload")])
    try upload.stored()
    #expect(upload.records.last == .restarted && upload.progress.uploadID == nil)
    guard case .failed(let failure) = upload.outcome else { return #expect(Bool(false)) }
    #expect(failure.kind == .fileChanged && failure.remedy == "remedy")
  }

  /// In the middle of the parts, one of which has just found that the file changed.
  private static func abandoned(_ change: (inout FileUpload.Options) -> Void = { _ in }) throws -> DrivenUpload {
    var upload = DrivenUpload(size: size, options: options(change))
    try upload.begin()
    try upload.stored()
    try upload.stored()
    try upload.failRequest(0, .fileChanged)
    return upload
  }

  @Test func `the other parts are cancelled before the upload is aborted`() throws {
    let upload = try Self.abandoned()
    #expect(upload.cancellations == 1 && upload.requests.map(\.request) == [.abort(uploadID: "upload")])
  }

  @Test func `an abort with a transient failure is retried, and then left to VOD`() throws {
    var upload = try Self.abandoned { $0.tries = 3 }
    for _ in 0..<2 {
      try upload.failRequest(0, .lost)
      #expect(upload.requests.isEmpty && upload.call == nil)
      try upload.awake()
      #expect(upload.requests.map(\.request) == [.abort(uploadID: "upload")])
    }
    try upload.failRequest(0, .lost)
    #expect(upload.call?.call == .removeParts(videoID: "video") && upload.wake == nil)
    try upload.fail(.throttled(wait: nil))
    #expect(upload.call == nil)
    try upload.awake()
    #expect(upload.call?.call == .removeParts(videoID: "video"))
    try upload.removed()
    #expect(upload.records.last == .restarted)
  }

  @Test func `a timer that comes at the wrong time removes nothing twice`() throws {
    var upload = try Self.abandoned()
    upload.timer()
    #expect(upload.requests.count == 1)
    try upload.failRequest(0, .throttled(wait: .seconds(5)))
    upload.timer()
    #expect(upload.requests.isEmpty && upload.call == nil)
    try upload.awake()
    try upload.failRequest(0, .denied)
    let attempt = upload.call?.attempt
    upload.timer()
    #expect(upload.call?.attempt == attempt && attempt != nil)
    try upload.fail(.throttled(wait: .seconds(5)))
    upload.timer()
    #expect(upload.call == nil && upload.requests.isEmpty)
  }

  @Test func `if VOD can't be reached either, it is tried as often, and its code is reported`() throws {
    var upload = try Self.abandoned { $0.tries = 2 }
    try upload.failRequest(0, .denied)
    try upload.fail(.lost)
    try upload.awake()
    try upload.fail(.lost)
    guard case .failed(let failure) = upload.outcome else { return #expect(Bool(false)) }
    #expect(
      failure.remedy?.hasSuffix("200 KiB of its parts stay in OSS (lost, and run again to have them removed)") == true)
    #expect(upload.progress.uploadID == "upload")
  }

  @Test func `an upload that OSS doesn't know, or a video that VOD doesn't, leaves nothing to remove`() throws {
    var aborted = try Self.abandoned()
    try aborted.failRequest(0, .noSuchUpload)
    #expect(aborted.records.last == .restarted)
    var deleted = try Self.abandoned()
    try deleted.failRequest(0, .denied)
    try deleted.fail(.unknownVideo)
    // In another region, say, it may be there.
    #expect(deleted.records.last != .restarted)
    for outcome in [aborted.outcome, deleted.outcome] {
      guard case .failed(let failure) = outcome else { return #expect(Bool(false)) }
      #expect(failure.kind == .fileChanged && failure.remedy == "remedy")
    }
  }

  @Test func `a renewal that ends too late is ignored`() throws {
    var upload = DrivenUpload(size: Self.size, options: Self.options())
    try upload.begin(life: .seconds(400))
    try upload.stored()
    try upload.stored()
    upload.now = upload.now + .seconds(350)
    try upload.stored()
    #expect(upload.call?.call == .refresh(videoID: "video"))
    let renewal = try #require(upload.call).attempt
    try upload.failRequest(0, .fileChanged)
    try upload.failRequest(0, .denied)
    #expect(upload.call?.call == .removeParts(videoID: "video"))
    upload.failLate(renewal, .denied)
    #expect(upload.outcome == nil)
    try upload.removed()
    guard case .failed(let failure) = upload.outcome else { return #expect(Bool(false)) }
    #expect(failure.kind == .fileChanged)
  }

  @Test func `an expired credential isn't used`() throws {
    var upload = DrivenUpload(size: Self.size, options: Self.options())
    try upload.begin(life: .seconds(10))
    try upload.stored()
    try upload.stored()
    upload.now = upload.now + .seconds(10)
    try upload.failRequest(0, .fileChanged)
    #expect(upload.requests.isEmpty && upload.call?.call == .removeParts(videoID: "video"))
  }

  @Test(arguments: [SimulatedCloud.Rights(), .init(abort: true), .init(removeParts: true)])
  func `whenever a file changes, parts of a possibly complete object aren't removed`(_ rights: SimulatedCloud.Rights) {
    for seed in 0..<100 as Range<UInt64> {
      var upload = SimulatedUpload(
        SimulatedCloud(size: Self.size, chances: .init(lostBefore: 50, lostAfter: 50), rights: rights),
        options: Self.options(), seed: seed)
      upload.changes = Timestamp(microseconds: .random(in: 0...6_000_000, using: &upload.chance))
      var end = upload.run(killedAfter: .random(in: 10...60, using: &upload.chance))
      for _ in 0..<3 where end == .killed { end = upload.run(abandoning: SimulatedUpload.changed) }
      #expect(upload.cloud.lateRemovals == 0 && upload.cloud.overwritingGrants == 0, "seed \(seed)")
      switch end {
      case .outcome(.uploaded), .outcome(.notConfirmed): break
      case .outcome(.failed(let failure)):
        #expect(failure.kind == .fileChanged, "seed \(seed)")
        let isGone = upload.cloud.videos.allSatisfy { $0.uploads[upload.progress.uploadID ?? ""] == nil }
        if rights.removeParts, !upload.progress.isCompleting { #expect(isGone, "seed \(seed)") }
      default: Issue.record("seed \(seed): \(end)")
      }
    }
  }
}

extension FileUpload.Request {
  fileprivate var isAbort: Bool { if case .abort = self { true } else { false } }
}
