import CloudAPI
import Core
import Simulation
import TestSupport
import Testing

@testable import Upload

@Suite struct InterruptionTests {
  private var chance = SeededGenerator(seed: 1)
  private var upload = FileUpload(size: 1000)
  private let now = Timestamp(microseconds: 0)

  /// What of the effects is written down.
  private static func records(_ effects: [FileUpload.Effect]) -> [FileUpload.Record] {
    effects.compactMap { if case .record(let record, _) = $0 { record } else { nil } }
  }

  private static func call(_ effects: [FileUpload.Effect]) -> (FileUpload.Call, FileUpload.Attempt)? {
    effects.compactMap { if case .call(let call, let attempt) = $0 { (call, attempt) } else { nil } }.first
  }

  private var grant: FileUpload.Grant {
    let address = UploadAddress(bucket: "bucket", endpoint: "oss-cn-shanghai.aliyuncs.com", key: "video1")!
    let content = UploadGrant(
      requestID: "request1", videoID: "video1", address: address,
      credential: UploadCredential(
        accessKeyID: "STS.1", secret: secret("a"), token: secret("b"), expires: UTCTime(seconds: 0), region: nil))
    return FileUpload.Grant(content, issued: now, lapses: now + .seconds(3000))
  }

  /// As far as the record of the completion, which isn't on disk yet.
  private mutating func recordCompletion() throws {
    _ = upload.start(at: now, using: &chance)
    let create = try #require(Self.call(upload.handle(.recorded, at: now, using: &chance)))
    let effects = upload.handle(.granted(grant, create.1), at: now, using: &chance)
    #expect(Self.records(effects).last == .completing(isMultipart: false))
  }

  @Test mutating func `a PUT that wasn't sent completely is sent again by the next run`() throws {
    try recordCompletion()
    _ = upload.handle(.recorded, at: now, using: &chance)
    let interruption = upload.interrupt(mayBeWhole: false)
    #expect(interruption.next == .goesOn && Self.records(interruption.effects) == [.refused])
  }

  @Test mutating func `a PUT that wasn't sent yet is sent by the next run`() throws {
    try recordCompletion()
    let interruption = upload.interrupt(mayBeWhole: false)
    #expect(interruption.next == .goesOn && Self.records(interruption.effects) == [.refused])
  }

  @Test mutating func `if a PUT may have been sent completely, the next run asks VOD`() throws {
    try recordCompletion()
    _ = upload.handle(.recorded, at: now, using: &chance)
    let interruption = upload.interrupt(mayBeWhole: true)
    #expect(interruption.next == .asksVOD && Self.records(interruption.effects).isEmpty)
  }

  @Test mutating func `if an answer to a PUT was lost before, the next run asks VOD`() throws {
    try recordCompletion()
    let sent = upload.handle(.recorded, at: now, using: &chance)
    let attempt = try #require(sent.compactMap { if case .send(_, let attempt) = $0 { attempt } else { nil } }.first)
    _ = upload.handle(.storeFailed(CallFailure(.lost, code: "timeout"), attempt), at: now, using: &chance)
    let interruption = upload.interrupt(mayBeWhole: false)
    #expect(interruption.next == .asksVOD && Self.records(interruption.effects).isEmpty)
  }

  @Test mutating func `before a completion there is nothing to revoke`() {
    _ = upload.start(at: now, using: &chance)
    let interruption = upload.interrupt(mayBeWhole: false)
    #expect(interruption.next == .goesOn && interruption.effects.isEmpty)
  }

  @Test mutating func `if a file is interrupted while VOD is asked, the next run asks again`() {
    var progress = FileUpload.Progress()
    progress.videoID = "video1"
    progress.address = UploadAddress(bucket: "bucket", endpoint: "oss-cn-shanghai.aliyuncs.com", key: "video1")
    progress.isCompleting = true
    upload = FileUpload(size: 1000, progress: progress)
    _ = upload.start(at: now, using: &chance)
    let interruption = upload.interrupt(mayBeWhole: false)
    #expect(interruption.next == .asksVOD && Self.records(interruption.effects).isEmpty)
  }

  @Test func `a body counts as completely sent once its last byte was read, even if it is read again`() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write("0123456789", to: "a.mp4")
    let body = FileBody(try SourceFile(path: path, followsLink: true), 0..<10)
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 6, alignment: 1)
    defer { room.deallocate() }
    #expect(body.read(0, into: room) == 6 && !body.wasReadWhole)
    #expect(body.read(6, into: room) == 4 && body.wasReadWhole)
    #expect(body.read(0, into: room) == 6 && body.wasReadWhole)
  }

  @Test func `a request that waits for a connection hasn't been sent, and one without a body is sent completely`()
    throws
  {
    let directory = try TemporaryDirectory()
    let file = try SourceFile(path: try directory.write("0123456789", to: "a.mp4"), followsLink: true)
    let put = ObjectRequest(.put, of: file, keepsObject: false)
    let complete = ObjectRequest(.complete(uploadID: "1", parts: []), of: file, keepsObject: false)
    #expect(!put.mayBeWhole && !complete.mayBeWhole)
    (put.cancel, complete.cancel) = ({}, {})
    #expect(!put.mayBeWhole && complete.mayBeWhole)
  }

  @Test mutating func `a create that always fails ends with its own failure, after the allowed number of tries`() throws
  {
    _ = upload.start(at: now, using: &chance)
    var effects = upload.handle(.recorded, at: now, using: &chance)
    var time = now
    var creates = 0
    for _ in 0..<100 {
      if let (call, attempt) = Self.call(effects) {
        if case .create = call { creates += 1 }
        let failure =
          if case .create = call { CallFailure(.lost, code: "HTTP 503") } else {
            CallFailure(.unknownVideo, code: "InvalidVideo.NotFound")
          }
        effects = upload.handle(.callFailed(failure, attempt), at: time, using: &chance)
      } else if upload.hasEnded {
        break
      } else {
        time = time + .seconds(60)
        effects = upload.handle(.timer, at: time, using: &chance)
      }
    }
    #expect(creates == upload.options.tries)
    #expect(
      effects.contains {
        if case .end(.failed(let failure)) = $0 { failure.code == "HTTP 503" } else { false }
      })
  }
}
