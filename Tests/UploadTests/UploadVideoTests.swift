import CloudAPI
import Core
import Testing

@testable import Upload

/// From a file to its video, step by step.
@Suite struct UploadVideoTests {
  @Test func `the ReferenceId is on the disk before VOD gets it`() throws {
    var upload = DrivenUpload.new()
    upload.start()
    guard case .reference(let id)? = upload.records.first else { return #expect(Bool(false)) }
    #expect(upload.awaitsRecord && upload.call == nil && upload.records.count == 1)
    upload.recorded()
    #expect(upload.call?.call == .create(referenceID: id))
    // Another record's end means nothing by now.
    upload.recorded()
    try upload.grant()
    #expect(upload.progress.videoID == "video" && upload.records.count == 2)
    guard case .video("video", "request1", let address, nil)? = upload.records.last else { return #expect(Bool(false)) }
    #expect(upload.notices.first == .created(videoID: "video", requestID: "request1", address: address))
  }

  @Test(arguments: [CallFailure.Kind.lost, .referenceTaken])
  func `after a create that may have succeeded, VOD is asked before another create`(_ kind: CallFailure.Kind)
    throws
  {
    var upload = DrivenUpload.new()
    upload.start()
    upload.recorded()
    try upload.fail(kind)
    #expect(upload.call == nil)
    try upload.awake()
    #expect(upload.isLooking)
    try upload.fail(.unknownVideo)
    #expect(upload.isCreating)
    try upload.grant()
    #expect(upload.records.count == 2 && upload.requests.map(\.request) == [.initiate])
  }

  @Test(arguments: [CallFailure.Kind.throttled(wait: nil), .unreached, .stale, .expired])
  func `a create that had no effect is repeated`(_ kind: CallFailure.Kind) throws {
    var upload = DrivenUpload.new()
    upload.start()
    upload.recorded()
    try upload.fail(kind)
    if upload.call == nil { try upload.awake() }
    #expect(upload.isCreating)
  }

  @Test func `a call with a stale date is repeated at once, but only once`() throws {
    var upload = DrivenUpload.new()
    upload.start()
    upload.recorded()
    try upload.fail(.stale)
    #expect(upload.isCreating)
    try upload.fail(.stale)
    #expect(upload.call == nil && upload.wake != nil)
  }

  @Test func `after a create that is finally refused, no ReferenceId is searched for`() throws {
    var upload = DrivenUpload.new()
    upload.start()
    upload.recorded()
    try upload.fail(.lost)
    try upload.awake()
    try upload.fail(.unknownVideo)
    try upload.fail(.refused)
    #expect(upload.records.last == .refused && upload.progress.referenceID == nil)
  }

  @Test func `a ReferenceId that is taken is searched for by the next run if this one can't`() throws {
    var upload = DrivenUpload.new()
    upload.start()
    upload.recorded()
    try upload.fail(.referenceTaken)
    for _ in 0..<2 {
      try upload.awake()
      #expect(upload.isLooking)
      try upload.fail(.lost)
    }
    #expect(upload.outcome == .failed(CallFailure(.lost, code: "lost")))
    #expect(upload.records.count == 1 && upload.progress.referenceID != nil)
  }

  @Test func `a ReferenceId whose search is given up is searched for by the next run`() throws {
    var upload = DrivenUpload.new(DrivenUpload.size, DrivenUpload.known { _ in })
    upload.start()
    for _ in 0..<2 {
      try upload.fail(.lost)
      try upload.awake()
    }
    try upload.fail(.lost)
    #expect(upload.outcome == .failed(CallFailure(.lost, code: "lost")))
    #expect(upload.records.isEmpty && upload.progress.referenceID != nil)
  }

  @Test(arguments: [CallFailure.Kind.denied, .refused])
  func `after a refused create, no ReferenceId is searched for`(_ kind: CallFailure.Kind) throws {
    var upload = DrivenUpload.new()
    upload.start()
    upload.recorded()
    try upload.fail(kind)
    #expect(upload.outcome == .failed(CallFailure(kind, code: "\(kind)")))
    #expect(upload.records.last == .refused && upload.progress.referenceID == nil)
  }

  @Test func `if an abandoned create may have succeeded, its ReferenceId is kept`() throws {
    var upload = DrivenUpload.new(DrivenUpload.size, .init()) { $0.tries = 1 }
    upload.start()
    upload.recorded()
    try upload.fail(.lost)
    #expect(upload.outcome == .failed(CallFailure(.lost, code: "lost")))
    #expect(upload.records.count == 1 && upload.progress.referenceID != nil)
  }

  /// VOD may have carried out the first of them. The next run made a second video.
  @Test func `a create that was sent twice and refused keeps its ReferenceId`() throws {
    var upload = DrivenUpload.new()
    upload.start()
    upload.recorded()
    var throttled = upload
    try upload.fail(.denied, wasSentTwice: true)
    guard case .failed = upload.outcome else { return #expect(Bool(false)) }
    #expect(!upload.records.contains(.refused) && upload.progress.referenceID != nil)
    try throttled.fail(.throttled(wait: nil), wasSentTwice: true)
    try throttled.awake()
    #expect(throttled.isLooking)
  }

  /// It ended the file once, with `--tries 1`.
  @Test(arguments: [1, 3])
  func `a ReferenceId that VOD doesn't know is used for a create, however few the tries`(_ tries: Int) throws {
    var upload = DrivenUpload.new(DrivenUpload.size, DrivenUpload.known { _ in }) { $0.tries = tries }
    upload.start()
    #expect(upload.isLooking && upload.records.isEmpty)
    try upload.fail(.unknownVideo)
    #expect(upload.call?.call == .create(referenceID: try #require(ReferenceID("reference"))))
  }

  @Test func `a ReferenceId that is alternately taken and unknown isn't tried for ever`() throws {
    var upload = DrivenUpload.new(DrivenUpload.size, DrivenUpload.known { _ in })
    upload.start()
    for _ in 0..<10 where upload.outcome == nil {
      try upload.fail(upload.isLooking ? .unknownVideo : .referenceTaken)
      if upload.outcome == nil, upload.call == nil { try upload.awake() }
    }
    guard case .failed = upload.outcome else { return #expect(Bool(false)) }
  }

  @Test(arguments: [CallFailure.Kind.throttled(wait: nil), .unreached, .lost, .stale, .expired])
  func `a search with a transient failure is repeated`(_ kind: CallFailure.Kind) throws {
    var upload = DrivenUpload.new(DrivenUpload.size, DrivenUpload.known { _ in })
    upload.start()
    try upload.fail(kind)
    if upload.call == nil { try upload.awake() }
    #expect(upload.isLooking)
    try upload.grant()
    #expect(upload.progress.videoID == "video")
  }

  @Test func `without permission to search, a file ends as not confirmed`() throws {
    var upload = DrivenUpload.new(DrivenUpload.size, DrivenUpload.known { _ in })
    upload.start()
    try upload.fail(.denied)
    guard case .notConfirmed(let reason) = upload.outcome else { return #expect(Bool(false)) }
    #expect(upload.records == [.ended(.unconfirmed(reason: reason))] && reason.hasSuffix("says denied"))

    var wanted = DrivenUpload.new(DrivenUpload.size, DrivenUpload.known { $0.ending = .unconfirmed(reason: reason) }) {
      $0.retriesUnconfirmed = true
    }
    wanted.start()
    #expect(wanted.isLooking && wanted.progress.ending == nil)
    try wanted.fail(.denied)
    #expect(wanted.isCreating)
  }

  /// It was overwritten where the journal was a copy from before its VideoId.
  @Test func `a video that was found by its ReferenceId may be finished, and VOD is asked`() throws {
    for kind in [nil, CallFailure.Kind.denied] {
      var upload = DrivenUpload.new(DrivenUpload.size, DrivenUpload.known { _ in })
      upload.start()
      try upload.grant()
      #expect(upload.call?.call == .mezzanine(videoID: "video") && upload.requests.isEmpty)
      if let kind { try upload.fail(kind) } else { try upload.answer("Uploading") }
      #expect(upload.requests.map(\.request) == [.initiate] && upload.call == nil)
    }
    var finished = DrivenUpload.new(DrivenUpload.size, DrivenUpload.known { _ in })
    finished.start()
    try finished.grant()
    try finished.answer("Normal", size: Int64(DrivenUpload.size))
    #expect(finished.outcome == .uploaded(.confirmed) && finished.records.last == .ended(.done(.confirmed)))
  }

  private static func unconfirmed() -> DrivenUpload {
    var upload = DrivenUpload.new(DrivenUpload.size, DrivenUpload.known { $0.ending = .unconfirmed(reason: "lost") }) {
      $0.retriesUnconfirmed = true
    }
    upload.start()
    return upload
  }

  /// It forgot the ReferenceId, and the next run made a second video.
  @Test(arguments: [CallFailure.Kind.unreached, .lost])
  func `an unconfirmed file whose search fails keeps its ReferenceId`(_ kind: CallFailure.Kind) throws {
    var upload = Self.unconfirmed()
    for _ in 0..<2 {
      try upload.fail(kind)
      try upload.awake()
    }
    try upload.fail(kind)
    guard case .failed = upload.outcome else { return #expect(Bool(false)) }
    #expect(upload.records.isEmpty && upload.progress.referenceID != nil)
  }

  @Test func `an unconfirmed file whose create is refused keeps its ReferenceId, unless VOD doesn't know it`() throws {
    var unknown = Self.unconfirmed()
    try unknown.fail(.unknownVideo)
    try unknown.fail(.refused)
    #expect(unknown.records == [.refused] && unknown.progress.referenceID == nil)
    var denied = Self.unconfirmed()
    try denied.fail(.denied)
    #expect(denied.isCreating)
    try denied.fail(.refused)
    #expect(denied.records.isEmpty && denied.progress.referenceID != nil)
  }

  /// Who has looked saw nothing of what this run did: it created again and again.
  @Test(arguments: [CallFailure.Kind.lost, .referenceTaken])
  func `an unconfirmed file is created once, and not again without permission to search`(
    _ kind: CallFailure.Kind
  ) throws {
    var upload = Self.unconfirmed()
    try upload.fail(.denied)
    #expect(upload.isCreating)
    try upload.fail(kind)
    try upload.awake()
    #expect(upload.isLooking)
    try upload.fail(.denied)
    guard case .notConfirmed(let reason) = upload.outcome else { return #expect(Bool(false)) }
    #expect(upload.records == [.ended(.unconfirmed(reason: reason))])
  }

  @Test func `files that an earlier run ended are left as they are`() {
    let endings: [(FileUpload.Ending, FileUpload.Outcome)] = [
      (.done(.checked), .uploaded(.checked)), (.damaged(reason: "CRC"), .damaged(reason: "CRC")),
      (.unconfirmed(reason: "lost"), .notConfirmed(reason: "lost")),
    ]
    for (ending, outcome) in endings {
      var upload = DrivenUpload.new(DrivenUpload.size, DrivenUpload.known { $0.ending = ending })
      upload.start()
      #expect(upload.outcome == outcome && upload.call == nil && upload.records.isEmpty && upload.notices.isEmpty)
    }
  }

  @Test func `a continued upload reports how much is stored, and sends the rest`() throws {
    let stored = FinishedPart(
      unit: 1, range: DrivenUpload.unit..<2 * DrivenUpload.unit, etag: "\"etag\"", crc: CRC64(value: 7))
    let progress = DrivenUpload.known {
      $0.videoID = "video"
      $0.address = UploadAddress(bucket: "bucket", endpoint: "oss-cn-shanghai.aliyuncs.com", key: "key")
      ($0.uploadID, $0.unit, $0.parts) = ("upload", DrivenUpload.unit, [stored])
    }
    var upload = DrivenUpload.new(DrivenUpload.size, progress)
    upload.start()
    #expect(upload.notices == [.resumed(videoID: "video", stored: DrivenUpload.unit)])
    try upload.answer("Uploading")
    #expect(upload.call?.call == .refresh(videoID: "video") && upload.requests.isEmpty)
    try upload.grant()
    #expect(upload.parts == [1])
    try upload.stored()
    #expect(upload.parts == [3])
    try upload.stored()
    upload.recorded()
    guard case .complete("upload", let parts)? = upload.requests.first?.request else { return #expect(Bool(false)) }
    #expect(parts.map(\.number) == [1, 2, 3])
    try upload.stored()
    #expect(upload.outcome == .uploaded(.checked))
  }

  @Test func `an unconfirmed file whose request wasn't sent continues at once if requested`() throws {
    let progress = DrivenUpload.known {
      $0.videoID = "video"
      $0.address = UploadAddress(bucket: "bucket", endpoint: "oss-cn-shanghai.aliyuncs.com", key: "key")
      $0.ending = .unconfirmed(reason: "deleted")
    }
    var upload = DrivenUpload.new(DrivenUpload.size, progress) { $0.retriesUnconfirmed = true }
    upload.start()
    #expect(upload.notices == [.resumed(videoID: "video", stored: 0)])
    #expect(upload.call?.call == .refresh(videoID: "video"))
  }
}
