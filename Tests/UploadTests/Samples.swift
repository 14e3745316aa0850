@testable import Upload

enum Samples {
  static let identity = FileIdentity(size: 2_000_000, modified: 1_767_225_600_123_456_789, inode: 77, device: 2049)

  static let other = FileIdentity(
    size: 2_000_001, modified: 1_767_225_600_123_456_790, inode: 78, device: 2049, born: -5)

  static func file(_ name: String, _ identity: FileIdentity = identity) -> VideoFile {
    VideoFile(path: "videos/\(name)", resolvedPath: "/srv/videos/\(name)", identity: identity)
  }

  static func video(_ number: Int) -> VideoRecord {
    VideoRecord(
      videoID: "93ab850b4f6f44eab54b6e91d24d81d\(number)", requestID: "25818875-5F78-4AF6-D7D5-CA3937401D8\(number)",
      bucket: "outin-2d8a0b1c", endpoint: "https://oss-cn-shanghai.aliyuncs.com", key: "sv/5f2c-1\(number)/clip.mp4",
      region: number == 0 ? nil : "cn-shanghai")
  }

  static func part(_ number: Int32, crc64: UInt64 = 11_051_210_869_376_104_954) -> FinishedPart {
    FinishedPart(
      number: number, offset: Int64(number - 1) << 20, length: 1 << 20,
      etag: ETag("\"3349DC700140D7F86A0784842780735\(number)\""),
      crc64: crc64)
  }

  /// Each kind of record, in an order that can be.
  static let records: [JournalRecord] = [
    .file(0, file("a b.mp4")), .reference(0, referenceID: "rk-0001_x"), .video(0, video(0)),
    .upload(0, uploadID: "0004B9894A22E5B1888A1E29F823\"6E2D", unit: 1 << 20), .part(0, part(2)), .part(0, part(1)),
    .file(1, file("ü\u{1}.mp4")), .reference(1, referenceID: "rk-0002"), .video(1, video(1)),
    .completing(0, .multipart), .done(0, .checked), .completing(1, .put), .refused(1), .completing(1, .put),
    .unconfirmed(1, reason: "GetMezzanineInfo isn't allowed"), .file(2, file("c.mp4")),
    .failed(2, code: "NoPermission"),
    .reference(2, referenceID: "rk-0003"), .video(2, video(2)), .upload(2, uploadID: "U", unit: 100 << 10),
    .part(2, part(1)), .restarted(2), .upload(2, uploadID: "V", unit: 100 << 10), .part(2, part(1)), .changed(2),
    .file(3, file("d.mp4")), .reference(3, referenceID: "rk-0004"), .video(3, video(3)), .completing(3, .put),
    .moved(3, file("e.mp4")), .done(3, .confirmed), .moved(2, file("d.mp4")), .changed(3, other),
  ]
}
