/// An element of an XML document, as far as OSS's requests need it: names, texts and nested elements.
///
/// Attributes, comments and processing instructions are skipped; a document type is refused.
struct XMLElement: Sendable, Equatable {
  let name: String
  private(set) var text = ""
  private(set) var children: [XMLElement] = []

  private static let mostDepth = 8

  /// Nil for anything but one whole element.
  init?(_ document: [UInt8]) {
    var scanner = Scanner(rest: document[...])
    guard scanner.skipBesides(), let element = Self.read(&scanner, depth: 0), scanner.skipBesides(),
      scanner.rest.isEmpty
    else { return nil }
    self = element
  }

  /// The text of the first child with that name, without surrounding blanks.
  subscript(name: String) -> String? { children.first { $0.name == name }.map { trimmedOfLines($0.text) } }

  private init(name: String) { self.name = name }

  private static func read(_ scanner: inout Scanner, depth: Int) -> XMLElement? {
    guard depth < mostDepth, scanner.take("<"), let name = scanner.takeName() else { return nil }
    var element = XMLElement(name: name)
    guard let attributes = scanner.take(until: ">") else { return nil }
    if attributes.last == UInt8(ascii: "/") { return element }
    var text: [UInt8] = []
    while true {
      if scanner.rest.starts(with: "</".utf8) {
        guard scanner.take("</"), scanner.takeName() == name, let end = scanner.take(until: ">"),
          end.allSatisfy(Scanner.isBlank), let decoded = decoded(text)
        else { return nil }
        element.text = decoded
        return element
      } else if scanner.rest.starts(with: "<!--".utf8) || scanner.rest.starts(with: "<?".utf8) {
        guard scanner.skipAside() else { return nil }
      } else if scanner.rest.first == UInt8(ascii: "<") {
        guard let child = read(&scanner, depth: depth + 1) else { return nil }
        element.children.append(child)
      } else {
        guard let byte = scanner.rest.popFirst() else { return nil }
        text.append(byte)
      }
    }
  }

  /// With the five named entities replaced; nil for others and for text that isn't UTF-8.
  private static func decoded(_ bytes: [UInt8]) -> String? {
    guard bytes.contains(UInt8(ascii: "&")) else { return String(validating: bytes, as: UTF8.self) }
    let entities = ["quot": "\"", "apos": "'", "amp": "&", "lt": "<", "gt": ">"]
    var decoded: [UInt8] = []
    var rest = bytes[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "&") else {
        decoded.append(byte)
        continue
      }
      let name = rest.prefix { $0 != UInt8(ascii: ";") }
      guard name.count < rest.count, let character = entities[String(decoding: name, as: UTF8.self)] else { return nil }
      decoded += Array(character.utf8)
      rest = rest.dropFirst(name.count + 1)
    }
    return String(validating: decoded, as: UTF8.self)
  }

  private func trimmedOfLines(_ text: String) -> String {
    let tail = Array(text.utf8).drop(while: Scanner.isBlank)
    let end = tail.lastIndex { !Scanner.isBlank($0) }.map { $0 + 1 } ?? tail.startIndex
    return String(decoding: tail[..<end], as: UTF8.self)
  }
}

private struct Scanner {
  var rest: ArraySlice<UInt8>

  static func isBlank(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0A, 0x0D].contains(byte) }

  mutating func take(_ text: String) -> Bool {
    guard rest.starts(with: text.utf8) else { return false }
    rest = rest.dropFirst(text.utf8.count)
    return true
  }

  /// The bytes before `end`, which is consumed, too; nil if it doesn't occur.
  mutating func take(until end: Character) -> ArraySlice<UInt8>? {
    let taken = rest.prefix { $0 != end.asciiValue }
    guard taken.count < rest.count else { return nil }
    rest = rest.dropFirst(taken.count + 1)
    return taken
  }

  /// Without a namespace prefix; nil for none.
  mutating func takeName() -> String? {
    let taken = rest.prefix { !Self.isBlank($0) && $0 != UInt8(ascii: ">") && $0 != UInt8(ascii: "/") }
    rest = rest.dropFirst(taken.count)
    let name = taken.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false).last ?? []
    return name.isEmpty ? nil : String(validating: name, as: UTF8.self)
  }

  /// Skips blanks, a declaration and comments; false if one doesn't end.
  mutating func skipBesides() -> Bool {
    while true {
      rest = rest.drop(while: Self.isBlank)
      guard rest.starts(with: "<?".utf8) || rest.starts(with: "<!--".utf8) else { return true }
      guard skipAside() else { return false }
    }
  }

  /// Skips one comment or instruction.
  mutating func skipAside() -> Bool {
    let end = rest.starts(with: "<?".utf8) ? Array("?>".utf8) : Array("-->".utf8)
    while !rest.isEmpty {
      if rest.starts(with: end) {
        rest = rest.dropFirst(end.count)
        return true
      }
      rest = rest.dropFirst()
    }
    return false
  }
}
