/// A media entry that CreateUploadVideo made.
struct Video: Sendable {
  /// 32 hexadecimal digits.
  let id: String
  /// The account that it belongs to.
  let account: String
  let title: String
  /// As the caller named the file; what it is stored as is `object`.
  let fileName: String
  /// In bytes, as declared.
  let fileSize: Int64?
  let referenceID: String?
  let details: [(name: String, value: String)]
  let object: ObjectName
  let created: WallTime
  /// From where CreateUploadVideo came.
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
    // Public clients were given such names: sv/…/….EXTENSION in a bucket outin-…, or the storage location's.
    let name = "\(id.prefix(8))-\(id.dropFirst(8).prefix(12))"
    object = ObjectName(
      bucket: request.storageLocation.map { String($0.prefix { $0 != "." }) } ?? Self.bucket(of: account),
      key: "sv/\(name)/\(name).\(request.fileExtension)")
  }

  private static func bucket(of account: String) -> String {
    "outin-" + TextCoding.hex(Digests.sha256(Array("bucket of \(account)".utf8))).prefix(32)
  }
}

/// How far a video has come.
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

  /// As GetMezzanineInfo names it. Its own list has no Uploaded; "Upload URLs and credentials" has.
  var name: String {
    switch self {
    case .uploading: "Uploading"
    case .uploaded: "Uploaded"
    case .normal: "Normal"
    }
  }

  /// As in the list of a video's statuses.
  var videoStatus: String { self == .uploaded ? "UploadSucc" : name }
}
