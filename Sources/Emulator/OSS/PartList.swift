/// The parts listed in a CompleteMultipartUpload.
struct PartList: Sendable {
  struct Entry: Sendable {
    let number: Int
    let etag: String
  }

  /// The maximum size of the list, in bytes: 10,000 parts take half of it.
  static let bodyLimit = 4 << 20
  static let numbers = 1...10_000

  let entries: [Entry]

  /// Reads `<CompleteMultipartUpload><Part><PartNumber>…</PartNumber><ETag>…</ETag></Part>…`; the order is checked.
  init(xml body: [UInt8]) throws(OSSRefusal) {
    guard body.count <= Self.bodyLimit, let root = XMLElement(body), root.name == "CompleteMultipartUpload",
      !root.children.isEmpty
    else { throw .malformedXML }
    var entries: [Entry] = []
    for part in root.children where part.name == "Part" {
      guard let number = part["PartNumber"].flatMap({ Int($0) }), let etag = part["ETag"] else { throw .malformedXML }
      guard Self.numbers.contains(number) else { throw .partNumber }
      guard number > entries.last?.number ?? 0 else { throw .partOrder }
      entries.append(Entry(number: number, etag: etag))
    }
    guard !entries.isEmpty else { throw .malformedXML }
    self.entries = entries
  }
}
