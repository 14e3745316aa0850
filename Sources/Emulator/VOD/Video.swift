/// A media entry created by CreateUploadVideo.
struct Video: Sendable {
  /// 32 hexadecimal digits.
  let id: String
  /// The account that it belongs to.
  let account: String
  let title: String
  /// The caller's name for the file; it is stored as `object`.
  let fileName: String
  /// The declared size in bytes.
  let fileSize: Int64?
  let referenceID: String?
  let details: [(name: String, value: String)]
  let object: ObjectName
  let created: WallTime
  /// The address that CreateUploadVideo came from.
  let sourceAddress: String
  /// The time of the last RefreshUploadVideo.
  var refreshed: WallTime?

  init(_ request: CreateVideoRequest, account: String, from sourceAddress: String, at now: WallTime) {
    id = TextCoding.hex(Digests.random(16))
    self.account = account
    title = request.title
    fileName = request.fileName
    fileSize = request.fileSize
    referenceID = request.referenceID
    details = request.details
    self.sourceAddress = sourceAddress
    created = now
    // Names that public clients have got: sv/…/….EXTENSION in a bucket outin-…, or the storage location's.
    let name = "\(id.prefix(8))-\(id.dropFirst(8).prefix(12))"
    object = ObjectName(
      bucket: request.storageLocation.map { String($0.prefix { $0 != "." }) } ?? Self.bucket(of: account),
      key: "sv/\(name)/\(name).\(request.fileExtension)")
  }

  private static func bucket(of account: String) -> String {
    "outin-" + TextCoding.hex(Digests.sha256(Array("bucket of \(account)".utf8))).prefix(32)
  }
}

/// A video's progress.
enum VideoStatus: Sendable {
  case uploading
  /// Stored and noticed.
  case uploaded
  case normal

  init(of stored: StoredObject?, by settings: VODSettings, at now: WallTime) {
    guard let stored else {
      self = .uploading
      return
    }
    let noticed = stored.time.advanced(bySeconds: settings.noticeSeconds)
    if now < noticed {
      self = .uploading
    } else {
      self = now < noticed.advanced(bySeconds: settings.processingSeconds) ? .uploaded : .normal
    }
  }

  /// The name in GetMezzanineInfo. Its own list has no Uploaded; "Upload URLs and credentials" has.
  var name: String {
    switch self {
    case .uploading: "Uploading"
    case .uploaded: "Uploaded"
    case .normal: "Normal"
    }
  }

  /// The name in a list of videos.
  var videoStatus: String { self == .uploaded ? "UploadSucc" : name }
}
