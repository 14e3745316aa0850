import Core

/// Reads `[source.NAME]`.
struct SourceReader {
  let table: TableReader

  private typealias Keys = Schema.Source

  /// Nil if an error was reported.
  func read(as name: String) -> SourceSettings? {
    guard let text = table.choice(Keys.type) else {
      table.context.sourcesOfNoType.insert(name)
      // To report other errors in the table; most sources are AccessKeys.
      let hasOther = Keys.table.keys.dropFirst().contains { key in
        table.isWritten(key) && !Keys.keys(of: .accessKey).contains { $0.name == key.name }
      }
      if !hasOther { _ = accessKey() }
      return nil
    }
    guard let type = SourceType(rawValue: text) else { return nil }
    let hasForeignKeys = reportKeys(besides: type)
    let kind: SourceSettings.Kind? =
      switch type {
      case .accessKey: accessKey().map { .accessKey($0) }
      case .role: role().map { .role($0) }
      case .instanceRole: instanceRole().map { .instanceRole($0) }
      case .identityToken: identityToken().map { .identityToken($0) }
      case .credentialsURI: credentialsURI().map { .credentialsURI($0) }
      case .kms: kms().map { .kms($0) }
      case .upstream: upstream(as: name).map { .upstream($0) }
      }
    table.context.sourcePlaces[name] =
      switch type {
      case .role: table.place(of: Keys.role)
      case .upstream: table.place(of: Keys.fallbackRate)
      default: table.place(of: Keys.type)
      }
    return hasForeignKeys ? nil : kind.map { SourceSettings(name: name, kind: $0) }
  }

  /// Reports keys that belong to another type of source; false if there are none.
  private func reportKeys(besides type: SourceType) -> Bool {
    let own = Set(Keys.keys(of: type).map(\.name))
    var hasForeign = false
    for key in Keys.table.keys where key.name != Keys.type.name && !own.contains(key.name) && table.isWritten(key) {
      let homes = SourceType.allCases.filter { Keys.keys(of: $0).contains { $0.name == key.name } }
      table.findings.error(
        table.place(of: key), "is written, and type is '\(type.rawValue)'",
        "remove the line, or write type = \(homes.map { "\"\($0.rawValue)\"" }.joined(separator: " or "))")
      hasForeign = true
    }
    return hasForeign
  }

  private func accessKey() -> SourceSettings.KeyLocation? {
    let credential = table.text(Keys.credential)
    let file = table.readPath(Keys.file)
    switch (table.isWritten(Keys.credential), table.isWritten(Keys.file)) {
    case (true, true):
      table.findings.error(
        table.place(of: Keys.file), "is set together with credential, but an AccessKey comes from one of them",
        "remove one of the lines")
    case (false, false) where !table.isMisspelt(Keys.credential) && !table.isMisspelt(Keys.file):
      table.findings.error(
        table.place, "names no AccessKey",
        "write \(Keys.credential.name) = \(Keys.credential.example) or file = \"PATH\"")
    default: break
    }
    if let file {
      AccessKeyCheck(table: table).check(file: file)
      return .file(path: file)
    }
    guard let credential, let path = AccessKeyCheck(table: table).path(ofCredential: credential) else { return nil }
    return .credential(name: credential, path: path.isEmpty ? nil : path)
  }

  private func role() -> RoleName? {
    guard let text = table.text(Keys.role) else {
      if !table.isWritten(Keys.role), !table.isMisspelt(Keys.role) {
        table.findings.error(table.place(of: Keys.role), "is missing, and type is 'role'", Keys.role.requiredRemedy())
      }
      return nil
    }
    guard let name = RoleName(text) else {
      table.findings.error(
        table.place(of: Keys.role), "is '\(text)', which is no role's name", Keys.role.requiredRemedy())
      return nil
    }
    return name
  }
}
