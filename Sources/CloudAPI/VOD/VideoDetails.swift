internal import Core

/// The description of a new video: the parameters of CreateUploadVideo, within the limits of the API.
///
/// Nothing is ever truncated: a value that is too long is an error that names the parameter.
package struct VideoDetails: Hashable, Sendable {
  /// The parameters as given, before they are checked; nil omits one.
  package struct Draft: Hashable, Sendable {
    package var title: String
    /// A name or a path, with an extension that VOD accepts (`VideoFormat`).
    package var fileName: String
    /// In bytes.
    package var fileSize: Int64?
    package var description: String?
    /// Omitted if empty.
    package var tags: [String] = []
    package var coverURL: String?
    /// A JSON object as text.
    package var userData: String?
    package var categoryID: Int64?
    package var templateGroupID: String?
    /// Takes precedence over `templateGroupID`.
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

  /// The parameters as they were given.
  package let draft: Draft
  package let referenceID: ReferenceID?

  package init(_ draft: Draft) throws(VideoDetailsError) {
    try draft.check()
    self.draft = draft
    referenceID = draft.referenceID.flatMap { ReferenceID($0) }
  }

  /// The same details with that id.
  package func named(_ id: ReferenceID) -> VideoDetails { VideoDetails(self, id) }

  private init(_ details: VideoDetails, _ id: ReferenceID) {
    var draft = details.draft
    draft.referenceID = id.description
    self.draft = draft
    referenceID = id
  }

  /// With the API's names, values not encoded.
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
