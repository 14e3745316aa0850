/// Lines of text in one piece of memory, each followed by a zero byte, as C functions expect them. For the dozen headers of each
/// refresh.
package struct TextLines: Hashable, Sendable, ExpressibleByArrayLiteral {
  /// All lines, each with its zero byte.
  package private(set) var bytes: [UInt8] = []
  package private(set) var count = 0

  package init() {}

  package init(_ lines: [String]) {
    for line in lines { append(line) }
  }

  package init(arrayLiteral lines: String...) { self.init(lines) }

  package mutating func reserveCapacity(_ bytes: Int) { self.bytes.reserveCapacity(bytes) }

  /// Appends a line of three parts, none of which contains a zero byte.
  package mutating func append(_ first: String, _ second: String = "", _ third: String = "") {
    bytes.append(utf8Of: first)
    bytes.append(utf8Of: second)
    bytes.append(utf8Of: third)
    bytes.append(0)
    count += 1
  }

  package mutating func append(_ lines: TextLines) {
    bytes.append(contentsOf: lines.bytes)
    count += lines.count
  }
}

extension [UInt8] {
  fileprivate mutating func append(utf8Of text: String) {
    // If the view were passed to `append` directly, it would be copied byte by byte.
    let isDone: Void? = text.utf8.withContiguousStorageIfAvailable { append(contentsOf: $0) }
    if isDone == nil { append(contentsOf: text.utf8) }
  }
}
