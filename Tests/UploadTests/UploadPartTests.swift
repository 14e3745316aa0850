import Core
import Testing

@testable import Upload

/// How parts are sent, and sent again.
@Suite struct UploadPartTests {
  @Test func `a file of the threshold's size is sent in one PUT, a larger one in parts`() throws {
    var one = DrivenUpload.new(1000, .init()) { $0.largestPut = 1000 }
    try one.begin()
    #expect(one.records.last == .completing(isMultipart: false) && one.awaitsRecord && one.requests.isEmpty)
    one.recorded()
    #expect(one.requests.map(\.request) == [.put])
    var other = DrivenUpload.new(1001, .init()) { $0.largestPut = 1000 }
    try other.begin()
    #expect(other.requests.map(\.request) == [.initiate])
  }

  @Test func `a file above OSS's limit fails, and one at the limit is sent`() throws {
    let most = 10_000 * PartPlan.mostBytes
    var fits = DrivenUpload.new(most)
    try fits.begin()
    #expect(fits.requests.map(\.request) == [.initiate])
    var large = DrivenUpload.new(most + 1)
    try large.begin()
    guard case .failed(let failure) = large.outcome else { return #expect(Bool(false)) }
    #expect(failure.code == "FileTooLarge")
  }

  @Test func `an initiate with a transient failure is repeated, one at a time, and not for ever`() throws {
    var upload = DrivenUpload.new()
    try upload.begin()
    #expect(upload.requests.map(\.request) == [.initiate])
    try upload.failRequest(0, .lost)
    #expect(upload.requests.isEmpty)
    try upload.awake()
    // An answer that lacks the upload id is none.
    try upload.stored { $0.uploadID = nil }
    #expect(upload.requests.isEmpty && upload.outcome == nil)
    try upload.awake()
    #expect(upload.requests.map(\.request) == [.initiate])
    try upload.failRequest(0, .lost)
    guard case .failed = upload.outcome else { return #expect(Bool(false)) }
    #expect(!upload.records.contains { if case .upload = $0 { true } else { false } })
  }

  @Test(arguments: [CallFailure.Kind.expired, .keyUnknown])
  func `an initiate with a refused credential waits for another`(_ kind: CallFailure.Kind) throws {
    var upload = DrivenUpload.new()
    try upload.begin()
    try upload.failRequest(0, kind)
    #expect(upload.requests.isEmpty && upload.call?.call == .refresh(videoID: "video"))
    try upload.grant()
    #expect(upload.requests.map(\.request) == [.initiate])
    try upload.stored()
    #expect(upload.records.last == .upload(id: "upload", unit: DrivenUpload.unit))
  }

  @Test func `an initiate isn't sent with a credential that expired while it waited`() throws {
    var upload = DrivenUpload.new()
    try upload.begin(life: .seconds(10))
    try upload.failRequest(0, .throttled(wait: .seconds(20)))
    #expect(upload.requests.isEmpty && upload.call == nil)
    try upload.awake()
    #expect(upload.requests.isEmpty && upload.call?.call == .refresh(videoID: "video"))
    try upload.grant()
    #expect(upload.requests.map(\.request) == [.initiate])
  }

  @Test func `an initiate that is refused ends the file`() throws {
    var upload = DrivenUpload.new()
    try upload.begin()
    try upload.failRequest(0, .denied)
    #expect(upload.outcome == .failed(CallFailure(.denied, code: "denied", remedy: "remedy")))
  }

  @Test func `the configured number of parts is sent at once, and each is recorded when it is stored`() throws {
    var upload = try DrivenUpload.begun { $0.partsAtOnce = 2 }
    #expect(upload.parts == [1, 2])
    try upload.stored(1)
    guard case .part(let part)? = upload.records.last else { return #expect(Bool(false)) }
    #expect(
      part.number == 2 && part.offset == Int64(DrivenUpload.unit) && part.length == Int64(DrivenUpload.unit)
        && part.crc64 == 7)
    #expect(upload.parts == [1, 3] && upload.notices.last == .partStored(bytes: DrivenUpload.unit))
  }

  @Test func `a part without ETag or with another CRC is sent again, one without CRC isn't`() throws {
    for change in [{ $0.etag = nil }, { $0.crc = CRC64(value: 8) }] as [(inout FileUpload.Answer) -> Void] {
      var upload = try DrivenUpload.begun(DrivenUpload.unit)
      try upload.stored(0, change)
      #expect(upload.requests.isEmpty && upload.progress.parts.isEmpty)
      try upload.awake()
      #expect(upload.parts == [1])
    }
    var upload = try DrivenUpload.begun()
    try upload.stored { $0.crc = nil }
    #expect(upload.parts == [2] && upload.progress.parts.count == 1)
  }

  @Test(arguments: [CallFailure.Kind.unreached, .lost, .damaged, .invalidPart])
  func `a part is tried a limited number of times, and others continue meanwhile`(_ kind: CallFailure.Kind) throws {
    var upload = try DrivenUpload.begun()
    try upload.failRequest(0, kind)
    #expect(upload.parts == [2])
    for _ in 0..<2 {
      while upload.parts != [1] { if upload.requests.isEmpty { try upload.awake() } else { try upload.stored() } }
      try upload.failRequest(0, kind)
    }
    #expect(upload.outcome == .failed(CallFailure(kind, code: "\(kind)", remedy: "remedy")))
  }

  /// The number was never shown.
  @Test func `a part that is tried again is named by its number`() throws {
    var upload = try DrivenUpload.begun { $0.partsAtOnce = 2 }
    try upload.failRequest(1, .lost)
    try upload.failRequest(0, .lost)
    let failed = upload.notices.compactMap { if case .retrying(let failure, _) = $0 { failure } else { nil } }
    #expect(failed.map(\.part) == [2, 1] && failed.map(\.code) == ["lost", "lost"])
  }

  @Test func `a throttled part is tried without a limit`() throws {
    var upload = try DrivenUpload.begun(DrivenUpload.unit)
    for _ in 0..<10 {
      try upload.failRequest(0, .throttled(wait: nil))
      #expect(upload.requests.isEmpty)
      try upload.awake()
      #expect(upload.parts == [1])
    }
  }

  @Test func `a part that is refused ends the file`() throws {
    var upload = try DrivenUpload.begun { $0.partsAtOnce = 2 }
    try upload.failRequest(0, .denied)
    #expect(
      upload.outcome == .failed(CallFailure(.denied, code: "denied", remedy: "remedy")) && upload.cancellations == 1)
  }

  @Test func `an upload that OSS no longer knows starts again, but not for ever`() throws {
    var upload = try DrivenUpload.begun { $0.partsAtOnce = 2 }
    for number in 1...2 {
      try upload.stored()
      try upload.failRequest(0, .noSuchUpload)
      #expect(upload.records.last == .restarted && upload.notices.last == .restarted && upload.cancellations == number)
      #expect(upload.requests.map(\.request) == [.initiate] && upload.progress.parts.isEmpty)
      try upload.stored()
      #expect(upload.parts == [1, 2])
    }
    try upload.failRequest(0, .noSuchUpload)
    #expect(upload.outcome == .failed(CallFailure(.noSuchUpload, code: "noSuchUpload", remedy: "remedy")))
  }

  @Test func `a timer that comes at the wrong time does nothing`() throws {
    var upload = DrivenUpload.new()
    upload.start()
    upload.recorded()
    try upload.fail(.throttled(wait: .seconds(5)))
    upload.timer()
    #expect(upload.call == nil)
    try upload.awake()
    try upload.grant()
    for _ in 0..<2 {
      upload.timer()
      #expect(upload.requests.map(\.request) == [.initiate])
      try upload.failRequest(0, .throttled(wait: .seconds(5)))
      upload.timer()
      #expect(upload.requests.isEmpty)
      try upload.awake()
    }
    try upload.stored()
    try upload.sendAll()
    for _ in 0..<2 {
      upload.timer()
      #expect(upload.requests.count == 1)
      try upload.failRequest(0, .throttled(wait: .seconds(5)))
      upload.timer()
      #expect(upload.requests.isEmpty)
      try upload.awake()
    }
    // The next waits begin as short as the first.
    #expect(upload.notices.count { if case .throttled = $0 { true } else { false } } == 5)
  }
}
