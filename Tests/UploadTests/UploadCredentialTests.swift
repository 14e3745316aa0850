import CloudAPI
import Core
import Testing

@testable import Upload

/// When the credential for an object is renewed, and what is sent with it.
@Suite struct UploadCredentialTests {
  @Test func `the credential is renewed a quarter of its life ahead, once, and parts go on meanwhile`() throws {
    var upload = try DrivenUpload.begun(10 * DrivenUpload.unit, life: .seconds(400))
    try upload.stored()
    upload.now = upload.now + .seconds(299)
    try upload.stored()
    #expect(upload.call == nil)
    upload.now = upload.now + .seconds(2)
    try upload.stored()
    #expect(upload.call?.call == .refresh(videoID: "video") && upload.parts == [4])
    let attempt = upload.call?.attempt
    try upload.stored()
    #expect(upload.call?.attempt == attempt && upload.parts == [5])
    try upload.grant()
    #expect(upload.notices.last == .refreshed(requestID: "request2") && upload.parts == [5])
    try upload.stored()
    #expect(upload.call == nil)
  }

  @Test func `a long-lived credential is renewed five minutes ahead`() throws {
    var upload = try DrivenUpload.begun(10 * DrivenUpload.unit)
    try upload.stored()
    upload.now = upload.now + .seconds(2699)
    try upload.stored()
    #expect(upload.call == nil)
    upload.now = upload.now + .seconds(2)
    try upload.stored()
    #expect(upload.call != nil)
  }

  @Test func `a part isn't begun with the last seconds of a credential`() throws {
    for (life, last) in [(Duration.seconds(3000), Duration.seconds(3)), (.seconds(10), .seconds(1))] {
      for (left, isSent) in [(last, false), (last + .milliseconds(1), true)] {
        var upload = try DrivenUpload.begun(10 * DrivenUpload.unit, life: life)
        upload.now = upload.now + life - left
        // No part was stored yet, so that no rate is known: only what is left counts.
        try upload.failRequest(0, .unreached)
        #expect(upload.parts == (isSent ? [2] : []) && upload.call?.call == .refresh(videoID: "video"))
      }
    }
  }

  @Test func `without a credential in time the upload waits for one, and doesn't send`() throws {
    var upload = try DrivenUpload.begun(life: .seconds(10))
    upload.now = upload.now + .seconds(9)
    try upload.stored()
    #expect(upload.requests.isEmpty && upload.call?.call == .refresh(videoID: "video"))
    try upload.fail(.lost)
    #expect(upload.call == nil && upload.requests.isEmpty)
    try upload.awake()
    try upload.grant(life: .seconds(10))
    #expect(upload.parts == [2])
  }

  @Test func `a renewal that isn't allowed is said once, and the upload has until its credential lapses`() throws {
    var upload = try DrivenUpload.begun(10 * DrivenUpload.unit, life: .seconds(400))
    upload.now = upload.now + .seconds(350)
    try upload.stored()
    try upload.fail(.denied)
    #expect(upload.parts == [2] && upload.call == nil)
    try upload.stored()
    #expect(upload.parts == [3] && upload.call == nil)
    upload.now = upload.now + .seconds(50)
    try upload.stored()
    #expect(upload.call?.call == .refresh(videoID: "video") && upload.requests.isEmpty)
    try upload.fail(.denied)
    #expect(upload.outcome == .failed(CallFailure(.denied, code: "denied")))
    let denials = upload.notices.count { if case .refreshDenied = $0 { true } else { false } }
    #expect(denials == 1)
  }

  @Test func `a renewal that is allowed after all is made in time again`() throws {
    var upload = try DrivenUpload.begun(10 * DrivenUpload.unit, life: .seconds(400))
    try upload.stored()
    upload.now = upload.now + .seconds(350)
    try upload.stored()
    try upload.fail(.denied)
    upload.now = upload.now + .seconds(50)
    try upload.stored()
    try upload.grant(life: .seconds(400))
    try upload.stored()
    #expect(upload.call == nil && !upload.parts.isEmpty)
    upload.now = upload.now + .seconds(350)
    try upload.stored()
    #expect(upload.call?.call == .refresh(videoID: "video"))
  }

  @Test func `a renewal that isn't needed yet is tried again later, however often it failed`() throws {
    var upload = try DrivenUpload.begun(10 * DrivenUpload.unit, life: .seconds(2000))
    try upload.stored()
    upload.now = upload.now + .seconds(1701)
    try upload.stored()
    for _ in 0..<6 {
      #expect(upload.call?.call == .refresh(videoID: "video") && upload.parts == [3])
      try upload.fail(.lost)
      #expect(upload.outcome == nil)
      try upload.awake()
    }
  }

  @Test func `a renewal that is needed ends the file once it failed often enough`() throws {
    var upload = try DrivenUpload.begun(life: .seconds(10))
    upload.now = upload.now + .seconds(10)
    try upload.stored()
    for _ in 0..<2 {
      try upload.fail(.lost)
      try upload.awake()
    }
    try upload.fail(.lost)
    #expect(upload.outcome == .failed(CallFailure(.lost, code: "lost")))
  }

  @Test(arguments: [CallFailure.Kind.expired, .keyUnknown])
  func `a refused credential stops the other parts, and one renewal serves all`(_ kind: CallFailure.Kind) throws {
    var upload = try DrivenUpload.begun(10 * DrivenUpload.unit) { $0.partsAtOnce = 3 }
    #expect(upload.parts == [1, 2, 3])
    try upload.failRequest(1, kind)
    #expect(upload.requests.isEmpty && upload.cancellations == 1 && upload.call?.call == .refresh(videoID: "video"))
    try upload.grant()
    #expect(upload.parts == [1, 2, 3] && !upload.requests.map(\.request).contains(.initiate))
  }

  @Test func `a key that isn't known with a new credential either ends the file, unless something worked in between`()
    throws
  {
    var upload = try DrivenUpload.begun(10 * DrivenUpload.unit)
    for _ in 0..<3 {
      try upload.failRequest(0, .keyUnknown)
      try upload.grant()
      try upload.stored()
    }
    try upload.failRequest(0, .keyUnknown)
    try upload.grant()
    try upload.failRequest(0, .keyUnknown)
    #expect(upload.outcome == .failed(CallFailure(.keyUnknown, code: "keyUnknown", remedy: "remedy")))
  }

  /// The file ended with the first of them where one had expired before.
  @Test func `a key that isn't known after an expiry may be that of an expired credential, too`() throws {
    var upload = try DrivenUpload.begun(10 * DrivenUpload.unit)
    try upload.failRequest(0, .expired)
    try upload.grant()
    try upload.failRequest(0, .keyUnknown)
    #expect(upload.outcome == nil && upload.call?.call == .refresh(videoID: "video"))
    try upload.grant()
    try upload.stored()
    #expect(upload.outcome == nil && !upload.parts.isEmpty)
  }

  @Test func `credentials that expire at once end the file after as many tries`() throws {
    var upload = try DrivenUpload.begun()
    for _ in 0..<2 {
      try upload.failRequest(0, .expired)
      try upload.grant()
    }
    try upload.failRequest(0, .expired)
    #expect(upload.outcome == .failed(CallFailure(.expired, code: "expired", remedy: "remedy")))
  }

  @Test func `a credential that expires and may not be renewed ends the file with that`() throws {
    var upload = try DrivenUpload.begun(10 * DrivenUpload.unit, life: .seconds(400))
    upload.now = upload.now + .seconds(350)
    try upload.stored()
    try upload.fail(.denied)
    try upload.failRequest(0, .expired)
    #expect(upload.outcome == .failed(CallFailure(.denied, code: "denied")))
  }

  @Test func `an address that changes with the credential takes the whole file`() throws {
    var upload = try DrivenUpload.begun(life: .seconds(10))
    try upload.stored()
    upload.now = upload.now + .seconds(10)
    try upload.stored()
    try upload.grant(key: "other")
    guard case .video("video", _, let address, _) = upload.records[upload.records.count - 2] else {
      return #expect(Bool(false), "\(upload.records)")
    }
    #expect(address.key == "other" && upload.records.last == .restarted && upload.progress.address == address)
    #expect(upload.requests.map(\.request) == [.initiate])
  }

  @Test func `a part is cut so that it takes no more than half of a credential's life`() throws {
    var upload = try DrivenUpload.begun(100 * DrivenUpload.unit, life: .seconds(20)) {
      $0.partSize = 50 * DrivenUpload.unit
    }
    guard case .part(1, _, let first)? = upload.requests.first?.request else { return #expect(Bool(false)) }
    #expect(first.count == 50 * DrivenUpload.unit)
    // 50 units in 10 s: half of the next life is 10 s, too, and of what is left none is enough.
    upload.now = upload.now + .seconds(10)
    try upload.stored()
    #expect(upload.requests.isEmpty)
    try upload.grant(life: .seconds(8))
    guard case .part(51, _, let second)? = upload.requests.first?.request else { return #expect(Bool(false)) }
    #expect(second.count == 20 * DrivenUpload.unit)
  }

  @Test func `parts are as large as a file of that size wants`() throws {
    // 100 KiB are too little for it, in units and in parts.
    let upload = try DrivenUpload.begun(4_000_000_000)
    guard case .part(1, _, let range)? = upload.requests.first?.request else { return #expect(Bool(false)) }
    #expect(range.count == 4 * 401_408)
  }

  @Test func `what takes longer than a whole life is sent at its beginning`() throws {
    for (rate, isSent) in [(1.0, true), (1000, true)] {
      var upload = DrivenUpload.new(1000, .init()) {
        $0.largestPut = 1000
        $0.expectedRate = rate
      }
      try upload.begin(life: .seconds(100))
      #expect(upload.awaitsRecord == isSent && upload.call == nil)
    }
  }

  @Test func `a PUT that outlives its credential waits for another, and goes all the same where none may be had`()
    throws
  {
    for isAllowed in [true, false] {
      var upload = DrivenUpload.new(1000, .init()) {
        $0.largestPut = 1000
        $0.expectedRate = 10
      }
      upload.start()
      upload.recorded()
      try upload.grant(life: .seconds(100), age: .seconds(30))
      #expect(upload.call?.call == .refresh(videoID: "video") && !upload.awaitsRecord)
      if isAllowed { try upload.grant(life: .seconds(100)) } else { try upload.fail(.denied) }
      #expect(upload.awaitsRecord && upload.records.last == .completing(isMultipart: false) && upload.call == nil)
    }
  }

  @Test func `a part whose credential lapsed on the way was too large for it`() throws {
    for (seconds, units) in [(20.0, 12), (9, 50)] {
      var upload = try DrivenUpload.begun(100 * DrivenUpload.unit, life: .seconds(20)) {
        $0.partSize = 50 * DrivenUpload.unit
      }
      upload.now = upload.now + .seconds(fraction: seconds)
      try upload.failRequest(0, .expired)
      try upload.grant(life: .seconds(20))
      guard case .part(1, _, let range)? = upload.requests.first?.request else { return #expect(Bool(false)) }
      #expect(range.count == units * DrivenUpload.unit, "\(seconds) s")
    }
  }

  @Test func `a few bytes don't say how fast others go`() throws {
    var upload = try DrivenUpload.begun(3 * DrivenUpload.unit + 10) { $0.partsAtOnce = 4 }
    upload.now = upload.now + .seconds(700)
    try upload.stored(3)
    try upload.failRequest(0, .unreached)
    try upload.awake()
    #expect(upload.parts.contains(1) && upload.call == nil)
  }

  @Test func `a key that isn't known to a part may have served to begin the upload`() throws {
    var upload = DrivenUpload.new()
    try upload.begin()
    try upload.failRequest(0, .keyUnknown)
    try upload.grant()
    try upload.stored()
    try upload.failRequest(0, .keyUnknown)
    #expect(upload.outcome == nil && upload.call?.call == .refresh(videoID: "video"))
  }

  @Test func `without the right to renew it parts are cut to what is left of the credential`() throws {
    var upload = try DrivenUpload.begun(100 * DrivenUpload.unit, life: .seconds(400)) {
      $0.partSize = 20 * DrivenUpload.unit
    }
    upload.now = upload.now + .seconds(310)
    try upload.stored()
    try upload.fail(.denied)
    guard case .part(21, _, let range)? = upload.requests.first?.request else { return #expect(Bool(false)) }
    // 20 units took 310 s, and of the 90 s three are the margin.
    let rest = Double(20 * DrivenUpload.unit) / 310 * (upload.left - 3)
    #expect(
      range.count == max(1, Int(rest) / DrivenUpload.unit) * DrivenUpload.unit && range.count < 20 * DrivenUpload.unit)
  }
}
