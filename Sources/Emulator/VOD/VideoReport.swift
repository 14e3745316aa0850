/// A video as the control endpoint shows it.
package struct VideoReport: Sendable {
  package let id: String
  package let account: String
  package let title: String
  package let fileName: String
  package let referenceID: String?
  /// The optional parameters of CreateUploadVideo that were sent.
  package let details: [(name: String, value: String)]
  package let object: ObjectName
  package let status: String
  package let created: WallTime
  package let refreshed: WallTime?
  /// Nil until the object is finished.
  package let stored: StoredObject?

  init(_ video: Video, stored: StoredObject?, status: VideoStatus) {
    id = video.id
    account = video.account
    title = video.title
    fileName = video.fileName
    referenceID = video.referenceID
    details = video.details
    object = video.object
    self.status = status.name
    created = video.created
    refreshed = video.refreshed
    self.stored = stored
  }
}
