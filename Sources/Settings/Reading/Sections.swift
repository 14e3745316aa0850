import Core

/// The tables of the main file, each read by a `TableReader`; nil if an error was reported.

extension SocketSettings {
  /// sun_path has 108 bytes, including the final zero (unix(7)).
  static let maxPathBytes = 107

  init?(_ table: TableReader) {
    typealias Keys = Schema.Socket
    let path = table.absolutePath(Keys.path)
    if let path, path.utf8.count > Self.maxPathBytes {
      table.findings.error(
        table.place(of: Keys.path), "has \(path.utf8.count) bytes, allowed are \(Self.maxPathBytes)",
        Keys.path.remedy())
    }
    let mode = table.mode(Keys.mode, allowed: 0o666)
    if let mode, mode & ~0o666 != 0 || mode & 0o600 != 0o600 {
      table.findings.error(
        table.place(of: Keys.mode), "is '\(mode.octal)', allowed are reading and writing, by its owner at least",
        Keys.mode.remedy("\"\((mode & 0o666 | 0o600).octal)\""))
    }
    let group = table.principal(Keys.group)
    let connections = table.integer(Keys.maxConnections)
    let perUID = table.integer(Keys.maxConnectionsPerUID)
    guard let path, let mode, let connections, let perUID else { return nil }
    self.init(
      path: path, mode: mode, gid: group?.id, maxConnections: connections, maxConnectionsPerUID: perUID)
  }
}

extension CredentialsSettings {
  init?(_ table: TableReader) {
    typealias Keys = Schema.Credentials
    let path = table.absolutePath(Keys.path)
    let wait = table.duration(Keys.wait)
    guard let path, let wait else { return nil }
    guard path.utf8.count <= SocketSettings.maxPathBytes else {
      table.findings.error(
        table.place(of: Keys.path), "has \(path.utf8.count) bytes, allowed are \(SocketSettings.maxPathBytes)",
        Keys.path.remedy())
      return nil
    }
    self.init(path: path, wait: wait)
  }
}

extension AccessRule {
  /// The admins.
  init(_ table: TableReader) {
    let users = table.principals(Schema.Access.adminUsers)
    let groups = table.principals(Schema.Access.adminGroups)
    for (user, place) in users { table.context.reach.add(user, at: place) }
    self.init(uids: Set(users.map(\.principal.id)), gids: Set(groups.map(\.principal.id)))
  }
}

extension TableReader {
  /// The path in absolute form; it may be written relative to the settings file.
  func readPath(_ key: TextKey) -> String? {
    guard let text = text(key) else { return nil }
    guard let path = PathText.normal(text, in: PathText.directory(of: place.file)) else {
      findings.error(
        place(of: key), "is '\(text)', expected \(key.form), without '..' and control characters", key.remedy())
      return nil
    }
    context.filesRead.insert(path)
    return path
  }

  func absolutePath(_ key: TextKey) -> String? {
    guard let text = text(key) else { return nil }
    guard let path = PathText.normal(text), path != "/" else {
      findings.error(
        place(of: key), "is '\(text)', expected an absolute path, not '/' alone, without '..' and control characters",
        key.remedy())
      return nil
    }
    return path
  }
}
