import Core

/// Reads one table by its schema and reports what it finds wrong on the way.
///
/// The reading functions answer nil for a value that was reported, and for one that isn't written and has no default.
/// With an error among the findings no settings come out, so a reader may go on with whatever it has.
struct TableReader {
  /// Of the table: its path of keys as `roles.uploader`, and the line of its header.
  let place: Place
  let context: LoadContext
  /// False where what isn't here was written in another place, which was reported.
  var reportsMissing = true
  private let schema: SettingTable
  private let members: [String: TOMLNode]
  /// Those that aren't in the schema; mostly none.
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

  /// Where a key stands, or else the table it is missing from.
  func place(of key: any SettingKey) -> Place {
    Place(file: place.file, line: members[key.name]?.line ?? place.line, key: path(key.name))
  }

  /// The table under `key`, read by `schema`; one that isn't written is empty.
  func table(_ key: TableKey, _ schema: SettingTable) -> TableReader {
    var place = place(of: key)
    place.line = member(key)?.line ?? misspelt(key)?.line ?? place.line
    return TableReader(nodes(key), schema: schema, at: place, context: context)
  }

  /// The members of the table under `key`, whatever their names. A table by a misspelt name, which was reported, is read for what else
  /// is wrong with it.
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

  /// One of the tables named by the user under `key`, as `[roles.uploader]` under `roles`.
  func table(_ node: TOMLNode, in key: TableKey, _ schema: SettingTable) -> TableReader? {
    let place = Place(file: place.file, line: node.line, key: "\(path(key.name)).\(node.key)")
    guard case .table(let nodes) = node.value else {
      findings.error(place, "is \(node.value.article), expected a table", "write [\(place.key)] and its keys below")
      return nil
    }
    return TableReader(nodes, schema: schema, at: place, context: context)
  }

  /// The tables of a list of tables.
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

  /// Whether a name that isn't in the schema, and was reported, is a misspelling of `key`: then that isn't missing.
  func isMisspelt(_ key: any SettingKey) -> Bool {
    !unknown.isEmpty && members[key.name] == nil && unknown.contains { isMisspelling($0.key, of: key) }
  }

  private func misspelt(_ key: TableKey) -> TOMLNode? {
    unknown.filter { isMisspelling($0.key, of: key) }.min { $0.line < $1.line }
  }

  func isMisspelling(_ name: String, of key: any SettingKey) -> Bool {
    !schema.has(name) && Spelling.nearest(to: name, among: schema.keys.map(\.name)) == key.name
  }

  func reportMissing(_ key: any SettingKey) {
    if !reportsMissing || isMisspelt(key) { return }
    findings.error(place(of: key), "is missing", key.remedy())
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
  /// "a string", "an octal string".
  var withArticle: String { (first.map { "aeiou".contains($0) } ?? false ? "an " : "a ") + self }
}
