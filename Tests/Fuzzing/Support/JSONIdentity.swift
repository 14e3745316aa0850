package import JSON

/// Requires that what was read as JSON is the same after being written and read again, and after being minified.
package func requireJSONIdentity(of text: Span<UInt8>) {
  guard let document = try? JSONDocument(text) else { return }
  let root = document.root
  let written = rewritten(root)
  requireSame(root, written, "written and read again")
  var minified: [UInt8] = []
  root.copyMinified(into: &minified)
  requireSame(root, minified, "minified")
  require(minified.count <= text.count, "minified JSON is longer than it was")
  require(isMinified(minified), "minified JSON has blanks outside of its strings, or loses some inside")
}

/// Requires that `text` is JSON and the same value as `value`.
package func requireSame(_ value: borrowing JSONValue, _ text: [UInt8], _ what: String) {
  guard let other = try? JSONDocument(text.span) else { return require(false, "JSON \(what) is no JSON any more") }
  require(isSame(value, other.root), "JSON \(what) is another value")
}

/// The value as `JSONWriter` writes it.
package func rewritten(_ value: borrowing JSONValue) -> [UInt8] {
  var writer = JSONWriter([UInt8]())
  write(value, to: &writer)
  return writer.finish()
}

private func write(_ value: borrowing JSONValue, to writer: inout JSONWriter<[UInt8]>) {
  switch value.kind {
  case .null: writer.null()
  case .bool: writer.bool(value.bool == true)
  case .number: if let int = value.int { writer.integer(int) } else { writer.double(value.double ?? .nan) }
  case .string: writer.string(value.string() ?? "")
  case .array:
    writer.array { writer in value.forEachItem { item in write(item, to: &writer) } }
  case .object:
    writer.object { writer in
      value.forEachMember { key, member in
        writer.key(key.string() ?? "")
        write(member, to: &writer)
      }
    }
  }
}

private func isSame(_ left: borrowing JSONValue, _ right: borrowing JSONValue) -> Bool {
  switch left.kind {
  case .null: return right.kind == .null
  case .bool: return right.bool == left.bool
  case .number:
    // What is beyond Double's range is written as null.
    if let double = left.double, !double.isFinite { return right.kind == .null || right.double == double }
    return right.kind == .number && right.double == left.double && right.int == left.int
  case .string: return right.kind == .string && bytes(of: left) == bytes(of: right)
  case .array:
    guard right.kind == .array, left.count == right.count else { return false }
    return items(of: left).elementsEqual(items(of: right))
  case .object:
    guard right.kind == .object, left.count == right.count else { return false }
    var same = true
    left.forEachMember { key, value in
      guard let other = right[key.string() ?? ""] else {
        same = false
        return
      }
      same = same && isSame(value, other)
    }
    return same
  }
}

/// The items, each written; a borrowed value can't be kept to be compared with its counterpart.
private func items(of array: borrowing JSONValue) -> [[UInt8]] {
  var items: [[UInt8]] = []
  array.forEachItem { item in items.append(rewritten(item)) }
  return items
}

private func bytes(of string: borrowing JSONValue) -> [UInt8] {
  var bytes: [UInt8] = []
  string.copyString(into: &bytes)
  return bytes
}

private func isMinified(_ text: [UInt8]) -> Bool {
  var inString = false
  var isEscaped = false
  for byte in text {
    if !inString, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { return false }
    if isEscaped {
      isEscaped = false
    } else if byte == UInt8(ascii: "\\") {
      isEscaped = true
    } else if byte == UInt8(ascii: "\"") {
      inString.toggle()
    }
  }
  return !inString
}
