/// The id that a video's creator chose: unique in an account.
struct VideoReference: Hashable, Sendable {
  let account: String
  let id: String

  /// 6–64 letters, digits, `-` and `_` (CreateUploadVideo, ReferenceId).
  static func isWellFormed(_ id: String) -> Bool {
    (6...64).contains(id.utf8.count)
      && id.utf8.allSatisfy { RoleReference.isLetterOrDigit($0) || "-_".utf8.contains($0) }
  }
}

/// The videos of all accounts.
struct VideoLibrary: Sendable {
  private(set) var videos: [Video] = []
  private var placeByID: [String: Int] = [:]
  private var placeByReference: [VideoReference: Int] = [:]

  mutating func add(_ video: Video) {
    placeByID[video.id] = videos.count
    if let id = video.referenceID {
      placeByReference[VideoReference(account: video.account, id: id)] = videos.count
    }
    videos.append(video)
  }

  /// Nil if the account has no such video.
  func video(_ id: String, of account: String) -> Video? {
    placeByID[id].map { videos[$0] }.flatMap { $0.account == account ? $0 : nil }
  }

  func video(_ reference: VideoReference) -> Video? { placeByReference[reference].map { videos[$0] } }

  mutating func noteRefresh(of id: String, at now: WallTime) {
    if let place = placeByID[id] { videos[place].refreshed = now }
  }
}
