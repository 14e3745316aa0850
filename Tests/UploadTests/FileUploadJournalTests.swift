import CloudAPI
import Testing

@testable import Upload

/// What an upload writes down, and reads again.
@Suite struct FileUploadJournalTests {
  private static func state(_ change: (inout FileState) -> Void) -> FileState {
    let identity = FileIdentity(size: 2 << 20, modified: 1, inode: 7, device: 1)
    var state = FileState(file: Samples.file("a.mp4", identity))
    change(&state)
    return state
  }

  @Test func `all that the journal has of a file is taken up`() throws {
    let parts = [Samples.part(1), Samples.part(2)]
    let state = Self.state {
      $0.referenceID = "reference"
      $0.video = Samples.video(1)
      $0.video?.endpoint = "oss-cn-shanghai.aliyuncs.com"
      $0.upload = JournalState.Upload(uploadID: "U", unit: 1 << 20, parts: parts)
      $0.completing = .multipart
    }
    let progress = try #require(FileUpload.Progress(state))
    #expect(progress.referenceID == ReferenceID("reference") && progress.videoID == Samples.video(1).videoID)
    #expect(progress.address?.key == Samples.video(1).key && progress.address?.bucket == Samples.video(1).bucket)
    #expect(progress.uploadID == "U" && progress.unit == 1 << 20 && progress.parts == parts)
    #expect(progress.isCompleting && progress.ending == nil)
    #expect(FileUpload.Progress(Self.state { _ in }) == FileUpload.Progress())
  }

  @Test func `what ended a file for good is known again, what didn't isn't`() {
    let endings: [(FileState.Outcome, FileUpload.Ending?)] = [
      (.done(.checked), .done(.checked)), (.done(.confirmed), .done(.confirmed)),
      (.unconfirmed(reason: "lost"), .unconfirmed(reason: "lost")), (.damaged(reason: "CRC"), .damaged(reason: "CRC")),
      (.failed(code: "NoPermission"), nil), (.changed, nil),
    ]
    for (outcome, ending) in endings {
      #expect(FileUpload.Progress(Self.state { $0.outcome = outcome })?.ending == ending)
    }
  }

  @Test func `what VOD can't have given isn't taken up`() {
    #expect(FileUpload.Progress(Self.state { $0.referenceID = "short" }) == nil)
    #expect(
      FileUpload.Progress(
        Self.state {
          $0.video = Samples.video(1)
          $0.video?.endpoint = "not a host"
        }) == nil)
  }

  /// The next run computed with such numbers, and ended by an overflow.
  @Test func `parts that the file can't have aren't taken up`() {
    func part(_ number: Int32, offset: Int64, length: Int64) -> FinishedPart {
      FinishedPart(number: number, offset: offset, length: length, etag: ETag("E"), crc64: 1)
    }
    func isTakenUp(unit: Int64, _ parts: FinishedPart...) -> Bool {
      FileUpload.Progress(Self.state { $0.upload = JournalState.Upload(uploadID: "U", unit: unit, parts: parts) })
        != nil
    }
    let size: Int64 = 2 << 20
    #expect(isTakenUp(unit: 1 << 20, part(1, offset: 0, length: size)))
    #expect(isTakenUp(unit: 3 << 19, part(2, offset: 3 << 19, length: 1 << 19)))
    #expect(isTakenUp(unit: size * 2, part(1, offset: 0, length: size)))
    for unit in [0, 1, size / 10_000, 6 << 30, Int64.max] { #expect(!isTakenUp(unit: unit), "\(unit)") }
    for (number, offset, length) in [
      (1, 0, 0), (1, 0, size + 1), (1, 0, 5), (1, 5, size - 5), (2, 0, 1 << 20), (3, size, 1), (3, size, 0),
      (10_000, 9_999 << 20, 1 << 20), (2, 1 << 20, Int64.max - (1 << 20)),
    ] as [(Int32, Int64, Int64)] {
      #expect(!isTakenUp(unit: 1 << 20, part(number, offset: offset, length: length)), "\(number) \(offset) \(length)")
    }
  }

  @Test func `each record of an upload has its place in the journal`() throws {
    let address = try #require(UploadAddress(bucket: "bucket", endpoint: "oss-cn-shanghai.aliyuncs.com", key: "key"))
    let reference = try #require(ReferenceID("reference"))
    let rows: [(FileUpload.Record, JournalRecord)] = [
      (.reference(reference), .reference(7, referenceID: "reference")),
      (
        .video(id: "v", requestID: nil, address: address, region: "cn-shanghai"),
        .video(
          7,
          VideoRecord(
            videoID: "v", requestID: "", bucket: "bucket", endpoint: "oss-cn-shanghai.aliyuncs.com", key: "key",
            region: "cn-shanghai"))
      ),
      (.upload(id: "U", unit: 5), .upload(7, uploadID: "U", unit: 5)),
      (.part(Samples.part(2)), .part(7, Samples.part(2))),
      (.restarted, .restarted(7)), (.completing(isMultipart: true), .completing(7, .multipart)),
      (.completing(isMultipart: false), .completing(7, .put)), (.refused, .refused(7)),
      (.ended(.done(.unproven)), .done(7, .unproven)),
      (.ended(.unconfirmed(reason: "lost")), .unconfirmed(7, reason: "lost")),
      (.ended(.damaged(reason: "CRC")), .damaged(7, reason: "CRC")),
    ]
    for (record, written) in rows { #expect(JournalRecord(record, of: 7) == written) }
  }
}
