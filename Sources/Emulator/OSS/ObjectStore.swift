import Glibc
import Synchronization

/// The objects and unfinished uploads of the emulated OSS, and the credentials for them.
///
/// The information about them is in memory, their bytes are in files; no file is accessed while the lock on the information is
/// held.
package final class ObjectStore: Sendable {
  private struct State {
    var objects: [ObjectName: StoredObject] = [:]
    var uploads: [String: MultipartUpload] = [:]
    /// Grants created elsewhere, by key and token.
    var foreign: [String: UploadGrant] = [:]
    /// The code with which requests with these keys are refused, whatever their tokens say.
    var ended: [String: OSSSettings.ExpiredCode] = [:]
  }

  let directory: ObjectDirectory
  private let mint: GrantMint
  private let state = Mutex(State())
  /// Held while a file replaces an object's and the object's entry is made, so that the two agree.
  private let placing = Mutex(())

  /// `path` is a directory, created if necessary; an object is the file BUCKET/KEY in it.
  package init(directory path: String, region: String = "cn-shanghai") {
    directory = ObjectDirectory(path)
    mint = GrantMint(region: region)
  }

  /// Nil until a PUT or Complete of `object` has succeeded.
  package func stored(_ object: ObjectName) -> StoredObject? { state.withLock { $0.objects[object] } }

  /// All finished objects.
  package var all: [ObjectName: StoredObject] { state.withLock { $0.objects } }

  /// Makes a file with this sum the object.
  func place(
    _ file: StorageFile, as object: ObjectName, _ sum: ContentSum, etag: String, at now: WallTime
  ) throws(StorageError) -> StoredObject {
    try placing.withLock { _ throws(StorageError) in
      try directory.place(file, as: object)
      return state.withLock { state in
        let writes = (state.objects[object]?.writes ?? 0) + 1
        let stored = StoredObject(size: sum.size, crc64: sum.crc64, etag: etag, time: now, writes: writes)
        state.objects[object] = stored
        return stored
      }
    }
  }

  /// Also if there is no such object.
  func remove(_ object: ObjectName) throws(StorageError) {
    try placing.withLock { _ throws(StorageError) in
      let isKnown = state.withLock { $0.objects.removeValue(forKey: object) != nil }
      if isKnown { try directory.remove(object) }
    }
  }
}

// Credentials.
extension ObjectStore {
  /// The region of the buckets.
  package var region: String { mint.region }

  /// A new credential for `object`, valid for `lifetime` seconds from `now` on.
  package func grant(for object: ObjectName, lifetime: Int, at now: WallTime) -> UploadGrant {
    mint.grant(for: object, expires: now.advanced(bySeconds: Int64(lifetime)))
  }

  /// Accepts a credential that was created elsewhere; with an empty token it is a key that needs none.
  package func add(_ grant: UploadGrant) {
    state.withLock { $0.foreign["\(grant.keyID) \(grant.token)"] = grant }
  }

  /// Nil for a token that isn't this store's, or is another key's.
  func grant(ofToken token: String, keyID: String) -> UploadGrant? {
    guard let grant = mint.grant(of: token) else { return state.withLock { $0.foreign["\(keyID) \(token)"] } }
    return grant.keyID == keyID ? grant : nil
  }

  /// Refuses the credential with this key as expired from now on.
  package func end(keyID: String, as code: OSSSettings.ExpiredCode) { state.withLock { $0.ended[keyID] = code } }

  func endedCode(of keyID: String) -> OSSSettings.ExpiredCode? { state.withLock { $0.ended[keyID] } }
}

// Uploads in parts.
extension ObjectStore {
  /// The new upload's id.
  func beginUpload(of object: ObjectName) -> String {
    let id = TextCoding.upperHex(Digests.random(16))
    state.withLock { $0.uploads[id] = MultipartUpload(id: id, object: object) }
    return id
  }

  /// Nil if there is no such upload of this object: never begun, finished or aborted.
  func upload(_ id: String, of object: ObjectName) -> MultipartUpload? {
    state.withLock { $0.uploads[id].flatMap { $0.object == object ? $0 : nil } }
  }

  /// Ends all unfinished multipart uploads of `object` and removes their parts, like VOD's DeleteMultipartUpload.
  package func removeUploads(of object: ObjectName) {
    // A file is removed with its last reference, which must not happen under the lock.
    let removed = state.withLock { state in
      let removed = state.uploads.filter { $0.value.object == object }
      for id in removed.keys { state.uploads[id] = nil }
      return removed
    }
    withExtendedLifetime(removed) {}
  }

  /// How many uploads of `object` are unfinished.
  package func unfinishedUploads(of object: ObjectName) -> Int {
    state.withLock { state in state.uploads.values.count { $0.object == object } }
  }

  /// Removes an upload with its parts; nil if there is none.
  @discardableResult
  func takeUpload(_ id: String, of object: ObjectName) -> MultipartUpload? {
    state.withLock { state in
      guard state.uploads[id]?.object == object else { return nil }
      return state.uploads.removeValue(forKey: id)
    }
  }

  func putBack(_ upload: MultipartUpload) { state.withLock { $0.uploads[upload.id] = upload } }

  /// Where to write part `number`; nil if there is no such upload.
  func placeForPart(
    _ number: Int, length: Int?, of id: String
  ) throws(StorageError) -> (file: StorageFile, offset: Int)? {
    if let place = state.withLock({ $0.uploads[id]?.reserve(number, length: length, draft: nil) }) { return place }
    let draft = try directory.newDraft()
    return state.withLock { state in
      guard state.uploads[id] != nil else { return nil }
      return state.uploads[id]?.reserve(number, length: length, draft: draft) ?? (draft, 0)
    }
  }

  func releasePlace(_ number: Int, in file: StorageFile, of id: String) {
    state.withLock { $0.uploads[id]?.release(number, in: file) }
  }

  /// False if the upload has ended meanwhile.
  func add(_ part: MultipartUpload.Part, number: Int, to id: String) -> Bool {
    let (isKnown, former) = state.withLock { state in
      guard let upload = state.uploads[id] else { return (false, nil as MultipartUpload.Part?) }
      state.uploads[id]?.add(number, part)
      return (true, upload.parts[number])
    }
    withExtendedLifetime(former) {}
    return isKnown
  }
}
