/// The decoded parameters of a query or form, in their order.
struct Parameters: Sendable {
  struct Pair: Sendable {
    let name: String
    let value: String
  }

  private(set) var pairs: [Pair] = []

  init() {}

  init(_ pairs: [(name: String, value: String)]) { self.pairs = pairs.map { Pair(name: $0.name, value: $0.value) } }

  /// Parses `name=value&…`; nil if a `%` escape is broken or a text isn't UTF-8.
  init?(decoding text: some Collection<UInt8>) {
    for part in Array(text).split(separator: UInt8(ascii: "&")) {
      let halves = part.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = TextCoding.formDecoded(halves[0]),
        let value = halves.count > 1 ? TextCoding.formDecoded(halves[1]) : ""
      else { return nil }
      pairs.append(Pair(name: name, value: value))
    }
  }

  /// The first one with that name, compared by bytes: `==` would take the Kelvin sign for a K.
  subscript(name: String) -> String? { pairs.first { $0.name.utf8.elementsEqual(name.utf8) }?.value }

  func contains(_ name: String) -> Bool { self[name] != nil }

  mutating func append(_ other: Parameters) { pairs += other.pairs }

  /// `enc(name)=enc(value)` joined by `&`, sorted by the bytes of the raw name, without `excluded`.
  func canonicalQuery(without excluded: String? = nil) -> String {
    pairs.filter { $0.name != excluded }
      .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
      .map { "\(TextCoding.percentEncoded($0.name))=\(TextCoding.percentEncoded($0.value))" }
      .joined(separator: "&")
  }
}
