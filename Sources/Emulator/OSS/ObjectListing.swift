/// A page of a bucket's objects, for ListObjects and ListObjectsV2.
struct ObjectListing: Sendable {
  private static let most = 1000

  private let isV2: Bool
  private let prefix: String
  private let delimiter: String
  private let limit: Int
  /// Only keys after this one.
  private let marker: String
  private let isEncoded: Bool
  private let parameters: Parameters

  init(_ parameters: Parameters, isV2: Bool) throws(OSSRefusal) {
    guard let limit = Int(parameters["max-keys"] ?? "100"), (0...Self.most).contains(limit) else { throw .listing }
    self.limit = limit
    self.isV2 = isV2
    self.parameters = parameters
    prefix = parameters["prefix"] ?? ""
    delimiter = parameters["delimiter"] ?? ""
    marker =
      (isV2 ? parameters["continuation-token"] ?? parameters["start-after"] : parameters["marker"]) ?? ""
    isEncoded = parameters["encoding-type"] == "url"
  }

  func fields(_ objects: [ObjectName: StoredObject], in bucket: String) -> Fields {
    let keys = objects.keys.filter { $0.bucket == bucket && $0.key.hasPrefix(prefix) }.map(\.key)
      .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    var entries: [(name: String, isPrefix: Bool)] = []
    for key in keys {
      let group = self.group(of: key)
      if let group, entries.last?.name == group { continue }
      entries.append((group ?? key, group != nil))
    }
    let rest = entries.filter { marker.utf8.lexicographicallyPrecedes($0.name.utf8) }
    let page = rest.prefix(limit)
    var fields: Fields = [
      "Name": .text(bucket), "Prefix": .text(encoded(prefix)), "MaxKeys": .number(Int64(limit)),
      "Delimiter": .text(encoded(delimiter)), "IsTruncated": .flag(page.count < rest.count),
    ]
    if isEncoded { fields.append("EncodingType", .text("url")) }
    appendPlace(to: &fields, count: page.count, next: page.count < rest.count ? page.last?.name : nil)
    for entry in page where !entry.isPrefix {
      guard let stored = objects[ObjectName(bucket: bucket, key: entry.name)] else { continue }
      fields.append("Contents", .object(contents(entry.name, stored)))
    }
    for entry in page where entry.isPrefix {
      fields.append("CommonPrefixes", .object(["Prefix": .text(encoded(entry.name))]))
    }
    return fields
  }

  private func appendPlace(to fields: inout Fields, count: Int, next: String?) {
    if isV2 {
      fields.append("KeyCount", .number(Int64(count)))
      if let token = parameters["continuation-token"] { fields.append("ContinuationToken", .text(token)) }
      if let next { fields.append("NextContinuationToken", .text(next)) }
    } else {
      fields.append("Marker", .text(encoded(marker)))
      if let next { fields.append("NextMarker", .text(encoded(next))) }
    }
  }

  private func contents(_ key: String, _ stored: StoredObject) -> Fields {
    [
      "Key": .text(encoded(key)), "LastModified": .text("\(stored.time.isoText.dropLast()).000Z"),
      "ETag": .text(stored.etag), "Type": .text("Normal"), "Size": .number(Int64(stored.size)),
      "StorageClass": .text("Standard"),
    ]
  }

  /// The key's part up to the delimiter after the prefix; nil without one.
  private func group(of key: String) -> String? {
    guard !delimiter.isEmpty else { return nil }
    let rest = key.dropFirst(prefix.count)
    guard let range = rest.firstRange(of: delimiter) else { return nil }
    return prefix + rest[..<range.upperBound]
  }

  private func encoded(_ text: String) -> String {
    isEncoded ? TextCoding.percentEncoded(text, keepingSlashes: true) : text
  }
}
