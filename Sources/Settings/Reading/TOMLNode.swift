import CTOML

/// A value of a TOML document and its position in the text.
struct TOMLNode {
  enum Value {
    /// In the order of the text.
    case table([TOMLNode])
    case array([TOMLNode])
    case string(String)
    case integer(Int64)
    case float(Double)
    case boolean(Bool)
    case dateTime
  }

  /// Empty for an element of an array.
  let key: String
  /// The line of its key, from 1; in an array, the line of the value.
  let line: Int
  let value: Value
}

struct TOMLError: Error {
  let line: Int
  let message: String
}

extension TOMLNode {
  /// Parses a document, whose root is a table.
  static func parse(_ text: [UInt8]) throws(TOMLError) -> TOMLNode {
    var error = ctoml_error()
    let document = text.withUnsafeBytes { bytes in
      ctoml_parse(bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count, &error)
    }
    guard let document else {
      let message = withUnsafeBytes(of: error.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      throw TOMLError(line: Int(error.position.line), message: message)
    }
    defer { ctoml_free(document) }
    return node(UnsafeBufferPointer(start: ctoml_entries(document), count: ctoml_count(document)), at: 0)
  }

  /// The node of an entry, including everything in it; the parser limits the nesting.
  private static func node(_ entries: UnsafeBufferPointer<ctoml_entry>, at index: Int) -> TOMLNode {
    let entry = entries[index]
    let value: Value =
      switch entry.type {
      case CTOML_TABLE: .table(children(entries, of: index))
      case CTOML_ARRAY: .array(children(entries, of: index))
      case CTOML_STRING: .string(string(entry.text, entry.text_length))
      case CTOML_INTEGER: .integer(entry.integer)
      case CTOML_FLOAT: .float(entry.floating)
      case CTOML_BOOLEAN: .boolean(entry.boolean)
      default: .dateTime
      }
    return TOMLNode(key: string(entry.key, entry.key_length), line: Int(entry.key_position.line), value: value)
  }

  private static func children(_ entries: UnsafeBufferPointer<ctoml_entry>, of index: Int) -> [TOMLNode] {
    var children: [TOMLNode] = []
    var child = index + 1
    while child < entries[index].end {
      children.append(node(entries, at: child))
      child = entries[child].end
    }
    return children
  }

  private static func string(_ bytes: UnsafePointer<CChar>?, _ count: Int) -> String {
    String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
  }
}

extension TOMLNode.Value {
  /// Its type with an article, for messages such as "is a string, expected a duration".
  var article: String {
    switch self {
    case .table: "a table"
    case .array: "a list"
    case .string: "a string"
    case .integer: "a whole number"
    case .float: "a number with a fraction"
    case .boolean: "a boolean"
    case .dateTime: "a date or time"
    }
  }
}
