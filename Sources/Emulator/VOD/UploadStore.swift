/// What VOD needs of the object storage that its uploads go to.
protocol UploadStore: Sendable {
  /// Where the objects are, such as `cn-shanghai`.
  var region: String { get }
  /// A new credential for `object`, good for `lifetime` seconds from `now` on.
  func grant(for object: ObjectName, lifetime: Int, at now: WallTime) -> UploadGrant
  /// nil until the object is finished.
  func stored(_ object: ObjectName) -> StoredObject?
  /// Removes the parts of unfinished uploads of `object`.
  func removeUploads(of object: ObjectName)
}

extension ObjectStore: UploadStore {}
