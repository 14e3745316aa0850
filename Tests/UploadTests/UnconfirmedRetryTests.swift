import CloudAPI
import Core
import Testing

@testable import Upload

/// A file that an earlier run left as not confirmed, whose last request may have been carried out, and that is tried again.
@Suite struct UnconfirmedRetryTests {
  private static func retried(parts: Bool = false, _ change: (inout FileUpload.Progress) -> Void = { _ in }) throws
    -> DrivenUpload
  {
    var progress = try DrivenUpload.completing(parts: parts)
    progress.ending = .unconfirmed(reason: "lost")
    change(&progress)
    var upload = DrivenUpload.new(DrivenUpload.unit, progress) {
      $0.retriesUnconfirmed = true
      if !parts { $0.largestPut = DrivenUpload.unit }
    }
    upload.start()
    return upload
  }

  /// The last request is on its way again, VOD not having been asked.
  private static func sent(parts: Bool = false) throws -> DrivenUpload {
    var upload = try retried(parts: parts)
    try upload.fail(.denied)
    try upload.grant()
    #expect(upload.requests.count == 1)
    return upload
  }

  /// The next run, which hadn't been asked to try again, overwrote the video.
  @Test(arguments: [CallFailure.Kind.denied, .refused, .unreached, .fileChanged, .damaged, .invalidPart])
  func `a refused request doesn't show the outcome of an earlier one`(_ kind: CallFailure.Kind) throws {
    for parts in [false, true] {
      var upload = try Self.sent(parts: parts)
      while upload.outcome == nil {
        if upload.requests.isEmpty { try upload.awake() }
        try upload.failRequest(0, upload.parts.isEmpty ? kind : .denied)
      }
      guard case .failed(let failure) = upload.outcome else { return #expect(Bool(false)) }
      #expect(!upload.records.contains(.refused) && upload.progress.isCompleting, "\(kind) \(parts)")
      #expect(failure.remedy?.hasSuffix("it stays not confirmed: run again with --retry-unconfirmed") == true)
    }
  }

  @Test func `a refused credential doesn't show the outcome of an earlier request either`() throws {
    var upload = try Self.sent()
    try upload.failRequest(0, .expired)
    #expect(upload.call?.call == .refresh(videoID: "video") && upload.records.isEmpty && upload.progress.isCompleting)
    try upload.grant()
    #expect(upload.records == [.completing(isMultipart: false)] && upload.interrupt(mayBeWhole: false))
    #expect(upload.records == [.completing(isMultipart: false)])
  }

  @Test func `an interruption at any moment doesn't show the outcome of an earlier request`() throws {
    var asked = try Self.retried()
    #expect(asked.interrupt(mayBeWhole: false) && asked.records.isEmpty)
    var renewing = try Self.retried()
    try renewing.fail(.denied)
    #expect(renewing.call?.call == .refresh(videoID: "video"))
    #expect(renewing.interrupt(mayBeWhole: false) && renewing.records.isEmpty)
    var sent = try Self.sent()
    #expect(sent.interrupt(mayBeWhole: false) && sent.records.isEmpty)
  }

  /// The message said that the next run asks VOD, which it only does with an option.
  @Test func `what an interruption leaves as not confirmed is left alone by the next run`() throws {
    var sent = try Self.sent()
    _ = sent.interrupt(mayBeWhole: true)
    #expect(sent.next == .staysUnconfirmed)
    // Before anything is written, too, although VOD waits for the file.
    var reopened = try Self.retried()
    try reopened.answer("UploadFail")
    _ = reopened.interrupt(mayBeWhole: false)
    #expect(reopened.next == .staysUnconfirmed)
    // Once the request is known to have come to nothing, the next run goes on.
    var refused = try Self.retried()
    try refused.answer("UploadFail")
    try refused.grant()
    try refused.failRequest(0, .expired)
    _ = refused.interrupt(mayBeWhole: false)
    #expect(refused.records == [.refused] && refused.next == .goesOn)
  }

  @Test func `another address says nothing of what went to the first`() throws {
    var upload = try Self.retried(parts: true)
    try upload.fail(.denied)
    try upload.grant(key: "other")
    #expect(!upload.records.contains(.refused) && upload.progress.isCompleting)
    #expect(upload.requests.map(\.request) == [.initiate])
  }

  @Test func `once VOD reports that it waits for the file, nothing is in doubt`() throws {
    var upload = try Self.retried()
    try upload.answer("UploadFail")
    try upload.grant()
    try upload.failRequest(0, .denied)
    #expect(upload.records == [.refused] && !upload.progress.isCompleting)
  }

  @Test func `if VOD waits for the file and names a new address, the whole file is sent there, and announced`()
    throws
  {
    for parts in [false, true] {
      var upload = try Self.retried(parts: parts)
      try upload.answer("UploadFail")
      try upload.grant(key: "other")
      #expect(upload.records.first == .refused)
      if parts {
        #expect(upload.requests.map(\.request) == [.initiate])
      } else {
        #expect(upload.records.last == .completing(isMultipart: false) && upload.requests.isEmpty)
      }
    }
  }

  @Test func `a video that VOD reports as deleted stays in doubt`() throws {
    var upload = try Self.retried()
    try upload.answer("Deleted")
    try upload.grant()
    try upload.failRequest(0, .denied)
    #expect(upload.records.isEmpty && upload.progress.isCompleting)
  }

  /// Who has looked saw nothing of what this run did: it was sent for ever.
  @Test func `an earlier check by a person doesn't replace a lost answer`() throws {
    var upload = try Self.sent()
    for _ in 0..<2 {
      try upload.failRequest(0, .lost)
      try upload.awake()
    }
    try upload.failRequest(0, .lost)
    #expect(upload.call?.call == .mezzanine(videoID: "video"))
    try upload.fail(.denied)
    guard case .notConfirmed(let reason) = upload.outcome else { return #expect(Bool(false)) }
    #expect(upload.records == [.ended(.unconfirmed(reason: reason))])
  }

  /// Complete would make an object of the parts that are there, whose CRC64 is right.
  @Test func `an upload with missing parts isn't completed before they are sent`() throws {
    for isAllowed in [false, true] {
      var upload = try Self.retried(parts: true) { $0.parts = [] }
      if isAllowed { try upload.answer("UploadFail") } else { try upload.fail(.denied) }
      try upload.grant()
      #expect(upload.parts == [1])
      try upload.stored()
      #expect(upload.records.last == .completing(isMultipart: true))
    }
  }
}
