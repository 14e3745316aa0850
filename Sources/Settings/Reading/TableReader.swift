import Core

/// Reads one table by its schema and reports the errors that it finds.
///
/// A function returns nil for a value with a reported error, and for a missing key without a default. If there is any
/// error, the loader returns no settings, so a reader may continue with the values that it has.
struct TableReader {
  /// The place of the table: its dotted name, such as `roles.uploader`, and the line of its header.
  let place: Place
  let context: LoadContext
  /// False if the missing keys were written in another place, which was reported.
  var reportsMissing = true
  private let schema: SettingTable
  private let members: [String: TOMLNode]
  /// The keys that aren't in the schema; usually none.
  private let unknown: [TOMLNode]

  /// Reports the keys that aren't in the schema.
  init(_ nodes: [TOMLNode], schema: SettingTable, at place: Place, context: LoadContext) {
    self.place = place
    self.context = context
    self.schema = schema
    members = Dictionary(nodes.map { ($0.key, $0) }) { first, _ in first }
    unknown = nodes.filter { !schema.has($0.key) }
    for node in unknown { reportUnknown(node) }
  }

  var findings: Findings { context.findings }

  func isWritten(_ key: any SettingKey) -> Bool { members[key.name] != nil }

  func member(_ key: any SettingKey) -> TOMLNode? {
    assert(schema.has(key.name), "\(key.name) is read but not in the schema of \(schema.header)")
    return members[key.name]
  }

  /// The place of a key, or of the table if the key is missing.
  func place(of key: any SettingKey) -> Place {
    Place(file: place.file, line: members[key.name]?.line ?? place.line, key: path(key.name))
  }

  /// The table under `key`, read by `schema`; empty if it isn't written.
  func table(_ key: TableKey, _ schema: SettingTable) -> TableReader {
    var place = place(of: key)
    place.line = member(key)?.line ?? misspelt(key)?.line ?? place.line
    return TableReader(nodes(key), schema: schema, at: place, context: context)
  }

  /// The members of the table under `key`, whatever their names. A table with a misspelt name was reported; it is read
  /// for other errors in it.
  func nodes(_ key: TableKey) -> [TOMLNode] {
    guard let node = member(key) else {
      if case .table(let nodes)? = misspelt(key)?.value { return nodes }
      return []
    }
    guard case .table(let nodes) = node.value else {
      reportType(key, node)
      return []
    }
    return nodes
  }

  /// A table under `key` whose name the user chose, such as `[roles.uploader]` under `roles`.
  func table(_ node: TOMLNode, in key: TableKey, _ schema: SettingTable) -> TableReader? {
    let place = Place(file: place.file, line: node.line, key: "\(path(key.name)).\(node.key)")
    guard case .table(let nodes) = node.value else {
      findings.error(place, "is \(node.value.article), expected a table", "write [\(place.key)] and its keys below")
      return nil
    }
    return TableReader(nodes, schema: schema, at: place, context: context)
  }

  /// The tables in an array of tables.
  func tables(_ key: TableKey, _ schema: SettingTable) -> [TableReader] {
    guard let node = member(key) ?? misspelt(key) else { return [] }
    guard case .array(let items) = node.value else {
      if member(key) == nil { return [] }
      findings.error(
        place(of: key), "is \(node.value.article), expected a list of tables",
        "write [[\(path(key.name))]] and its keys below")
      return []
    }
    return items.compactMap { item in
      let place = Place(file: place.file, line: item.line, key: path(key.name))
      guard case .table(let nodes) = item.value else {
        if member(key) == nil { return nil }
        findings.error(
          place, "holds \(item.value.article), expected tables", "write [[\(place.key)]] and its keys below")
        return nil
      }
      return TableReader(nodes, schema: schema, at: place, context: context)
    }
  }

  func reportType(_ key: any SettingKey, _ node: TOMLNode, instead value: String? = nil) {
    findings.error(
      place(of: key), "is \(node.value.article), expected \(key.type.withArticle)", key.remedy(value))
  }

  /// Whether a reported key that isn't in the schema is a misspelling of `key`: then `key` isn't reported as missing.
  func isMisspelt(_ key: any SettingKey) -> Bool {
    !unknown.isEmpty && members[key.name] == nil && unknown.contains { isMisspelling($0.key, of: key) }
  }

  private func misspelt(_ key: TableKey) -> TOMLNode? {
    unknown.filter { isMisspelling($0.key, of: key) }.min { $0.line < $1.line }
  }

  func isMisspelling(_ name: String, of key: any SettingKey) -> Bool {
    !schema.has(name) && Spelling.nearest(to: name, among: schema.keys.map(\.name)) == key.name
  }

  /// `reason` is why the key is needed, and `alternative` what may be done instead.
  func reportMissing(_ key: any SettingKey, because reason: String? = nil, or alternative: String? = nil) {
    if !reportsMissing || isMisspelt(key) { return }
    findings.error(
      place(of: key), "is missing" + (reason.map { ", and \($0)" } ?? ""),
      key.remedy() + (alternative.map { ", or \($0)" } ?? ""))
  }

  private func path(_ name: String) -> String { place.key.isEmpty ? name : "\(place.key).\(name)" }

  private func reportUnknown(_ node: TOMLNode) {
    let place = Place(file: place.file, line: node.line, key: path(node.key))
    findings.error(place, "is not a setting", remedy(forUnknown: node.key))
  }

  private func remedy(forUnknown name: String) -> String {
    if let near = Spelling.nearest(to: name, among: schema.keys.map(\.name)) { return "did you mean \(near)?" }
    if let home = Schema.tables.first(where: { $0.has(name) && $0.header != schema.header }) {
      return home.header.isEmpty ? "write it as [\(name)] in the main file" : "it belongs in \(home.header)"
    }
    return "remove it; known here are \(schema.keys.map(\.name).joined(separator: ", "))"
  }
}

extension String {
  /// The text with its article, such as "a string" or "an octal string".
  var withArticle: String { (first.map { "aeiou".contains($0) } ?? false ? "an " : "a ") + self }
}
