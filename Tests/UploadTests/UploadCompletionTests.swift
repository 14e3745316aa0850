import CloudAPI
import Core
import Testing

@testable import Upload

/// The request that makes the object whole, and what may be answered.
@Suite struct UploadCompletionTests {
  @Test func `Complete is sent after its record is on the disk`() throws {
    var upload = try DrivenUpload.begun(DrivenUpload.unit)
    try upload.stored()
    #expect(upload.records.last == .completing(isMultipart: true) && upload.awaitsRecord && upload.requests.isEmpty)
    // Nothing moves it but the disk.
    upload.recorded()
    #expect(upload.requests.count == 1 && upload.progress.isCompleting)
    try upload.stored()
    #expect(upload.outcome == .uploaded(.checked) && upload.records.last == .ended(.done(.checked)))
  }

  @Test func `Complete isn't announced before a renewal in progress has ended`() throws {
    var upload = try DrivenUpload.begun(4 * DrivenUpload.unit, life: .seconds(400))
    try upload.stored()
    upload.now = upload.now + .seconds(350)
    try upload.stored()
    #expect(upload.call?.call == .refresh(videoID: "video"))
    for _ in 0..<2 { try upload.stored() }
    #expect(!upload.awaitsRecord && upload.requests.isEmpty)
    try upload.grant()
    #expect(upload.awaitsRecord && upload.call == nil)
  }

  @Test func `a renewal that waits for a retry is dropped before Complete`() throws {
    var upload = try DrivenUpload.begun(4 * DrivenUpload.unit, life: .seconds(400))
    try upload.stored()
    upload.now = upload.now + .seconds(350)
    try upload.stored()
    try upload.fail(.lost)
    #expect(upload.call == nil)
    for _ in 0..<2 { try upload.stored() }
    #expect(upload.awaitsRecord && upload.wake == nil)
    upload.recorded()
    upload.now = upload.now + .seconds(30)
    #expect(upload.call == nil && upload.requests.count == 1)
  }

  @Test func `after a lost answer, Complete is retried with the same credential, and then VOD is asked`() throws {
    var upload = try DrivenUpload.finishing()
    for _ in 0..<2 {
      try upload.failRequest(0, .lost)
      #expect(upload.requests.isEmpty && upload.call == nil)
      try upload.awake()
      #expect(upload.requests.count == 1 && upload.call == nil)
    }
    try upload.failRequest(0, .lost)
    #expect(upload.call?.call == .mezzanine(videoID: "video") && upload.isWaitingForVOD)
    #expect(upload.notices.last == .confirming && !upload.records.contains(.refused))
  }

  @Test func `after a lost answer and with an expired credential, VOD is asked, and the credential never renewed`()
    throws
  {
    var upload = try DrivenUpload.finishing()
    try upload.failRequest(0, .lost)
    upload.now = upload.now + .seconds(3000)
    try upload.awake()
    #expect(upload.call?.call == .mezzanine(videoID: "video") && upload.requests.isEmpty)
  }

  @Test func `a Complete that never arrived may be sent with another credential`() throws {
    var upload = try DrivenUpload.finishing()
    try upload.failRequest(0, .unreached)
    upload.now = upload.now + .seconds(3000)
    try upload.awake()
    #expect(upload.call?.call == .refresh(videoID: "video"))
    try upload.grant()
    #expect(upload.requests.count == 1)
    try upload.stored()
    #expect(upload.outcome == .uploaded(.checked))
  }

  @Test func `a Complete that never arrived, however often, certainly wasn't carried out`() throws {
    var upload = try DrivenUpload.finishing()
    for _ in 0..<2 {
      try upload.failRequest(0, .unreached)
      try upload.awake()
    }
    try upload.failRequest(0, .unreached)
    #expect(upload.records.last == .refused && !upload.progress.isCompleting)
    #expect(upload.outcome == .failed(CallFailure(.unreached, code: "unreached", remedy: "remedy")))
  }

  @Test(arguments: [CallFailure.Kind.denied, .expired, .noSuchUpload, .invalidPart, .damaged, .fileChanged, .refused])
  func `whatever the next answer after a lost one, VOD is asked`(_ kind: CallFailure.Kind) throws {
    var upload = try DrivenUpload.finishing()
    try upload.failRequest(0, .lost)
    try upload.awake()
    try upload.failRequest(0, kind)
    #expect(upload.call?.call == .mezzanine(videoID: "video") && !upload.records.contains(.refused))
  }

  @Test(arguments: [CallFailure.Kind.denied, .expired, .damaged])
  func `an answer to a request that was sent twice doesn't show the outcome of the first`(_ kind: CallFailure.Kind)
    throws
  {
    var upload = try DrivenUpload.finishing()
    try upload.failRequest(0, kind, wasSentTwice: true)
    #expect(upload.call?.call == .mezzanine(videoID: "video"))
  }

  @Test(arguments: [CallFailure.Kind.denied, .refused])
  func `after a refused Complete, VOD isn't asked`(_ kind: CallFailure.Kind) throws {
    var upload = try DrivenUpload.finishing()
    try upload.failRequest(0, kind)
    #expect(upload.records.last == .refused)
    #expect(upload.outcome == .failed(CallFailure(kind, code: "\(kind)", remedy: "remedy")))
  }

  @Test(arguments: [CallFailure.Kind.expired, .keyUnknown])
  func `a Complete with a refused credential is announced again with the next`(_ kind: CallFailure.Kind) throws {
    var upload = try DrivenUpload.finishing()
    try upload.failRequest(0, kind)
    #expect(upload.records.last == .refused && upload.call?.call == .refresh(videoID: "video"))
    #expect(!upload.progress.isCompleting)
    try upload.grant()
    #expect(upload.records.last == .completing(isMultipart: true) && upload.requests.isEmpty)
    upload.recorded()
    try upload.stored()
    #expect(upload.outcome == .uploaded(.checked))
  }

  @Test func `if OSS doesn't know the upload at Complete, VOD is asked, and the file isn't confirmed`() throws {
    var upload = try DrivenUpload.finishing()
    try upload.failRequest(0, .noSuchUpload)
    #expect(upload.call?.call == .mezzanine(videoID: "video"))
    try upload.answer("UploadFail")
    try upload.grant()
    #expect(upload.requests.count == 1)
    try upload.failRequest(0, .noSuchUpload)
    guard case .notConfirmed = upload.outcome else { return #expect(Bool(false)) }
  }

  @Test func `if OSS doesn't know the upload and a person has checked, it starts again`() throws {
    var progress = try DrivenUpload.completing(parts: true)
    progress.ending = .unconfirmed(reason: "lost")
    var upload = DrivenUpload.new(DrivenUpload.unit, progress) { $0.retriesUnconfirmed = true }
    upload.start()
    try upload.answer("UploadFail")
    try upload.grant()
    try upload.failRequest(0, .noSuchUpload)
    #expect(upload.records.last == .restarted && upload.requests.map(\.request) == [.initiate])
    #expect(!upload.progress.isCompleting)
  }

  @Test func `if the address changes before Complete is sent, the whole file is sent again`() throws {
    var upload = try DrivenUpload.finishing()
    try upload.failRequest(0, .unreached)
    upload.now = upload.now + .seconds(3000)
    try upload.awake()
    try upload.grant(key: "other")
    #expect(upload.requests.map(\.request) == [.initiate] && !upload.progress.isCompleting)
  }

  @Test func `a Complete with another credential is tried as often as the first`() throws {
    var upload = try DrivenUpload.finishing()
    for _ in 0..<2 {
      try upload.failRequest(0, .unreached)
      try upload.awake()
    }
    try upload.failRequest(0, .expired)
    try upload.grant()
    upload.recorded()
    for _ in 0..<2 {
      try upload.failRequest(0, .unreached)
      #expect(upload.outcome == nil)
      try upload.awake()
    }
    #expect(upload.requests.count == 1)
  }

  @Test func `a Complete that was damaged on the way is sent again, but not for ever`() throws {
    var upload = try DrivenUpload.finishing()
    for _ in 0..<2 {
      try upload.failRequest(0, .damaged)
      #expect(upload.requests.isEmpty && upload.call == nil && upload.outcome == nil)
      try upload.awake()
      #expect(upload.requests.count == 1)
    }
    try upload.failRequest(0, .damaged)
    #expect(upload.records.last == .refused)
    #expect(upload.outcome == .failed(CallFailure(.damaged, code: "damaged", remedy: "remedy")))
  }

  @Test func `parts that OSS has otherwise are sent again with the same upload ID, but not for ever`() throws {
    var upload = try DrivenUpload.finishing()
    for _ in 0..<2 {
      try upload.failRequest(0, .invalidPart)
      #expect(upload.records.last == .upload(id: "upload", unit: DrivenUpload.unit) && !upload.progress.isCompleting)
      #expect(upload.parts == [1] && upload.progress.parts.isEmpty)
      try upload.sendAll()
    }
    try upload.failRequest(0, .invalidPart)
    #expect(upload.records.last == .refused)
    #expect(upload.outcome == .failed(CallFailure(.invalidPart, code: "invalidPart", remedy: "remedy")))
  }

  @Test func `an object with another CRC is damaged, and stays so`() throws {
    var upload = try DrivenUpload.finishing()
    try upload.stored { $0.crc = CRC64(value: 8) }
    guard case .damaged(let reason) = upload.outcome else { return #expect(Bool(false)) }
    #expect(
      upload.records.last == .ended(.damaged(reason: reason)) && reason.hasPrefix("the stored object has CRC64 8, "))
    var put = try DrivenUpload.finishing(0)
    try put.stored { $0.crc = CRC64(value: 8) }
    #expect(put.outcome == .damaged(reason: "the stored object has CRC64 8, the file 7"))
  }

  @Test func `an object without a CRC isn't proven, unless that is permitted`() throws {
    var upload = try DrivenUpload.finishing()
    try upload.stored { $0.crc = nil }
    guard case .failed(let failure) = upload.outcome else { return #expect(Bool(false)) }
    // The next run asks VOD.
    #expect(
      failure.code == "NoCRC" && failure.text.hasPrefix("NoCRC: OSS took the file, but named no CRC64")
        && upload.progress.isCompleting
        && upload.records.last == .completing(isMultipart: true))
    var taken = try DrivenUpload.finishing { $0.allowsMissingCRC = true }
    try taken.stored { $0.crc = nil }
    #expect(taken.outcome == .uploaded(.unproven) && taken.records.last == .ended(.done(.unproven)))
  }

  @Test func `a PUT counts its bytes once it is stored`() throws {
    var upload = try DrivenUpload.finishing(1000) { $0.largestPut = 1000 }
    #expect(upload.requests.map(\.request) == [.put])
    try upload.stored()
    #expect(upload.notices.last == .partStored(bytes: 1000) && upload.outcome == .uploaded(.checked))
  }

  @Test func `a video that keeps waiting for its file ends the file after the allowed number of tries`() throws {
    var upload = try DrivenUpload.finishing()
    var asked = 0
    while upload.outcome == nil {
      try upload.failRequest(0, .lost, wasSentTwice: true)
      while upload.requests.count == 1 { try upload.failRequest(0, .lost) }
      while upload.call == nil, upload.outcome == nil {
        try upload.awake()
        if !upload.requests.isEmpty { try upload.failRequest(0, .lost) }
      }
      asked += 1
      try upload.answer("UploadFail")
      if upload.outcome == nil { try upload.grant() }
    }
    #expect(asked == 3 && !upload.records.contains(.refused))
    guard case .failed(let failure) = upload.outcome else { return #expect(Bool(false)) }
    #expect(failure.code == "NoAnswerToComplete")
  }

  @Test(arguments: [CallFailure.Kind.throttled(wait: nil), .unreached, .lost, .stale, .expired])
  func `a question with a transient failure is asked again`(_ kind: CallFailure.Kind) throws {
    var upload = DrivenUpload.new(DrivenUpload.unit, try DrivenUpload.completing(parts: true))
    upload.start()
    try upload.fail(kind)
    if upload.call == nil { try upload.awake() }
    #expect(upload.call?.call == .mezzanine(videoID: "video"))
  }

  @Test func `a missing video ends the file`() throws {
    var upload = DrivenUpload.new(DrivenUpload.unit, try DrivenUpload.completing(parts: true))
    upload.start()
    try upload.fail(.unknownVideo)
    #expect(upload.outcome == .failed(CallFailure(.unknownVideo, code: "unknownVideo")))
  }

  @Test func `a question that isn't allowed ends the file as not confirmed, unless a person has checked`() throws {
    var upload = DrivenUpload.new(DrivenUpload.unit, try DrivenUpload.completing(parts: true))
    upload.start()
    try upload.fail(.denied)
    guard case .notConfirmed(let reason) = upload.outcome else { return #expect(Bool(false)) }
    #expect(
      upload.records == [.ended(.unconfirmed(reason: reason))] && reason.hasSuffix("GetMezzanineInfo says denied"))

    var progress = try DrivenUpload.completing(parts: true)
    progress.ending = .unconfirmed(reason: reason)
    var wanted = DrivenUpload.new(DrivenUpload.unit, progress) { $0.retriesUnconfirmed = true }
    wanted.start()
    #expect(wanted.notices.first == .resumed(videoID: "video", stored: DrivenUpload.unit))
    try wanted.fail(.denied)
    #expect(wanted.call?.call == .refresh(videoID: "video") && wanted.outcome == nil)
    // OSS doesn't know the upload, so VOD may have the file after all, and can't be asked.
    try wanted.grant()
    try wanted.failRequest(0, .noSuchUpload)
    guard case .notConfirmed = wanted.outcome else { return #expect(Bool(false)) }
  }
}
