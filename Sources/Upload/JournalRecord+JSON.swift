import Core
import JSON

/// Records as JSON; numbers that may exceed 2^63 are strings of digits.
extension JournalRecord {
  private enum Kind: String {
    case file, moved, reference, video, upload, part, restarted, completing, refused, done, unconfirmed, damaged,
      failed, changed
  }

  private var kind: Kind {
    switch self {
    case .file: .file
    case .moved: .moved
    case .reference: .reference
    case .video: .video
    case .upload: .upload
    case .part: .part
    case .restarted: .restarted
    case .completing: .completing
    case .refused: .refused
    case .done: .done
    case .unconfirmed: .unconfirmed
    case .damaged: .damaged
    case .failed: .failed
    case .changed: .changed
    }
  }

  /// Writes the members of its object.
  func write(to json: inout JSONWriter<[UInt8]>) {
    json.member("record", kind.rawValue)
    json.member("file", Int64(file))
    switch self {
    case .file(_, let file), .moved(_, let file): file.write(to: &json)
    case .reference(_, let id): json.member("reference_id", id)
    case .video(_, let video): video.write(to: &json)
    case .upload(_, let id, let unit):
      json.member("upload_id", id)
      json.member("unit", unit)
    case .part(_, let part): part.write(to: &json)
    case .completing(_, let completion): json.member("by", completion.rawValue)
    case .done(_, let proof): json.member("proof", proof.rawValue)
    case .unconfirmed(_, let reason), .damaged(_, let reason): json.member("reason", reason)
    case .failed(_, let code): json.member("code", code)
    case .changed(_, let identity): identity?.write(to: &json)
    case .restarted, .refused: break
    }
  }

  /// nil when the object isn't a record. Unknown members are skipped.
  init?(_ object: borrowing JSONValue) {
    guard let kind = object["record"]?.string().flatMap(Kind.init(rawValue:)),
      let number = object["file"]?.int, let file = Int(exactly: number), (0..<Int(Int32.max)).contains(file)
    else { return nil }
    let record: JournalRecord? =
      switch kind {
      case .file: VideoFile(object).map { .file(file, $0) }
      case .moved: VideoFile(object).map { .moved(file, $0) }
      case .reference: object["reference_id"]?.string().map { .reference(file, referenceID: $0) }
      case .video: VideoRecord(object).map { .video(file, $0) }
      case .upload: Self.upload(file, object)
      case .part: FinishedPart(object).map { .part(file, $0) }
      case .restarted: .restarted(file)
      case .completing: object["by"]?.string().flatMap(Completion.init(rawValue:)).map { .completing(file, $0) }
      case .refused: .refused(file)
      case .done: object["proof"]?.string().flatMap(Proof.init(rawValue:)).map { .done(file, $0) }
      case .unconfirmed: object["reason"]?.string().map { .unconfirmed(file, reason: $0) }
      case .damaged: object["reason"]?.string().map { .damaged(file, reason: $0) }
      case .failed: object["code"]?.string().map { .failed(file, code: $0) }
      case .changed: .changed(file, FileIdentity(object))
      }
    guard let record else { return nil }
    self = record
  }

  private static func upload(_ file: Int, _ object: borrowing JSONValue) -> JournalRecord? {
    guard let id = object["upload_id"]?.string(), let unit = object["unit"]?.int, unit > 0 else { return nil }
    return .upload(file, uploadID: id, unit: unit)
  }
}

extension VideoFile {
  fileprivate func write(to json: inout JSONWriter<[UInt8]>) {
    json.member("path", path)
    json.member("resolved", resolvedPath)
    identity.write(to: &json)
  }

  fileprivate init?(_ object: borrowing JSONValue) {
    guard let path = object["path"]?.string(), let resolved = object["resolved"]?.string(),
      let identity = FileIdentity(object)
    else { return nil }
    self.init(path: path, resolvedPath: resolved, identity: identity)
  }
}

extension FileIdentity {
  fileprivate func write(to json: inout JSONWriter<[UInt8]>) {
    json.member("size", size)
    json.member("modified_ns", modified)
    json.member("inode", String(inode))
    json.member("device", String(device))
    if let born { json.member("born_ns", born) }
  }

  fileprivate init?(_ object: borrowing JSONValue) {
    guard let size = object["size"]?.int, size >= 0, let modified = object["modified_ns"]?.int,
      let inode = object["inode"]?.string().flatMap({ UInt64($0) }),
      let device = object["device"]?.string().flatMap({ UInt64($0) })
    else { return nil }
    self.init(size: size, modified: modified, inode: inode, device: device, born: object["born_ns"]?.int)
  }
}

extension VideoRecord {
  fileprivate func write(to json: inout JSONWriter<[UInt8]>) {
    json.member("video_id", videoID)
    json.member("request_id", requestID)
    json.member("bucket", bucket)
    json.member("endpoint", endpoint)
    json.member("key", key)
    if let region { json.member("region", region) }
  }

  fileprivate init?(_ object: borrowing JSONValue) {
    guard let videoID = object["video_id"]?.string(), let requestID = object["request_id"]?.string(),
      let bucket = object["bucket"]?.string(), let endpoint = object["endpoint"]?.string(),
      let key = object["key"]?.string()
    else { return nil }
    self.init(
      videoID: videoID, requestID: requestID, bucket: bucket, endpoint: endpoint, key: key,
      region: object["region"]?.string())
  }
}

extension FinishedPart {
  fileprivate func write(to json: inout JSONWriter<[UInt8]>) {
    json.member("part", Int64(number))
    json.member("offset", offset)
    json.member("length", length)
    json.member("etag", etag.description)
    json.member("crc64", String(crc64))
  }

  fileprivate init?(_ object: borrowing JSONValue) {
    guard let number = object["part"]?.int, (1...10_000).contains(number), let offset = object["offset"]?.int,
      offset >= 0, let length = object["length"]?.int, length >= 0, !offset.addingReportingOverflow(length).overflow,
      let etag = object["etag"]?.string(), let crc64 = object["crc64"]?.string().flatMap({ UInt64($0) })
    else { return nil }
    self.init(number: Int32(number), offset: offset, length: length, etag: ETag(etag), crc64: crc64)
  }
}
