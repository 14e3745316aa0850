/// The upload operations of ApsaraVideo VOD (API 2017-03-21).
struct VODService: Sendable {
  /// `HOST[:PORT]` of the object storage for UploadAddress, if the settings name none.
  var uploadHost: String?
  private let store: any UploadStore
  private var library = VideoLibrary()
  private var rates = CallRates()

  init(store: any UploadStore) { self.store = store }

  mutating func resetRates() { rates = CallRates() }

  mutating func perform(
    _ call: ProvenCall, in model: AccountModel, at now: WallTime
  ) throws(Refusal) -> Performed {
    guard let operation = VODOperation(rawValue: call.action) else { throw .noSuchAction }
    let settings = model.vod
    let limit = settings.limit(of: operation, in: store.region)
    guard rates.admit(call.action, of: call.caller.account, perSecond: limit, at: now) else { throw .userThrottled }
    // VOD has no permissions for single resources (API reference, "Authorization information").
    let question = AccessQuestion(action: "vod:\(call.action)", resource: "*", context: call.context)
    guard model.decision(for: call.caller, on: question) == .allowed else {
      throw .notAuthorized(code: settings.permissionError)
    }
    switch operation {
    case .createUploadVideo: return try create(call, by: settings, at: now)
    case .refreshUploadVideo: return refresh(try video(named: call), by: settings, at: now)
    case .getMezzanineInfo: return mezzanine(of: try video(named: call), by: settings, at: now)
    case .getUploadDetails: return try uploadDetails(call, by: settings, at: now)
    case .deleteMultipartUpload: return try deleteUpload(call)
    }
  }

  /// All videos, oldest first.
  func report(by settings: VODSettings, at now: WallTime) -> [VideoReport] {
    library.videos.map { video in
      let stored = store.stored(video.object)
      return VideoReport(video, stored: stored, status: VideoStatus(of: stored, by: settings, at: now))
    }
  }

  private mutating func create(
    _ call: ProvenCall, by settings: VODSettings, at now: WallTime
  ) throws(Refusal) -> Performed {
    let request = try CreateVideoRequest(call.parameters, settings: settings)
    let account = call.caller.account
    if let id = request.referenceID, let known = library.video(VideoReference(account: account, id: id)) {
      switch settings.repeatedReference {
      case .refuse: throw .repeatedReference
      case .same: return refresh(known, by: settings, at: now)
      case .another: break
      }
    }
    let video = Video(request, account: account, from: call.sourceAddress, at: now)
    library.add(video)
    return ticket(for: video, by: settings, at: now)
  }

  private mutating func refresh(_ video: Video, by settings: VODSettings, at now: WallTime) -> Performed {
    library.noteRefresh(of: video.id, at: now)
    return ticket(for: video, by: settings, at: now)
  }

  /// A credential for a finished object can only overwrite it, so it is counted separately.
  private func ticket(for video: Video, by settings: VODSettings, at now: WallTime) -> Performed {
    let ticket = UploadTicket(
      grant: store.grant(for: video.object, lifetime: settings.uploadLifetimeSeconds, at: now),
      host: host(by: settings),
      settings: settings)
    return Performed(
      fields: [
        "VideoId": .text(video.id), "UploadAddress": .text(ticket.address), "UploadAuth": .text(ticket.auth),
      ], result: store.stored(video.object) == nil ? "OK" : "overwrite refresh")
  }

  private func host(by settings: VODSettings) -> String {
    settings.endpoint ?? uploadHost ?? "oss-\(store.region).aliyuncs.com"
  }

  /// The video named by VideoId or otherwise ReferenceId.
  private func video(named call: ProvenCall) throws(Refusal) -> Video {
    let account = call.caller.account
    if let id = call.parameters["VideoId"], !id.isEmpty {
      guard let video = library.video(id, of: account) else { throw .noSuchVideo }
      return video
    }
    guard let id = call.parameters["ReferenceId"], !id.isEmpty else { throw .missing("VideoId") }
    guard VideoReference.isWellFormed(id) else { throw .wronglyFormed("ReferenceId") }
    guard let video = library.video(VideoReference(account: account, id: id)) else { throw .noSuchVideo }
    return video
  }

  /// What is known before transcoding (GetMezzanineInfo).
  private func mezzanine(of video: Video, by settings: VODSettings, at now: WallTime) -> Performed {
    let stored = store.stored(video.object)
    let status = VideoStatus(of: stored, by: settings, at: now)
    var fields: Fields = [
      "VideoId": .text(video.id), "Status": .text(status.name), "CreationTime": .text(video.created.isoText),
      "FileName": .text(video.object.key.split(separator: "/").last.map(String.init) ?? ""),
      "FileURL": .text("https://\(video.object.bucket).\(host(by: settings))/\(video.object.key)"),
      "OutputType": .text("oss"), "StorageClass": .text("Standard"), "PreprocessStatus": .text("UnPreprocess"),
      "AudioStreamList": .list([]), "VideoStreamList": .list([]),
    ]
    if let stored, status != .uploading { fields.append("Size", .number(Int64(stored.size))) }
    return Performed(fields: ["Mezzanine": .object(fields)])
  }

  private func uploadDetails(
    _ call: ProvenCall, by settings: VODSettings, at now: WallTime
  ) throws(Refusal) -> Performed {
    guard let list = call.parameters["MediaIds"], !list.isEmpty else { throw .missing("MediaIds") }
    guard ["video", "", nil].contains(call.parameters["MediaType"]) else { throw .mediaType }
    let ids = list.split(separator: ",").map(String.init)
    guard ids.count <= 20 else { throw .tooManyMedia }
    let videos = ids.compactMap { library.video($0, of: call.caller.account) }
    let unknown = ids.filter { id in !videos.contains { $0.id == id } }
    return Performed(fields: [
      "UploadDetails": .list(videos.map { .object(details(of: $0, by: settings, at: now)) }),
      "NonExistMediaIds": .list(unknown.map { .text($0) }), "ForbiddenMediaIds": .list([]),
    ])
  }

  private func details(of video: Video, by settings: VODSettings, at now: WallTime) -> Fields {
    let stored = store.stored(video.object)
    let status = VideoStatus(of: stored, by: settings, at: now)
    let isStored = status != .uploading
    var fields: Fields = [
      "MediaId": .text(video.id), "Title": .text(video.title), "Status": .text(status.videoStatus),
      "CreationTime": .text(video.created.isoText),
      "ModificationTime": .text((video.refreshed ?? video.created).isoText),
      // The parts of an unfinished upload aren't counted.
      "UploadRatio": .number(isStored ? 1 : 0), "UploadSize": .number(isStored ? Int64(stored?.size ?? 0) : 0),
      "UploadIP": .text(video.sourceAddress),
    ]
    if let size = video.fileSize { fields.append("FileSize", .number(size)) }
    if isStored, let stored { fields.append("CompletionTime", .text(stored.time.isoText)) }
    return fields
  }

  private func deleteUpload(_ call: ProvenCall) throws(Refusal) -> Performed {
    guard let id = call.parameters["MediaId"], !id.isEmpty else { throw .missing("MediaId") }
    guard let type = call.parameters["MediaType"], !type.isEmpty else { throw .missing("MediaType") }
    guard type == "video" else { throw .mediaType }
    guard let video = library.video(id, of: call.caller.account) else { throw .noSuchVideoToDelete }
    store.removeUploads(of: video.object)
    return Performed(fields: [:])
  }
}
