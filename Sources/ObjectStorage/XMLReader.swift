internal import CExpat

/// Reads a document by libexpat, as far as it concerns the reader.
///
/// With or without a declaration or namespaces. A document type is refused, and with it every declaration of an entity, so nothing can
/// expand or be fetched. What isn't asked for doesn't become a String: an error of OSS may quote the request and the token in it.
final class XMLReader {
  static let maxDepth = 16
  /// A page of 1000 parts has 6000 that are asked for.
  static let maxElements = 20_000

  /// The root of the document with those elements in it that have one of the names, at any depth; elements of other names are passed
  /// over with all that is in them. nil for what isn't well-formed, or larger or deeper than any answer.
  static func read(_ text: Span<UInt8>, keeping names: Set<String>) -> XMLElement? {
    let reader = XMLReader(keeping: names)
    return text.withUnsafeBytes { reader.parse($0) } ? reader.root : nil
  }

  private var parser: XML_Parser?
  private let names: Set<String>
  /// The elements that are open, the innermost last.
  private var open: [XMLElement] = []
  /// How many are open in an element that is passed over, itself included.
  private var skipped = 0
  private var elements = 0
  private var root: XMLElement?

  private init(keeping names: Set<String>) { self.names = names }

  private func parse(_ text: UnsafeRawBufferPointer) -> Bool {
    guard let parser = cexpat_parser_create() else { return false }
    defer { XML_ParserFree(parser) }
    self.parser = parser
    return withExtendedLifetime(self) {
      XML_SetUserData(parser, Unmanaged.passUnretained(self).toOpaque())
      Self.setHandlers(of: parser)
      let start = text.baseAddress?.assumingMemoryBound(to: CChar.self)
      guard let count = CInt(exactly: text.count) else { return false }
      return XML_Parse(parser, start, count, 1) == XML_STATUS_OK && root != nil
    }
  }

  private static func setHandlers(of parser: XML_Parser) {
    XML_SetElementHandler(
      parser, { data, name, _ in XMLReader.of(data)?.begin(name.map { String(cString: $0) } ?? "") },
      { data, _ in XMLReader.of(data)?.end() })
    XML_SetCharacterDataHandler(parser) { data, text, count in
      XMLReader.of(data)?.append(UnsafeRawBufferPointer(start: text, count: Int(count)))
    }
    XML_SetStartDoctypeDeclHandler(parser) { data, _, _, _, _ in XMLReader.of(data)?.refuse() }
  }

  /// The reader that a callback is for; it outlives its parser.
  private static func of(_ data: UnsafeMutableRawPointer?) -> XMLReader? {
    data.map { Unmanaged<XMLReader>.fromOpaque($0).takeUnretainedValue() }
  }

  private func refuse() { XML_StopParser(parser, XML_Bool(XML_FALSE)) }

  private func begin(_ name: String) {
    elements += 1
    guard elements <= Self.maxElements, open.count + skipped < Self.maxDepth else { return refuse() }
    let local = name.utf8.lastIndex(of: UInt8(ascii: ":")).map { String(name[name.utf8.index(after: $0)...]) } ?? name
    if skipped > 0 || !open.isEmpty && !names.contains(local) {
      skipped += 1
    } else {
      open.append(XMLElement(name: local))
    }
  }

  private func end() {
    if skipped > 0 {
      skipped -= 1
    } else if let element = open.popLast() {
      if open.isEmpty { root = element } else { open[open.count - 1].children.append(element) }
    }
  }

  private func append(_ text: UnsafeRawBufferPointer) {
    guard skipped == 0, !open.isEmpty else { return }
    open[open.count - 1].text += String(decoding: text, as: UTF8.self)
  }
}
