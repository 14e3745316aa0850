import Glibc

extension ObjectStore {
  /// Puts the listed parts together and makes them the object. The upload is over then, unless this throws.
  func complete(_ id: String, of object: ObjectName, _ list: PartList, at now: WallTime) throws -> StoredObject {
    // A list that is refused must not hide the upload from other requests meanwhile.
    _ = try upload(id, of: object)?.chosen(list)
    guard let upload = takeUpload(id, of: object) else { throw OSSRefusal.noSuchUpload.with("UploadId", id) }
    do {
      let parts = try upload.chosen(list)
      let sum = parts.joinedSum
      let etag = "\(sum.etag.dropLast())-\(parts.count)\""
      return try place(try joined(parts, size: sum.size), as: object, sum, etag: etag, at: now)
    } catch {
      putBack(upload)
      throw error
    }
  }

  /// One file of all parts in a row: the one that they are in already, if it can be, else a new one.
  private func joined(_ parts: [MultipartUpload.Part], size: Int) throws(StorageError) -> StorageFile {
    let starts = parts.reduce(into: [0]) { $0.append($0.last! + $1.sum.size) }
    // A file serves when whatever is in it lies where it belongs.
    let candidates = [parts.first?.file, parts.last?.file].compactMap(\.self)
    let base = candidates.first { file in
      zip(parts, starts).allSatisfy { part, start in part.file !== file || part.offset == start }
    }
    let target = if let base { base } else { try directory.newDraft() }
    let descriptor = try target.open(O_WRONLY)
    defer { close(descriptor) }
    for (part, start) in zip(parts, starts) where part.file !== target {
      let source = try part.file.open(O_RDONLY)
      defer { close(source) }
      try FileJoin.copy(from: source, at: part.offset, to: descriptor, at: start, size: part.sum.size)
    }
    // Parts that were sent and aren't listed may lie behind.
    guard ftruncate(descriptor, size) == 0 else { throw StorageError(attempt: "cut an object", number: errno) }
    return target
  }
}
