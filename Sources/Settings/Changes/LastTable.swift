/// The last table of a settings file. If the file was cut off at the end of a line, keys are missing from this table;
/// if it was cut off within a line, the last key may have another value.
package struct LastTable: Hashable, Sendable {
  /// Its path, such as `["roles", "uploader", "files"]`.
  package let path: [String]
  /// The table's index in an array of tables, from 0; nil for a table that isn't in an array.
  package let index: Int?
  /// The names of the keys that are written in the table.
  package let keys: Set<String>
  /// The key that is written last; nil for a table without keys.
  package let lastKey: LastKey?

  /// The last key of a settings file.
  package struct LastKey: Hashable, Sendable {
    package let name: String
    /// Its line, from 1.
    package let line: Int
    /// A text that differs whenever the value differs; never shown.
    let value: String
    /// Whether the value is a number. A number has no closing delimiter, so it may still be valid when its end is
    /// missing.
    let isOpenEnded: Bool

    fileprivate init(_ node: TOMLNode) {
      name = node.key
      line = node.line
      value = node.value.text
      isOpenEnded =
        switch node.value {
        case .integer, .float: true
        default: false
        }
    }

    /// The line doesn't count: the same settings below another comment are equal.
    package static func == (one: LastKey, other: LastKey) -> Bool { one.name == other.name && one.value == other.value }

    package func hash(into hasher: inout Hasher) {
      hasher.combine(name)
      hasher.combine(value)
    }

    /// Whether this value may be the beginning of the value of `other`.
    func isShorter(than other: LastKey) -> Bool {
      name == other.name && isOpenEnded && value != other.value && other.value.hasPrefix(value)
    }
  }

  /// Finds the last table among all nodes of a file; nil if there are none.
  init?(_ nodes: [TOMLNode]) {
    guard !nodes.isEmpty else { return nil }
    var path: [String] = []
    var index: Int?
    var table = nodes
    while let last = table.max(by: { $0.lastLine < $1.lastLine }), let inner = last.tableOfLastLine {
      path.append(last.key)
      (table, index) = inner
    }
    (self.path, self.index, keys) = (path, index, Set(table.map(\.key)))
    lastKey = table.max(by: { $0.lastLine < $1.lastLine }).map { LastKey($0) }
  }

  /// Whether a file that ended in `before` still ends with the same key of the same table.
  func endsWithSameKey(as before: LastTable) -> Bool {
    path == before.path && index == before.index && lastKey?.name == before.lastKey?.name
  }

  /// Its dotted name, such as `roles.uploader.files`.
  var name: String { path.joined(separator: ".") }
}

extension TOMLNode.Value {
  fileprivate var text: String {
    switch self {
    case .table(let nodes): "{\(nodes.map { "\($0.key)=\($0.value.text)" }.joined(separator: ","))}"
    case .array(let nodes): "[\(nodes.map(\.value.text).joined(separator: ","))]"
    case .string(let text): text.debugDescription
    case .integer(let number): "\(number)"
    case .float(let number): "\(number)"
    case .boolean(let value): "\(value)"
    case .dateTime: "time"
    }
  }
}

extension TOMLNode {
  /// The last line in which one of its keys or values begins.
  fileprivate var lastLine: Int {
    switch value {
    case .table(let nodes), .array(let nodes): nodes.reduce(line) { max($0, $1.lastLine) }
    default: line
    }
  }

  /// The members of the table whose header comes before the last line, and the table's index in an array. Nil where the
  /// last line belongs to a value: an inline table is on one line, so it can't be cut off at the end of a line.
  fileprivate var tableOfLastLine: ([TOMLNode], Int?)? {
    switch value {
    case .table(let nodes): return nodes.isEmpty || lastLine > line ? (nodes, nil) : nil
    case .array(let items):
      guard let last = items.last, case .table(let nodes) = last.value, last.lastLine > last.line else { return nil }
      return (nodes, items.count - 1)
    default: return nil
    }
  }
}
