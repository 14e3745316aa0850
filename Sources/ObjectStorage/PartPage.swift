internal import Core

/// A page of the parts of an upload.
package struct PartPage: Hashable, Sendable {
  package struct Part: Hashable, Sendable {
    package let number: Int
    /// Without its quotes.
    package let etag: String
    /// In bytes; nil when the answer has none.
    package let size: Int64?

    package init(number: Int, etag: String, size: Int64?) {
      self.number = number
      self.etag = etag
      self.size = size
    }
  }

  /// In ascending order of their numbers.
  package let parts: [Part]
  /// Where the next page begins (`listParts(after:)`); nil when this is the last.
  package let next: Int?

  package init(parts: [Part], next: Int?) {
    self.parts = parts
    self.next = next
  }

  static let elements: Set<String> = ["Part", "PartNumber", "ETag", "Size", "IsTruncated", "NextPartNumberMarker"]

  init(_ root: XMLElement) throws(OSSFault) {
    var parts: [Part] = []
    for element in root.children where element.name == "Part" { parts.append(try Part(element)) }
    parts.sort { $0.number < $1.number }
    self.parts = parts
    next =
      root.text(of: "IsTruncated")?.lowercased() == "true"
      ? root.text(of: "NextPartNumberMarker").flatMap { Part.number($0) } ?? parts.last?.number : nil
  }
}

extension PartPage.Part {
  init(_ element: XMLElement) throws(OSSFault) {
    guard let number = element.text(of: "PartNumber") else { throw .missing("PartNumber") }
    guard let etag = element.text(of: "ETag") else { throw .missing("ETag") }
    guard let number = Self.number(number) else { throw .malformed("PartNumber") }
    guard let etag = ETag.bare(etag) else { throw .malformed("ETag") }
    self.init(
      number: number, etag: etag, size: element.text(of: "Size").flatMap { Int64(decimal: $0) })
  }

  /// 1 to 10,000.
  static func number(_ text: String) -> Int? { Int(decimal: text).flatMap { (1...10_000).contains($0) ? $0 : nil } }
}
