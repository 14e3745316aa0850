/// The emulated VOD's behaviour, especially where the vendor's pages leave it open.
package struct VODSettings: Sendable, Equatable {
  /// How CreateUploadVideo handles a ReferenceId that a video already has. The service's behaviour isn't known.
  package enum RepeatedReference: String, Sendable, CaseIterable {
    /// Refuses it, with `InvalidReferenceId.Duplicate`; the code is a guess.
    case refuse
    /// Answers with the video that has it, like RefreshUploadVideo.
    case same
    /// Creates another video, which has the ReferenceId from then on.
    case another
  }

  /// `HOST[:PORT]` of the object storage in UploadAddress; nil for the emulator's own.
  package var endpoint: String?
  /// Whether UploadAddress's Endpoint begins with `https://`: documented so, but seen without.
  package var withScheme = true
  /// The lifetime of an upload credential (the vendor's "Upload URLs and credentials": 3,000 s).
  package var uploadLifetimeSeconds = 3000
  /// Whether UploadAuth has ExpireUTCTime and Region, which no page documents and public clients have seen.
  package var withExpireUTCTime = true
  package var withRegion = true
  package var repeatedReference = RepeatedReference.refuse
  /// Whether lengths of Title, Description and tags are in bytes of UTF-8. The parameters' descriptions say characters, the errors'
  /// bytes.
  package var countsBytes = false
  /// The code for a call that policies don't allow. `NoPermission` and `Forbidden…` both occur.
  package var permissionError = "NoPermission"
  /// The allowed values of TemplateGroupId.
  package var templateGroups: [String] = []
  /// The allowed values of StorageLocation, as `BUCKET.oss-REGION.aliyuncs.com`.
  package var storageLocations: [String] = []
  /// How long after an object is finished VOD notices it.
  package var noticeSeconds: Int64 = 0
  /// How long processing a noticed video takes.
  package var processingSeconds: Int64 = 0
  /// The calls per second and account, by operation, if they differ from the vendor's.
  package var callsPerSecond: [String: Int] = [:]

  package init() {}

  /// From "API QPS limits" (October 2024, February 2025); GetMezzanineInfo isn't listed there, so its figure is made up.
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
