/// The table that a settings file ends in: of a file that was cut off at a line's end, this is where keys are missing.
package struct LastTable: Hashable, Sendable {
  /// As `["roles", "uploader", "files"]`.
  package let path: [String]
  /// Which of a list of tables, from 0; nil for a table alone.
  package let index: Int?
  /// Those that are written in it.
  package let keys: Set<String>

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
  }

  /// As in `roles.uploader.files`.
  var name: String { path.joined(separator: ".") }
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
