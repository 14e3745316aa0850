/// VOD's interface to the object storage for its uploads.
protocol UploadStore: Sendable {
  /// The region of the objects, such as `cn-shanghai`.
  var region: String { get }
  /// A new credential for `object`, valid for `lifetime` seconds from `now` on.
  func grant(for object: ObjectName, lifetime: Int, at now: WallTime) -> UploadGrant
  /// Nil until the object is finished.
  func stored(_ object: ObjectName) -> StoredObject?
  /// Removes the parts of unfinished uploads of `object`.
  func removeUploads(of object: ObjectName)
}

extension ObjectStore: UploadStore {}
