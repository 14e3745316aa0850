/// A record in the journal about a file.
///
/// Files are numbered from 0 in the order of their first records. A record states what is about to be requested from
/// the cloud, or what was answered; it never has a token, an UploadAuth or another secret.
///
///     file ▶ reference ▶ video ─┬─▶ completing(put) ───────────────────────────┬─▶ done
///                               └─▶ upload ▶ part … ▶ completing(multipart) ───┤
///                                     ▲        │            │                  └─▶ unconfirmed
///                                     └─ restarted ◀────────┘
///
/// `failed` and `changed` may come anywhere between, `moved` and `changed` even at the end; what came before them stays true. What a record takes back of
/// those before it is in `JournalState`.
package enum JournalRecord: Equatable, Sendable {
  /// The first record of a file.
  case file(Int, VideoFile)
  /// The file was found under another name, with the same identity.
  case moved(Int, VideoFile)
  /// The ReferenceId of its video, written before CreateUploadVideo is called.
  case reference(Int, referenceID: String)
  /// The answer of CreateUploadVideo, or of RefreshUploadVideo by ReferenceId. A later one replaces it and its parts.
  case video(Int, VideoRecord)
  /// A multipart upload was initiated; `unit` is the usual size of its parts in bytes. A later one replaces it and its
  /// parts.
  case upload(Int, uploadID: String, unit: Int64)
  /// OSS has a part with the right CRC64. A later one with the same number replaces it.
  case part(Int, FinishedPart)
  /// OSS no longer has the upload (NoSuchUpload before Complete, or its parts were removed): it is forgotten with its
  /// parts.
  case restarted(Int)
  /// The single PUT or CompleteMultipartUpload is about to be sent: from now on, the video may exist without our
  /// knowing.
  case completing(Int, Completion)
  /// It is certain that what was announced last wasn't carried out, since it was refused or VOD reports so: the
  /// `completing` or, without a video, the `reference`.
  case refused(Int)
  case done(Int, Proof)
  /// It can't be determined whether the video exists. `reason` is a clause.
  case unconfirmed(Int, reason: String)
  /// The object in OSS differs from the file, by its CRC64. `reason` is a clause.
  case damaged(Int, reason: String)
  /// The file ended with this error code; the next run tries again.
  case failed(Int, code: String)
  /// The file isn't the one of its first record any more. The identity is that of the version that was found instead, if it is known.
  /// That version isn't uploaded, whatever its name is later.
  case changed(Int, FileIdentity? = nil)

  /// Whether losing it in a power failure costs no more than parts that are sent again. An announcement is: what it announces isn't sent
  /// before it is on the disk.
  var isExpendable: Bool {
    switch self {
    case .file, .reference, .upload, .part, .restarted, .completing, .failed: true
    case .moved, .video, .refused, .done, .unconfirmed, .damaged, .changed: false
    }
  }

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

/// A video that waits for its file, and the address of its object in OSS (UploadAddress of CreateUploadVideo).
package struct VideoRecord: Hashable, Sendable {
  package var videoID: String
  package var requestID: String
  package var bucket: String
  /// A host name, or a URL as VOD wrote it.
  package var endpoint: String
  package var key: String
  /// The bucket's region, which signature V4 needs; nil if it isn't known.
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

/// How a file is sent to OSS.
package enum Completion: String, Hashable, Sendable, CaseIterable {
  /// One PutObject.
  case put
  case multipart
}

/// The evidence that a video exists.
package enum Proof: String, Hashable, Sendable, CaseIterable {
  /// OSS answered with the right CRC64.
  case checked = "crc"
  /// GetMezzanineInfo reports it; the CRC isn't known.
  case confirmed
  /// OSS accepted the object without reporting a CRC, and the user permitted that.
  case unproven
}
