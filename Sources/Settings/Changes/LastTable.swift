/// The table that a settings file ends in: of a file that was cut off at a line's end, this is where keys are missing, and of one that was
/// cut off within a line, its last key may have another value.
package struct LastTable: Hashable, Sendable {
  /// As `["roles", "uploader", "files"]`.
  package let path: [String]
  /// Which of a list of tables, from 0; nil for a table alone.
  package let index: Int?
  /// Those that are written in it.
  package let keys: Set<String>
  /// The one that is written last; nil for a table without keys.
  package let lastKey: LastKey?

  /// The key that a settings file ends with.
  package struct LastKey: Hashable, Sendable {
    package let name: String
    /// From 1.
    package let line: Int
    /// A text that is another one for another value; never shown.
    let value: String
    /// Whether the value has no end of its own, so that it may be valid still when its end is missing: a number.
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

    /// Where it stands says nothing of what it is: the same settings below another comment are equal.
    package static func == (one: LastKey, other: LastKey) -> Bool { one.name == other.name && one.value == other.value }

    package func hash(into hasher: inout Hasher) {
      hasher.combine(name)
      hasher.combine(value)
    }

    /// Whether this may be `other` without its last characters.
    func isShorter(than other: LastKey) -> Bool {
      name == other.name && isOpenEnded && value != other.value && other.value.hasPrefix(value)
    }
  }

  /// Of a whole file's nodes; nil when there are none.
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

  /// Whether a file that ended in `before` ends with the same key of the same table.
  func endsWithSameKey(as before: LastTable) -> Bool {
    path == before.path && index == before.index && lastKey?.name == before.lastKey?.name
  }

  /// As in `roles.uploader.files`.
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
  /// The last line that a key or value of it begins in.
  fileprivate var lastLine: Int {
    switch value {
    case .table(let nodes), .array(let nodes): nodes.reduce(line) { max($0, $1.lastLine) }
    default: line
    }
  }

  /// The members of the table with a header that the last line lies in, and which of a list it is. Nil where that is no such table but
  /// a value: an inline table lies in one line and can't be cut.
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
