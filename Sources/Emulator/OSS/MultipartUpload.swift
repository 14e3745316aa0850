/// An unfinished multipart upload.
struct MultipartUpload: Sendable {
  struct Part: Sendable {
    let sum: ContentSum
    let file: StorageFile
    /// Its offset in the file.
    let offset: Int
    let time: WallTime
  }

  /// One file with the parts at their positions in the object, so that finishing it copies nothing.
  ///
  /// That works if all parts but the last have the same size, as clients send them, and their numbers are equally far apart. Other
  /// parts get files of their own, and so does a part that is sent again: a failing second attempt must not damage the first.
  private struct Slots: Sendable {
    let file: StorageFile
    let size: Int
    /// The distance between the numbers of neighbours, which may leave gaps: taken from the first two parts, if number 1 is the
    /// first.
    var step: Int?
    var taken: Set<Int> = []

    /// The offset of part `number` in the file; nil if it can't be there.
    mutating func offset(of number: Int) -> Int? {
      if taken.isEmpty, number > 1 { step = 1 }
      guard number > 1 else { return 0 }
      let step = step ?? number - 1
      self.step = step
      return (number - 1) % step == 0 ? (number - 1) / step * size : nil
    }
  }

  /// 100 KB and 5 GB (UploadPart; read as KiB and GiB, which is (?)).
  static let leastPart = 100 << 10
  static let mostPart = 5 << 30
  /// Every file system supports a sparse file up to this size.
  private static let mostOffset = 64 << 30

  let id: String
  let object: ObjectName
  private(set) var parts: [Int: Part] = [:]
  private var slots: Slots?

  init(id: String, object: ObjectName) {
    self.id = id
    self.object = object
  }

  /// Where part `number` of `length` bytes may be written; nil for a file of its own. `draft` becomes the common file if there is
  /// none yet.
  mutating func reserve(_ number: Int, length: Int?, draft: StorageFile?) -> (file: StorageFile, offset: Int)? {
    guard let length, length > 0 else { return nil }
    if slots == nil, let draft { slots = Slots(file: draft, size: length) }
    guard var known = slots, length <= known.size, let offset = known.offset(of: number), offset < Self.mostOffset,
      known.taken.insert(number).inserted
    else { return nil }
    slots = known
    return (known.file, offset)
  }

  /// Releases a place that wasn't used in the end.
  mutating func release(_ number: Int, in file: StorageFile) {
    guard slots?.file === file, parts[number]?.file !== file else { return }
    slots?.taken.remove(number)
  }

  mutating func add(_ number: Int, _ part: Part) { parts[number] = part }

  /// The parts of `list` in order, after checks.
  func chosen(_ list: PartList) throws(OSSRefusal) -> [Part] {
    var chosen: [Part] = []
    for entry in list.entries {
      guard let part = parts[entry.number], Self.isSame(entry.etag, part.sum.etag) else {
        throw .part.with("PartNumber", String(entry.number))
      }
      chosen.append(part)
    }
    for (entry, part) in zip(list.entries, chosen).dropLast() where part.sum.size < Self.leastPart {
      throw .tooSmall.with("PartNumber", String(entry.number))
    }
    return chosen
  }

  /// With or without quotes, ignoring case.
  private static func isSame(_ left: String, _ right: String) -> Bool {
    func bare(_ text: String) -> String { String(text.lowercased().drop { $0 == "\"" }.prefix { $0 != "\"" }) }
    return bare(left) == bare(right)
  }
}

extension [MultipartUpload.Part] {
  /// The checksums of all parts in a row; the digest is that of the digests.
  var joinedSum: ContentSum {
    var crc: UInt64 = 0
    for part in self { crc = CRC64.combined(crc, part.sum.crc64, length: part.sum.size) }
    return ContentSum(
      size: reduce(0) { $0 + $1.sum.size }, crc64: crc, digest: MD5.of(flatMap(\.sum.digest)))
  }
}
