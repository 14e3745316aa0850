import Glibc

extension ObjectStore {
  /// Joins the listed parts into the object. The upload has ended then, unless this throws.
  func complete(_ id: String, of object: ObjectName, _ list: PartList, at now: WallTime) throws -> StoredObject {
    // Checked first: a list that is refused must not hide the upload from other requests meanwhile.
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

  /// One file with all parts in a row: the one that contains them already, if possible, otherwise a new one.
  private func joined(_ parts: [MultipartUpload.Part], size: Int) throws(StorageError) -> StorageFile {
    let starts = parts.reduce(into: [0]) { $0.append($0.last! + $1.sum.size) }
    // A file can be used if all parts in it are at their final positions.
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
    // Parts that were sent but aren't listed may follow.
    guard ftruncate(descriptor, size) == 0 else { throw StorageError(attempt: "cut an object", number: errno) }
    return target
  }
}
