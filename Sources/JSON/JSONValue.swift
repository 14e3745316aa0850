/// One value of a document; it borrows the text and can't outlive it.
package struct JSONValue: ~Escapable {
  package enum Kind: String, Sendable {
    case null, bool, number, string, array, object
  }

  private let text: Span<UInt8>
  private let nodes: [JSONNode]
  private let index: Int

  @_lifetime(copy text)
  init(text: Span<UInt8>, nodes: [JSONNode], index: Int) {
    self.text = text
    self.nodes = nodes
    self.index = index
  }

  private var node: JSONNode { nodes[index] }

  package var kind: Kind {
    switch node.kind {
    case .null: .null
    case .false, .true: .bool
    case .number: .number
    case .plainString, .escapedString: .string
    case .array: .array
    case .object: .object
    }
  }

  /// Where the value begins in the text, in bytes from 0; for a string the opening quote.
  package var offset: Int { Int(node.start) - (kind == .string ? 1 : 0) }

  /// The length of the value's text in bytes; for a string the part between the quotes, which doesn't get longer when unescaped.
  package var length: Int { node.range.count }

  package var bool: Bool? { kind == .bool ? node.kind == .true : nil }

  /// An integer without fraction and exponent that fits; nil for everything else.
  package var int: Int64? { numberText.flatMap { Int64($0) } }

  package var double: Double? { numberText.flatMap { Double($0) } }

  private var numberText: String? { kind == .number ? copied() : nil }

  /// The string, unescaped; nil for other values. Not for secrets: a String leaves copies behind.
  package func string() -> String? {
    kind == .string ? copied() : nil
  }

  private func copied() -> String {
    guard node.kind == .escapedString else {
      return text.extracting(node.range).withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    }
    var bytes: [UInt8] = []
    copyString(into: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The number of an array's items or an object's members; 0 for other values.
  package var count: Int {
    var count = 0
    if kind == .object { forEachMember { (_: borrowing JSONValue, _: borrowing JSONValue) in count += 1 } }
    if kind == .array { forEachItem { (_: borrowing JSONValue) in count += 1 } }
    return count
  }

  /// The member of that name; nil if there is none or this isn't an object.
  package subscript(_ name: String) -> JSONValue? {
    @_lifetime(copy self) get {
      guard kind == .object else { return nil }
      var key = index + 1
      while key < node.next {
        if nodes[key].kind == .plainString ? isText(of: key, equalTo: name) : isEscapedText(of: key, equalTo: name) {
          return JSONValue(text: text, nodes: nodes, index: key + 1)
        }
        key = Int(nodes[key + 1].next)
      }
      return nil
    }
  }

  /// Calls `body` with each key and value of an object, in the order of the text; not at all for other values.
  package func forEachMember<E: Error>(
    _ body: (_ key: borrowing JSONValue, _ value: borrowing JSONValue) throws(E) -> Void
  ) throws(E) {
    guard kind == .object else { return }
    var key = index + 1
    while key < node.next {
      try body(
        JSONValue(text: text, nodes: nodes, index: key), JSONValue(text: text, nodes: nodes, index: key + 1))
      key = Int(nodes[key + 1].next)
    }
  }

  /// Calls `body` with each item of an array, in order; not at all for other values.
  package func forEachItem<E: Error>(_ body: (_ item: borrowing JSONValue) throws(E) -> Void) throws(E) {
    guard kind == .array else { return }
    var item = index + 1
    while item < node.next {
      try body(JSONValue(text: text, nodes: nodes, index: item))
      item = Int(nodes[item].next)
    }
  }

  /// Appends the string's bytes, unescaped, without an intermediate copy; nothing for other values.
  package func copyString<Sink: ByteSink & ~Copyable>(into sink: inout Sink) {
    switch node.kind {
    case .plainString: sink.append(text.extracting(node.range))
    case .escapedString: unescape(into: &sink)
    default: break
    }
  }

  /// Appends the value's text without the blanks between its tokens.
  package func copyMinified<Sink: ByteSink & ~Copyable>(into sink: inout Sink) {
    var inString = false
    var escaped = false
    let start = offset
    let end = Int(node.end) + (kind == .string ? 1 : 0)
    for index in start..<end {
      let byte = text[index]
      if inString || !JSONEscape.isBlank(byte) { sink.append(byte) }
      if byte == UInt8(ascii: "\""), !escaped { inString.toggle() }
      escaped = inString && !escaped && byte == UInt8(ascii: "\\")
    }
  }

  private func isText(of key: Int, equalTo name: String) -> Bool {
    let range = nodes[key].range
    guard range.count == name.utf8.count else { return false }
    var at = range.lowerBound
    for byte in name.utf8 {
      guard text[at] == byte else { return false }
      at += 1
    }
    return true
  }

  private func isEscapedText(of key: Int, equalTo name: String) -> Bool {
    var bytes: [UInt8] = []
    JSONValue(text: text, nodes: nodes, index: key).copyString(into: &bytes)
    return bytes.elementsEqual(name.utf8)
  }

  private func unescape<Sink: ByteSink & ~Copyable>(into sink: inout Sink) {
    var at = node.range.lowerBound
    let end = node.range.upperBound
    var plain = at
    while at < end {
      guard text[at] == UInt8(ascii: "\\") else {
        at += 1
        continue
      }
      sink.append(text.extracting(plain..<at))
      at += append(escapeAt: at, to: &sink)
      plain = at
    }
    sink.append(text.extracting(plain..<end))
  }

  /// Appends the character of one escape, or of a pair of surrogates, and returns the escape's length. The parser has checked it.
  private func append<Sink: ByteSink & ~Copyable>(escapeAt at: Int, to sink: inout Sink) -> Int {
    if let byte = JSONEscape.byte(named: text[at + 1]) {
      sink.append(byte)
      return 2
    }
    let first = JSONEscape.codeUnit(at: at, in: text) ?? 0xFFFD
    guard (0xD800..<0xDC00).contains(first), let second = JSONEscape.codeUnit(at: at + 6, in: text) else {
      appendUTF8(of: first, to: &sink)
      return 6
    }
    appendUTF8(of: 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00), to: &sink)
    return 12
  }

  private func appendUTF8<Sink: ByteSink & ~Copyable>(of scalar: UInt32, to sink: inout Sink) {
    for byte in (Unicode.Scalar(scalar) ?? "\u{FFFD}").utf8 { sink.append(byte) }
  }
}
