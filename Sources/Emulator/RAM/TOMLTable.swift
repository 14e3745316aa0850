import CTOML

/// A table of a TOML document, copied from the parser's memory, whose values know their lines.
struct TOMLTable: Sendable {
  indirect enum Value: Sendable {
    case string(String)
    case integer(Int64)
    case boolean(Bool)
    case list([Value])
    case table(TOMLTable)
    case other
  }

  let line: Int
  private let members: [(key: String, line: Int, value: Value)]

  init(_ text: String) throws(AccountModelError) {
    var failure = ctoml_error()
    let bytes = Array(text.utf8.map { CChar(bitPattern: $0) })
    guard let document = ctoml_parse(bytes, bytes.count, &failure) else {
      let message = withUnsafeBytes(of: &failure.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      throw AccountModelError(line: Int(failure.position.line), problem: message)
    }
    defer { ctoml_free(document) }
    let entries = UnsafeBufferPointer(start: ctoml_entries(document), count: ctoml_count(document))
    self.init(entries, at: 0)
  }

  private init(_ entries: UnsafeBufferPointer<ctoml_entry>, at index: Int) {
    line = Int(entries[index].value_position.line)
    members = Self.children(of: index, in: entries).map { child in
      let entry = entries[child]
      return (
        key: Self.text(entry.key, entry.key_length), line: Int(entry.key_position.line),
        value: Self.value(entries, at: child)
      )
    }
  }

  func error(_ problem: String) -> AccountModelError { AccountModelError(line: line, problem: problem) }

  /// Refuses unknown keys.
  func allow(_ keys: [String]) throws(AccountModelError) {
    for member in members where !keys.contains(member.key) {
      throw AccountModelError(
        line: member.line, problem: "'\(member.key)' means nothing here; known are \(keys.joined(separator: ", "))")
    }
  }

  func string(_ key: String) throws(AccountModelError) -> String? {
    guard let member = member(key) else { return nil }
    guard case .string(let text) = member.value else { throw mistyped(member, "a string") }
    return text
  }

  func integer(_ key: String) throws(AccountModelError) -> Int64? {
    guard let member = member(key) else { return nil }
    guard case .integer(let number) = member.value else { throw mistyped(member, "a whole number") }
    return number
  }

  func boolean(_ key: String) throws(AccountModelError) -> Bool? {
    guard let member = member(key) else { return nil }
    guard case .boolean(let flag) = member.value else { throw mistyped(member, "true or false") }
    return flag
  }

  /// A duration such as `"12s"`, `"20min"` or `"1h"`, in seconds.
  func seconds(_ key: String) throws(AccountModelError) -> Int64? {
    guard let member = member(key) else { return nil }
    guard case .string(let text) = member.value else { throw mistyped(member, "a span such as \"12s\" or \"1h\"") }
    for (unit, factor) in [("min", 60), ("s", 1), ("m", 60), ("h", 3600)] as [(String, Int64)]
    where text.hasSuffix(unit) {
      guard let number = Int64(text.dropLast(unit.count)), (0...1_000_000).contains(number) else { continue }
      return number * factor
    }
    throw mistyped(member, "a span such as \"12s\" or \"1h\"")
  }

  /// Empty if the key is missing.
  func strings(_ key: String) throws(AccountModelError) -> [String] {
    guard let member = member(key) else { return [] }
    guard case .list(let values) = member.value else { throw mistyped(member, "a list of strings") }
    var strings: [String] = []
    for value in values {
      guard case .string(let text) = value else { throw mistyped(member, "a list of strings") }
      strings.append(text)
    }
    return strings
  }

  /// Nil if the key is missing.
  func table(_ key: String) throws(AccountModelError) -> TOMLTable? {
    guard let member = member(key) else { return nil }
    guard case .table(let table) = member.value else { throw mistyped(member, "a table") }
    return table
  }

  /// One of the values of an enumeration; nil if the key is missing.
  func word<Word: RawRepresentable<String> & CaseIterable>(_ key: String) throws(AccountModelError) -> Word? {
    guard let text = try string(key) else { return nil }
    guard let word = Word(rawValue: text) else {
      throw error("'\(key)' is one of \(Word.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return word
  }

  /// The tables in the table `key`, by name.
  func tables(_ key: String) throws(AccountModelError) -> [(name: String, table: TOMLTable)] {
    guard let member = member(key) else { return [] }
    guard case .table(let outer) = member.value else { throw mistyped(member, "a table of tables") }
    var tables: [(name: String, table: TOMLTable)] = []
    for inner in outer.members {
      guard case .table(let table) = inner.value else { throw mistyped(inner, "a table") }
      tables.append((name: inner.key, table: table))
    }
    return tables
  }

  func tableList(_ key: String) throws(AccountModelError) -> [TOMLTable] {
    guard let member = member(key) else { return [] }
    guard case .list(let values) = member.value else { throw mistyped(member, "a list of tables") }
    var tables: [TOMLTable] = []
    for value in values {
      guard case .table(let table) = value else { throw mistyped(member, "a list of tables") }
      tables.append(table)
    }
    return tables
  }

  private func member(_ key: String) -> (key: String, line: Int, value: Value)? { members.first { $0.key == key } }

  private func mistyped(_ member: (key: String, line: Int, value: Value), _ wanted: String) -> AccountModelError {
    AccountModelError(line: member.line, problem: "'\(member.key)' is \(wanted)")
  }

  private static func value(_ entries: UnsafeBufferPointer<ctoml_entry>, at index: Int) -> Value {
    let entry = entries[index]
    switch entry.type {
    case CTOML_STRING: return .string(text(entry.text, entry.text_length))
    case CTOML_INTEGER: return .integer(entry.integer)
    case CTOML_BOOLEAN: return .boolean(entry.boolean)
    case CTOML_ARRAY: return .list(children(of: index, in: entries).map { value(entries, at: $0) })
    case CTOML_TABLE: return .table(TOMLTable(entries, at: index))
    default: return .other
    }
  }

  /// An entry is followed by its descendants: each child and then that child's own.
  private static func children(of index: Int, in entries: UnsafeBufferPointer<ctoml_entry>) -> [Int] {
    var children: [Int] = []
    var child = index + 1
    while child < entries[index].end {
      children.append(child)
      child = entries[child].end
    }
    return children
  }

  private static func text(_ start: UnsafePointer<CChar>?, _ length: Int) -> String {
    String(decoding: UnsafeRawBufferPointer(start: start, count: length), as: UTF8.self)
  }
}
