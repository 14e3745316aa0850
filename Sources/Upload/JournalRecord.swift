/// What the journal remembers of a file, in the order in which things happen to it.
///
/// Files have numbers, counted from 0 in the order of their first records. A record tells what is about to be asked of the cloud or what has
/// been answered, never a token, an UploadAuth or another secret.
///
///     file ▶ reference ▶ video ─┬─▶ completing(put) ───────────────────────────┬─▶ done
///                               └─▶ upload ▶ part … ▶ completing(multipart) ───┤
///                                     ▲        │            │                  └─▶ unconfirmed
///                                     └─ restarted ◀────────┘
///
/// `failed` and `changed` may come anywhere between, `moved` and `changed` even at the end; what came before them stays true. What a record takes back of
/// those before it is in `JournalState`.
package enum JournalRecord: Equatable, Sendable {
  /// The first of a file.
  case file(Int, VideoFile)
  /// The file was found under another name, with the same identity.
  case moved(Int, VideoFile)
  /// The ReferenceId of its video, written before CreateUploadVideo is called.
  case reference(Int, referenceID: String)
  /// What CreateUploadVideo, or RefreshUploadVideo by ReferenceId, answered. Another one takes the place of the first and of its parts.
  case video(Int, VideoRecord)
  /// A multipart upload has begun; `unit` is the usual size of its parts in bytes. Another one takes its place and that of its parts.
  case upload(Int, uploadID: String, unit: Int64)
  /// OSS has a part, and its CRC64 is right. The same number again takes its place.
  case part(Int, FinishedPart)
  /// OSS doesn't have the upload any more (NoSuchUpload before Complete, or its parts were removed): it and its parts are forgotten.
  case restarted(Int)
  /// The single PUT or CompleteMultipartUpload is about to be sent: from now on the video may be there without our knowing.
  case completing(Int, Completion)
  /// It is certain that nothing has come of what was announced last, by `completing` or, where there is no video, by `reference`: it was
  /// refused, or VOD says so.
  case refused(Int)
  case done(Int, Proof)
  /// Whether the video is there can't be found out. `reason` is a sentence's middle.
  case unconfirmed(Int, reason: String)
  /// OSS has an object, and it isn't the file: its CRC64 is another. `reason` is a sentence's middle.
  case damaged(Int, reason: String)
  /// It ended in an error, by its code; the next run tries again.
  case failed(Int, code: String)
  /// It isn't the file any more that its first record tells of; what it was instead where that is known. That version isn't uploaded, whatever
  /// it is called later.
  case changed(Int, FileIdentity? = nil)

  /// The number of the file.
  package var file: Int {
    switch self {
    case .file(let file, _), .moved(let file, _), .reference(let file, _), .video(let file, _),
      .upload(let file, _, _), .part(let file, _), .restarted(let file), .completing(let file, _), .refused(let file),
      .done(let file, _), .unconfirmed(let file, _), .damaged(let file, _), .failed(let file, _), .changed(let file, _):
      file
    }
  }
}

/// A video that waits for its file, and where in OSS this goes (UploadAddress of CreateUploadVideo).
package struct VideoRecord: Hashable, Sendable {
  package var videoID: String
  package var requestID: String
  package var bucket: String
  /// A host name, or a URL as VOD wrote it.
  package var endpoint: String
  package var key: String
  /// Of the bucket, as signature V4 needs it; nil where it isn't known.
  package var region: String?

  package init(
    videoID: String, requestID: String, bucket: String, endpoint: String, key: String, region: String? = nil
  ) {
    self.videoID = videoID
    self.requestID = requestID
    self.bucket = bucket
    self.endpoint = endpoint
    self.key = key
    self.region = region
  }
}

/// A part that OSS has.
package struct FinishedPart: Hashable, Sendable {
  // The order that takes the least memory.
  package var etag: ETag
  /// 1 to 10,000.
  package var number: Int32
  /// In bytes from the file's start.
  package var offset: Int64
  package var length: Int64
  /// CRC-64/XZ of its bytes (`x-oss-hash-crc64ecma`).
  package var crc64: UInt64

  package init(number: Int32, offset: Int64, length: Int64, etag: ETag, crc64: UInt64) {
    self.number = number
    self.etag = etag
    self.offset = offset
    self.length = length
    self.crc64 = crc64
  }
}

/// How a file becomes an object.
package enum Completion: String, Hashable, Sendable, CaseIterable {
  /// One PutObject.
  case put
  case multipart
}

/// How it is known that a video is there.
package enum Proof: String, Hashable, Sendable, CaseIterable {
  /// OSS answered with the right CRC64.
  case checked = "crc"
  /// GetMezzanineInfo said so; the CRC wasn't seen.
  case confirmed
  /// OSS took the object and named no CRC; the user asked to take that for enough.
  case unproven
}
