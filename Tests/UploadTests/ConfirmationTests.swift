import CloudAPI
import Core
import Testing

@testable import Upload

/// What VOD says of a file whose last request may have been carried out.
@Suite struct ConfirmationTests {
  private static func resumed(parts: Bool = false, _ change: (inout FileUpload.Options) -> Void = { _ in }) throws
    -> DrivenUpload
  {
    var options = FileUpload.Options()
    change(&options)
    var upload = DrivenUpload(
      size: 102_400, progress: try DrivenUpload.completing(parts: parts), options: options)
    upload.start()
    return upload
  }

  @Test func `if an upload may be complete, VOD is asked, and nothing else is done meanwhile`() throws {
    var upload = try Self.resumed()
    #expect(upload.isWaitingForVOD && upload.call?.call == .mezzanine(videoID: "video") && upload.requests.isEmpty)
    try upload.answer("Normal", size: 102_400)
    #expect(upload.outcome == .uploaded(.confirmed) && upload.records == [.ended(.done(.confirmed))])
  }

  @Test func `VOD is asked for a minute, and only then is the credential renewed`() throws {
    var upload = try Self.resumed(parts: true)
    let begin = upload.now
    var polls: [Duration] = []
    while upload.now - begin < .seconds(60) {
      #expect(upload.call?.call == .mezzanine(videoID: "video"))
      try upload.answer("Uploading")
      #expect(upload.isWaitingForVOD && upload.call == nil)
      try upload.awake()
      polls.append(upload.now - begin)
    }
    #expect(polls.last == .seconds(60) && zip([.zero] + polls, polls).allSatisfy { $1 - $0 <= .seconds(15) })
    try upload.answer("Uploading")
    #expect(upload.call?.call == .refresh(videoID: "video") && upload.requests.isEmpty)
    try upload.grant()
    #expect(!upload.isWaitingForVOD)
    guard case .complete("upload", let parts)? = upload.requests.first?.request else { return #expect(Bool(false)) }
    #expect(parts.count == 1 && upload.requests.count == 1)
    try upload.stored()
    #expect(upload.outcome == .uploaded(.checked))
  }

  /// Where VOD noticed it later than after a minute, the finished object was overwritten.
  @Test func `a PUT that is repeated since VOD still waits overwrites nothing, and what is there stays unconfirmed`()
    throws
  {
    var upload = try Self.resumed()
    func askForAMinute() throws {
      while upload.outcome == nil, upload.call == nil || upload.call?.call == .mezzanine(videoID: "video") {
        if upload.call == nil { try upload.awake() } else { try upload.answer("Uploading") }
      }
    }
    try askForAMinute()
    #expect(upload.call?.call == .refresh(videoID: "video"))
    try upload.grant()
    #expect(upload.requests.map(\.request) == [.put] && upload.keepsObject)
    try upload.failRequest(0, .objectExists)
    var noticed = upload
    try askForAMinute()
    #expect(
      upload.outcome == .notConfirmed(reason: "OSS has an object there already, and VOD still waits for the file"))
    try noticed.answer("Normal", size: 102_400)
    #expect(noticed.outcome == .uploaded(.confirmed))
  }

  @Test func `a request that is repeated after VOD was asked is tried as often as the first`() throws {
    var upload = try Self.resumed(parts: true) { $0.tries = 3 }
    try upload.answer("UploadFail")
    for _ in 0..<2 {
      try upload.grant()
      for _ in 0..<2 {
        try upload.failRequest(0, .lost)
        #expect(upload.call == nil && upload.outcome == nil)
        try upload.awake()
      }
      try upload.failRequest(0, .lost)
      #expect(upload.isWaitingForVOD)
      try upload.answer("UploadFail")
    }
    guard case .failed(let failure) = upload.outcome else { return #expect(Bool(false)) }
    #expect(failure.code == "NoAnswerToComplete")
  }

  @Test func `an upload that VOD has abandoned isn't waited for`() throws {
    var upload = try Self.resumed()
    try upload.answer("UploadFail")
    #expect(upload.call?.call == .refresh(videoID: "video"))
    try upload.grant()
    #expect(upload.requests.map(\.request) == [.put])
  }

  @Test func `without permission to renew the credential, the file ends with that reason`() throws {
    var upload = DrivenUpload(size: 10)
    try upload.begin()
    upload.recorded()
    for _ in 0..<8 {
      try upload.failRequest(0, .lost)
      if upload.call == nil { try upload.awake() }
    }
    try upload.answer("UploadFail")
    try upload.fail(.denied)
    #expect(upload.outcome == .failed(CallFailure(.denied, code: "denied")))
  }

  @Test func `a video whose file was deleted is left alone at once`() throws {
    var upload = try Self.resumed()
    try upload.answer("Deleted")
    #expect(upload.outcome == .notConfirmed(reason: "VOD says that the video's file was deleted"))
    var progress = try DrivenUpload.completing(parts: true)
    progress.isCompleting = false
    var checked = DrivenUpload(size: 102_400, progress: progress)
    checked.start()
    try checked.answer("Deleted")
    #expect(checked.outcome == upload.outcome)
  }

  @Test func `an unknown state may be that of a video that could be overwritten`() throws {
    var upload = try Self.resumed()
    while upload.outcome == nil {
      try upload.answer("Unheard")
      if upload.outcome == nil { try upload.awake() }
    }
    #expect(upload.outcome == .notConfirmed(reason: "VOD says that the video is 'Unheard'"))
    #expect(upload.now == Timestamp(microseconds: 1_060_000_000))
  }

  @Test(arguments: ["Deleted", "Unheard"])
  func `after a person has checked, the file can be uploaded anyway`(_ status: String) throws {
    var progress = try DrivenUpload.completing()
    progress.ending = .unconfirmed(reason: "lost")
    var options = FileUpload.Options()
    options.retriesUnconfirmed = true
    var upload = DrivenUpload(size: 10, progress: progress, options: options)
    upload.start()
    while upload.call?.call == .mezzanine(videoID: "video") {
      try upload.answer(status)
      if upload.call == nil { try upload.awake() }
    }
    #expect(upload.call?.call == .refresh(videoID: "video") && upload.outcome == nil)
  }

  @Test func `a video whose file has another size isn't this one`() throws {
    var upload = try Self.resumed()
    try upload.answer("Normal", size: 5)
    #expect(upload.outcome == .notConfirmed(reason: "VOD has a file of 5 bytes, this one has 102400"))
  }

  @Test func `a continued upload is checked first, which may be denied`() throws {
    var progress = try DrivenUpload.completing(parts: true)
    progress.isCompleting = false
    for kind in [CallFailure.Kind.denied, .refused] {
      var upload = DrivenUpload(size: 300_000, progress: progress)
      upload.start()
      #expect(upload.call?.call == .mezzanine(videoID: "video") && !upload.isWaitingForVOD)
      try upload.fail(kind)
      #expect(upload.call?.call == .refresh(videoID: "video") && upload.keepsObject)
      let denial = FileUpload.Notice.checkDenied(CallFailure(kind, code: "\(kind)"))
      #expect(upload.notices.contains(denial) == (kind == .denied))
    }
    for (status, keepsObject) in [("Uploading", false), ("UploadFail", false), ("Unheard", true)] {
      var upload = DrivenUpload(size: 300_000, progress: progress)
      upload.start()
      try upload.answer(status)
      #expect(upload.call?.call == .refresh(videoID: "video") && upload.keepsObject == keepsObject)
    }
    var finished = DrivenUpload(size: 300_000, progress: progress)
    finished.start()
    try finished.answer("Normal", size: 300_000)
    #expect(finished.outcome == .uploaded(.confirmed))
  }

  /// The journal may be a copy from before the end.
  @Test func `whether an object that is there already is the file is VOD's to report, and it isn't overwritten`() throws
  {
    var progress = try DrivenUpload.completing()
    progress.isCompleting = false
    var options = FileUpload.Options()
    options.largestPut = 1000
    for size in [10, 300_000] {
      var upload = DrivenUpload(size: size, progress: progress, options: options)
      upload.start()
      try upload.fail(.denied)
      try upload.grant()
      if upload.awaitsRecord { upload.recorded() }
      #expect(upload.requests.map(\.request) == [size == 10 ? .put : .initiate] && upload.keepsObject)
      try upload.failRequest(0, .objectExists)
      var waiting = upload
      try upload.fail(.denied)
      let reason = "OSS has an object there already, and GetMezzanineInfo says denied"
      #expect(upload.outcome == .notConfirmed(reason: reason))
      // VOD may say by now that it waits for the file: then what is there isn't it.
      try waiting.answer("UploadFail")
      try waiting.grant()
      #expect(waiting.requests.map(\.request) == [size == 10 ? .put : .initiate] && !waiting.keepsObject)
    }
  }
}
