/// A text parsed as JSON: the positions of its values, not a copy of them.
///
/// Strict by RFC 8259: UTF-8 without a byte order mark, no comments, nothing after the value. In addition, a key may occur only
/// once in its object, and nesting ends at 32 levels. Nothing becomes a String until a value is asked for one, so secrets can go
/// from the text straight into the caller's sink.
package struct JSONDocument: ~Escapable {
  package static let maxDepth = 32
  package static let maxLength = Int(Int32.max)

  private let text: Span<UInt8>
  private let nodes: [JSONNode]

  @_lifetime(copy text)
  package init(_ text: Span<UInt8>) throws(JSONError) {
    var parser = JSONParser(text)
    try parser.parseDocument()
    nodes = parser.nodes
    self.text = text
  }

  package var root: JSONValue {
    @_lifetime(copy self) get { JSONValue(text: text, nodes: nodes, index: 0) }
  }
}

/// One value, key or literal of a document, in the order of the text. A container is followed by its content.
struct JSONNode {
  enum Kind: UInt8 {
    case null, `false`, `true`, number, plainString, escapedString, array, object
  }

  let kind: Kind
  /// Its text: for a string the part between the quotes, for a container all of it.
  let start: Int32
  var end: Int32
  /// The next node after this one and its content.
  var next: Int32

  var range: Range<Int> { Int(start)..<Int(end) }
}
