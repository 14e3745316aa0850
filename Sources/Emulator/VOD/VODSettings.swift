/// How the emulated VOD behaves, above all where the vendor's pages leave it open.
package struct VODSettings: Sendable, Equatable {
  /// What CreateUploadVideo does with a ReferenceId that a video has already. What the service does isn't known.
  package enum RepeatedReference: String, Sendable, CaseIterable {
    /// Refuses it, with `InvalidReferenceId.Duplicate`; the code is a guess.
    case refuse
    /// Answers with the video that has it, as RefreshUploadVideo does.
    case same
    /// Makes another video, to which the ReferenceId belongs from then on.
    case another
  }

  /// `HOST[:PORT]` of the object storage in UploadAddress; nil for the emulator's own.
  package var endpoint: String?
  /// Whether UploadAddress's Endpoint begins with `https://`: documented so, seen without.
  package var withScheme = true
  /// How long an upload credential is good (vendor's "Upload URLs and credentials": 3,000 s).
  package var uploadLifetimeSeconds = 3000
  /// Whether UploadAuth has ExpireUTCTime and Region, which no page documents and public clients have met.
  package var withExpireUTCTime = true
  package var withRegion = true
  package var repeatedReference = RepeatedReference.refuse
  /// Whether Title, Description and tags count in bytes of UTF-8. The parameters' texts say characters, the error's bytes.
  package var countsBytes = false
  /// The code of a call that policies don't allow. `NoPermission` and `Forbidden…` both occur.
  package var permissionError = "NoPermission"
  /// What TemplateGroupId may be.
  package var templateGroups: [String] = []
  /// What StorageLocation may be, as `BUCKET.oss-REGION.aliyuncs.com`.
  package var storageLocations: [String] = []
  /// How long after the object is finished VOD notices it.
  package var noticeSeconds: Int64 = 0
  /// How long a noticed video is processed.
  package var processingSeconds: Int64 = 0
  /// Calls a second and account, by operation, where they differ from the vendor's.
  package var callsPerSecond: [String: Int] = [:]

  package init() {}

  /// From "API QPS limits" (October 2024, February 2025); GetMezzanineInfo isn't in it, so its figure is made up.
  func limit(of operation: VODOperation, in region: String) -> Int {
    if let limit = callsPerSecond[operation.rawValue] { return limit }
    switch operation {
    case .createUploadVideo, .refreshUploadVideo:
      return ["cn-beijing", "cn-shanghai", "cn-shenzhen", "ap-southeast-1"].contains(region) ? 80 : 40
    case .getUploadDetails, .getMezzanineInfo: return 100
    case .deleteMultipartUpload: return 10
    }
  }
}
