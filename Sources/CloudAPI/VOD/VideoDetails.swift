internal import Core

/// What is said of a video when it is made: the parameters of CreateUploadVideo, within the limits of the API.
///
/// Nothing is ever cut to fit: what is too long is an error that names the parameter.
package struct VideoDetails: Hashable, Sendable {
  /// The parameters as they come, before they are checked; nil leaves one out.
  package struct Draft: Hashable, Sendable {
    package var title: String
    /// A name or a path, with an extension that VOD takes (`VideoFormat`).
    package var fileName: String
    /// In bytes.
    package var fileSize: Int64?
    package var description: String?
    /// None when empty.
    package var tags: [String] = []
    package var coverURL: String?
    /// A JSON object as text.
    package var userData: String?
    package var categoryID: Int64?
    package var templateGroupID: String?
    /// Wins over `templateGroupID`.
    package var workflowID: String?
    package var storageLocation: String?
    package var appID: String?
    package var referenceID: String?
    package var enableFirstFrameCover: Bool?
    package var generateThumbnail: Bool?

    package init(title: String, fileName: String, fileSize: Int64? = nil) {
      self.title = title
      self.fileName = fileName
      self.fileSize = fileSize
    }
  }

  /// As they were given.
  package let draft: Draft
  package let referenceID: ReferenceID?

  package init(_ draft: Draft) throws(VideoDetailsError) {
    try draft.check()
    self.draft = draft
    referenceID = draft.referenceID.flatMap { ReferenceID($0) }
  }

  /// The same, with that id.
  package func named(_ id: ReferenceID) -> VideoDetails { VideoDetails(self, id) }

  private init(_ details: VideoDetails, _ id: ReferenceID) {
    var draft = details.draft
    draft.referenceID = id.description
    self.draft = draft
    referenceID = id
  }

  /// By the names of the API, values not encoded.
  var parameters: [(name: String, value: String)] {
    var parameters = [("Title", draft.title), ("FileName", draft.fileName)]
    let optional: [(String, String?)] = [
      ("FileSize", draft.fileSize.map { String($0) }), ("Description", draft.description),
      ("Tags", draft.tags.isEmpty ? nil : draft.tags.joined(separator: ",")), ("CoverURL", draft.coverURL),
      ("UserData", draft.userData), ("CateId", draft.categoryID.map { String($0) }),
      ("TemplateGroupId", draft.templateGroupID), ("WorkflowId", draft.workflowID),
      ("StorageLocation", draft.storageLocation), ("AppId", draft.appID), ("ReferenceId", draft.referenceID),
      ("EnableFirstFrameCover", draft.enableFirstFrameCover.map { String($0) }),
      ("GenerateThumbnail", draft.generateThumbnail.map { String($0) }),
    ]
    for (name, value) in optional {
      if let value { parameters.append((name, value)) }
    }
    return parameters
  }
}
