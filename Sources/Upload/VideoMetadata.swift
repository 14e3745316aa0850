/// A description of a video: the optional parameters of CreateUploadVideo, unchecked.
///
/// Members are nil if they aren't given.
package struct VideoMetadata: Hashable, Sendable {
  package var title: String?
  package var description: String?
  /// In the order given.
  package var tags: [String]?
  package var categoryID: Int64?
  package var coverURL: String?
  package var templateGroupID: String?
  package var workflowID: String?
  package var storageLocation: String?
  /// The text of a JSON object.
  package var userData: String?
  package var appID: String?
  package var enableFirstFrameCover: Bool?
  package var generateThumbnail: Bool?

  package init() {}

  /// These members, and those of `others` for members that aren't given.
  package func over(_ others: VideoMetadata) -> VideoMetadata {
    var merged = self
    merged.title = title ?? others.title
    merged.description = description ?? others.description
    merged.tags = tags ?? others.tags
    merged.categoryID = categoryID ?? others.categoryID
    merged.coverURL = coverURL ?? others.coverURL
    merged.templateGroupID = templateGroupID ?? others.templateGroupID
    merged.workflowID = workflowID ?? others.workflowID
    merged.storageLocation = storageLocation ?? others.storageLocation
    merged.userData = userData ?? others.userData
    merged.appID = appID ?? others.appID
    merged.enableFirstFrameCover = enableFirstFrameCover ?? others.enableFirstFrameCover
    merged.generateThumbnail = generateThumbnail ?? others.generateThumbnail
    return merged
  }
}
