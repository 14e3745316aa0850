/// An upload in parts that isn't finished.
struct MultipartUpload: Sendable {
  struct Part: Sendable {
    let sum: ContentSum
    let file: StorageFile
    /// Where in the file it begins.
    let offset: Int
    let time: WallTime
  }

  /// One file in which parts lie where they'll lie in the object, so that finishing it copies nothing.
  ///
  /// That goes as far as all parts but the last are of one size, as clients have them, and their numbers equally far apart. Others
  /// get files of their own, and so does a part that is sent again: a failing second try must not damage the first.
  private struct Slots: Sendable {
    let file: StorageFile
    let size: Int
    /// How far apart the numbers of neighbours are, which may leave gaps: taken from the first two parts, when number 1 is the first.
    var step: Int?
    var taken: Set<Int> = []

    /// Where part `number` lies in the file; nil where it can't.
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
  /// A file that is sparse up to here is one that every file system takes.
  private static let mostOffset = 64 << 30

  let id: String
  let object: ObjectName
  private(set) var parts: [Int: Part] = [:]
  private var slots: Slots?

  init(id: String, object: ObjectName) {
    self.id = id
    self.object = object
  }

  /// Where part `number` of `length` bytes may be written; nil for a file of its own. `draft` becomes the file of all when
  /// there is none yet.
  mutating func reserve(_ number: Int, length: Int?, draft: StorageFile?) -> (file: StorageFile, offset: Int)? {
    guard let length, length > 0 else { return nil }
    if slots == nil, let draft { slots = Slots(file: draft, size: length) }
    guard var known = slots, length <= known.size, let offset = known.offset(of: number), offset < Self.mostOffset,
      known.taken.insert(number).inserted
    else { return nil }
    slots = known
    return (known.file, offset)
  }

  /// Gives back a place that came to nothing.
  mutating func release(_ number: Int, in file: StorageFile) {
    guard slots?.file === file, parts[number]?.file !== file else { return }
    slots?.taken.remove(number)
  }

  mutating func add(_ number: Int, _ part: Part) { parts[number] = part }

  /// The parts of `list` in order, checked.
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

  /// With or without quotes, in small or large letters.
  private static func isSame(_ left: String, _ right: String) -> Bool {
    func bare(_ text: String) -> String { String(text.lowercased().drop { $0 == "\"" }.prefix { $0 != "\"" }) }
    return bare(left) == bare(right)
  }
}

extension [MultipartUpload.Part] {
  /// The sum of all parts in a row; the digest is that of the digests.
  var joinedSum: ContentSum {
    var crc: UInt64 = 0
    for part in self { crc = CRC64.combined(crc, part.sum.crc64, length: part.sum.size) }
    return ContentSum(
      size: reduce(0) { $0 + $1.sum.size }, crc64: crc, digest: MD5.of(flatMap(\.sum.digest)))
  }
}
