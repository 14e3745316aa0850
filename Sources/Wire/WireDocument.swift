internal import Core
package import JSON

/// A document of the socket's API without secrets: one line of JSON, always with the same keys in the same order.
///
/// Unknown values are null rather than left out; readers ignore unknown keys. Times are written `YYYY-MM-DDThh:mm:ssZ`, durations
/// in whole seconds.
package protocol WireDocument {
  func write(to json: inout JSONWriter<[UInt8]>)
  init(_ value: borrowing JSONValue) throws(WireError)
}

extension WireDocument {
  /// The line including its end.
  package func rendered() -> [UInt8] {
    var json = JSONWriter([UInt8]())
    write(to: &json)
    return json.finish() + [UInt8(ascii: "\n")]
  }

  /// Appends it to `bytes`, without the line's end.
  package func append(to bytes: inout [UInt8]) {
    // Moved there and back: a copy would duplicate everything in `bytes`.
    var sink: [UInt8] = []
    swap(&sink, &bytes)
    var json = JSONWriter(consume sink)
    write(to: &json)
    bytes = json.finish()
  }

  package init(parsing text: Span<UInt8>) throws(WireError) {
    self = try withJSON(text) { (root) throws(WireError) in try Self(root) }
  }
}

/// Parses `text` as JSON and passes its value to `body`.
func withJSON<R>(
  _ text: Span<UInt8>, _ body: (borrowing JSONValue) throws(WireError) -> R
) throws(WireError) -> R {
  let document: JSONDocument
  do {
    document = try JSONDocument(text)
  } catch {
    throw .notJSON(reason: error.reason, offset: error.offset)
  }
  return try body(document.root)
}

extension JSONWriter<[UInt8]> {
  mutating func member(_ name: String, orNull document: (some WireDocument)?) {
    key(name)
    if let document { document.write(to: &self) } else { null() }
  }
}

/// Members that may be null.
extension JSONWriter where Sink: ~Copyable {
  mutating func member(_ name: String, orNull text: String?) {
    key(name)
    if let text { string(text) } else { null() }
  }

  mutating func member(_ name: String, orNull number: Int64?) {
    key(name)
    if let number { integer(number) } else { null() }
  }

  mutating func member(_ name: String, _ time: UTCTime?) {
    member(name, orNull: time?.description)
  }

  mutating func member(_ name: String, _ span: Duration?) {
    member(name, orNull: span?.wholeSeconds)
  }
}

/// Members by name and kind, for parsing our own documents.
extension JSONValue {
  func text(_ name: String) throws(WireError) -> String {
    guard let text = try optionalText(name) else { throw .missing(name) }
    return text
  }

  func optionalText(_ name: String) throws(WireError) -> String? {
    guard let value = self[name], value.kind != .null else { return nil }
    guard let text = value.string() else { throw .malformed(name) }
    return text
  }

  func optionalDocument<Document: WireDocument>(_ name: String) throws(WireError) -> Document? {
    guard let value = self[name], value.kind != .null else { return nil }
    return try Document(value)
  }

  func integer(_ name: String) throws(WireError) -> Int64 {
    guard let number = try optionalInteger(name) else { throw .missing(name) }
    return number
  }

  func optionalInteger(_ name: String) throws(WireError) -> Int64? {
    guard let value = self[name], value.kind != .null else { return nil }
    guard let number = value.int else { throw .malformed(name) }
    return number
  }

  func double(_ name: String) throws(WireError) -> Double {
    guard let value = self[name] else { throw .missing(name) }
    guard let number = value.double else { throw .malformed(name) }
    return number
  }

  func bool(_ name: String) throws(WireError) -> Bool {
    guard let value = self[name] else { throw .missing(name) }
    guard let bool = value.bool else { throw .malformed(name) }
    return bool
  }

  func time(_ name: String) throws(WireError) -> UTCTime {
    guard let time = try optionalTime(name) else { throw .missing(name) }
    return time
  }

  func optionalTime(_ name: String) throws(WireError) -> UTCTime? {
    guard let text = try optionalText(name) else { return nil }
    guard let time = UTCTime(text) else { throw .malformed(name) }
    return time
  }

  func optionalSpan(_ name: String) throws(WireError) -> Duration? {
    try optionalInteger(name).map { .seconds($0) }
  }

  func word<Word: RawRepresentable<String>>(_ name: String) throws(WireError) -> Word {
    guard let word = Word(rawValue: try text(name)) else { throw .malformed(name) }
    return word
  }

  func generation() throws(WireError) -> UInt64 {
    guard let number = UInt64(exactly: try integer("generation")) else { throw .malformed("generation") }
    return number
  }

  func list<Item: WireDocument>(_ name: String) throws(WireError) -> [Item] {
    guard let value = self[name] else { throw .missing(name) }
    guard value.kind == .array else { throw .malformed(name) }
    var items: [Item] = []
    try value.forEachItem { (item) throws(WireError) in items.append(try Item(item)) }
    return items
  }
}

extension JSONWriter<[UInt8]> {
  mutating func member(_ name: String, _ items: [some WireDocument]) {
    key(name)
    array { json in for item in items { item.write(to: &json) } }
  }
}

/// Positions in a document for the items of lists that aren't written yet.
struct ListGaps {
  private var places: [Int] = []

  mutating func note(_ json: borrowing JSONWriter<[UInt8]>) { places.append(json.sink.count) }

  /// The line split at the gaps.
  func pieces(of document: [UInt8]) -> [[UInt8]] {
    let line = document + [UInt8(ascii: "\n")]
    let ends = places + [line.count]
    return zip([0] + places, ends).map { Array(line[$0..<$1]) }
  }
}
