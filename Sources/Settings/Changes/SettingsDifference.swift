package import Core

/// What a reload would remove, and whether that looks intended.
///
/// A file that was cut off, emptied, or read while half written is often still valid TOML, but without roles, readers
/// or limits. So whatever vanishes from a file that still exists is a *loss*. A reload removes it only if that is
/// allowed (`rolekeeper reload --allow-removal`). Some removals can only be deliberate and aren't losses: one role of
/// several, one file or reader of several, or a whole file of `roles.d`.
package struct SettingsDifference: Hashable, Sendable {
  /// Removals that look like an accident. If there is any, the old settings stay in force unless removal is allowed.
  package private(set) var losses: [Diagnostic] = []
  /// Changes that are carried out, and that an operator should know about.
  package private(set) var warnings: [Diagnostic] = []

  private let old: DaemonSettings
  private let new: DaemonSettings
  private let oldRoles: [RoleName: RoleSettings]
  private let newRoles: [RoleName: RoleSettings]
  /// Outputs of the old settings where the daemon has written no file.
  private let unwritten: [RoleName: Set<OutputSettings.Location>]

  init(from old: DaemonSettings, to new: DaemonSettings, unwritten: [RoleName: Set<OutputSettings.Location>]) {
    self.old = old
    self.new = new
    self.unwritten = unwritten
    oldRoles = Dictionary(old.roles.map { ($0.name, $0) }) { first, _ in first }
    newRoles = Dictionary(new.roles.map { ($0.name, $0) }) { first, _ in first }
    compareFiles()
    compareSections()
    compareRoles()
    compareEnds()
  }

  // MARK: - Files

  private mutating func compareFiles() {
    if newRoles.isEmpty, !oldRoles.isEmpty {
      lose(mainPath, "roles", "is empty, and these roles are in force: \(Self.list(old.roles.map(\.name)))")
      return
    }
    let newFiles = Dictionary(new.inventory.files.map { ($0.path, $0) }) { first, _ in first }
    for file in old.inventory.files {
      let gone = file.roles.filter { oldRoles[$0] != nil && newRoles[$0] == nil }
      guard !gone.isEmpty else { continue }
      guard let still = newFiles[file.path] else {
        warn(
          file.path, "",
          "the file is gone, so \(gone.count == 1 ? "its role is" : "its roles are") removed: \(Self.list(gone))",
          gone.count)
        continue
      }
      if still.roles.isEmpty {
        lose(file.path, "roles", "is empty, though the file is still there and held \(Self.list(gone))")
      } else if file.endsInLineFeed, !still.endsInLineFeed {
        lose(
          file.path, "roles", "lacks \(Self.list(gone)), and the file's last line has lost its line end")
      } else {
        warn(
          file.path, "roles",
          "no longer has \(Self.list(gone)), so what \(gone.count == 1 ? "it" : "they") had is removed", gone.count)
      }
    }
  }

  // MARK: - The main file's tables

  private mutating func compareSections() {
    func isLost(_ section: String) -> Bool {
      old.inventory.sections.contains(section) && !new.inventory.sections.contains(section)
    }
    if isLost("sts"), old.sts != new.sts {
      lose(mainPath, "sts", "is missing, and STS would be called at \(new.sts.endpoint)")
    } else {
      if old.sts.proxy != nil, new.sts.proxy == nil {
        lose(mainPath, "sts.proxy", "is missing, and STS would be called without a proxy")
      }
      if old.sts.caFile != nil, new.sts.caFile == nil {
        lose(mainPath, "sts.ca_file", "is missing, and the system's certificates would be trusted instead")
      }
    }
    for source in new.sources {
      guard source.usesSystemsAuthorities, let before = old.sources.first(where: { $0.name == source.name }),
        before.hasOwnAuthorities
      else { continue }
      lose(
        mainPath, "source.\(source.name).ca_file", "is missing, and the system's certificates would be trusted instead")
    }
    if isLost("socket"), old.socket != new.socket {
      lose(mainPath, "socket", "is missing, and the socket would be \(new.socket.path) with the default mode and group")
    }
    if isLost("credentials"), old.credentials != nil, new.credentials == nil {
      lose(mainPath, "credentials", "is missing, and systemd could load no unit's credential any more")
    }
    if isLost("loopback"), old.loopback != nil, new.loopback == nil {
      lose(mainPath, "loopback", "is missing, and programs would get no credential from the loopback URI any more")
    }
    if isLost("fleet"), old.fleet != nil, new.fleet == nil {
      lose(mainPath, "fleet", "is missing, and no other host would get a credential any more")
    }
    if isLost("files"), old.filesDirectory != new.filesDirectory {
      lose(mainPath, "files", "is missing, and all files would move to \(new.filesDirectory)")
    }
    if !old.admins.isEmpty, new.admins.isEmpty {
      lose(mainPath, "access", "names no admin any more")
    }
  }

  // MARK: - Roles

  private mutating func compareRoles() {
    let named = Set(new.roles.lazy.flatMap(\.outputs).map(\.location))
    for file in new.inventory.files {
      let isCut = hasLostLineEnd(file)
      for name in file.roles {
        guard let before = oldRoles[name], let after = newRoles[name] else { continue }
        compare(before, after, in: file.path)
        compareOutputs(before, after, named, in: file.path, isCut: isCut)
        compareReaders(before, after, in: file.path)
        compareScopes(before, after, in: file.path, isCut: isCut)
      }
    }
  }

  /// Files that a role no longer has while it keeps others. A file outside the role's directory may now belong to
  /// another role; then it stays.
  private mutating func compareOutputs(
    _ before: RoleSettings, _ after: RoleSettings, _ named: Set<OutputSettings.Location>, in path: String, isCut: Bool
  ) {
    guard !after.outputs.isEmpty, before.outputs != after.outputs else { return }
    let gone = before.outputs.map(\.location).filter { location in
      switch location {
      case .roleDirectory: !after.outputs.contains { $0.location == location }
      case .elsewhere: !named.contains(location)
      }
    }
    guard !gone.isEmpty else { return }
    let key = "roles.\(after.name).files"
    let names = gone.map { "'\($0.written)'" }.joined(separator: ", ")
    if isCut {
      lose(path, key, "lacks \(names), and the file's last line has lost its line end")
    } else {
      // An output that couldn't be written leaves nothing to remove.
      let gone = gone.filter { unwritten[before.name]?.contains($0) != true }
      if gone.isEmpty { return }
      let names = gone.map { "'\($0.written)'" }.joined(separator: ", ")
      warn(
        path, key, "no longer has \(names), so \(gone.count == 1 ? "that file is" : "those files are") removed",
        gone.count)
    }
  }

  /// Readers that a role no longer has while it keeps others.
  private mutating func compareReaders(_ before: RoleSettings, _ after: RoleSettings, in path: String) {
    guard !after.readers.isEmpty, before.readers != after.readers else { return }
    var count = 0
    func gone(_ kind: String, _ names: [String]) -> String? {
      guard !names.isEmpty else { return nil }
      count += names.count
      let more = names.count > 8 ? " and \(names.count - 8) more" : ""
      return "\(kind)\(names.count == 1 ? "" : "s") \(names.prefix(8).joined(separator: ", "))\(more)"
    }
    func shown(_ numbers: Set<UInt32>, _ names: [UInt32: String]) -> [String] {
      numbers.sorted().map { number in names[number].map { "'\($0)'" } ?? "\(number)" }
    }
    let all = [
      gone(
        PrincipalKind.user.rawValue,
        shown(before.readers.uids.subtracting(after.readers.uids), old.inventory.userNames)),
      gone(
        PrincipalKind.group.rawValue,
        shown(before.readers.gids.subtracting(after.readers.gids), old.inventory.groupNames)),
      gone("unit", before.readers.units.filter { !after.readers.units.contains($0) }.map { "'\($0)'" }),
      gone("host", before.readers.hosts.filter { !after.readers.hosts.contains($0) }.map { "'\($0)'" }),
    ].compactMap { $0 }
    guard !all.isEmpty else { return }
    warn(
      path, "roles.\(after.name).allow",
      "no longer has \(all.joined(separator: " and ")), so the role isn't open to \(count == 1 ? "it" : "them") any more",
      count)
  }

  /// Scopes that a role no longer has, or that permit something else.
  private mutating func compareScopes(
    _ before: RoleSettings, _ after: RoleSettings, in path: String, isCut: Bool
  ) {
    let (old, new) = (before.derivation, after.derivation)
    guard old != new else { return }
    let key = "roles.\(after.name).scopes"
    let gone = old.scopes.filter { new.scope($0.name) == nil }
    let names = gone.map { "'\($0.name)'" }.joined(separator: ", ")
    if !gone.isEmpty, new.scopes.isEmpty || isCut {
      lose(
        path, key,
        new.scopes.isEmpty
          ? "is missing, and \(names) would be removed"
          : "lacks \(names), and the file's last line has lost its line end"
      )
    } else if !gone.isEmpty {
      warn(
        path, key, "no longer has \(names), so \(gone.count == 1 ? "its session is" : "their sessions are") dropped",
        gone.count)
    }
    for scope in new.scopes {
      guard let before = old.scope(scope.name), before.policy != scope.policy else { continue }
      warn(
        path, "\(key).\(scope.name).policy_file",
        "has changed, so the scope's sessions are dropped; its readers get a new one", 1)
    }
  }

  private mutating func compare(_ before: RoleSettings, _ after: RoleSettings, in path: String) {
    func key(_ name: String) -> String { "roles.\(after.name).\(name)" }
    if !before.readers.isEmpty, after.readers.isEmpty {
      lose(path, key("allow"), "names nobody any more, so its readers would be refused")
    }
    if !before.outputs.isEmpty, after.outputs.isEmpty {
      lose(
        path, key("files"),
        "is missing, so \(before.outputs.count == 1 ? "its file" : "its \(before.outputs.count) files") would be removed"
      )
    }
    if before.policy != nil, after.policy == nil {
      lose(path, key("policy_file"), "is missing, so sessions could do all that the RAM role may")
    }
    let changed = [
      after.difference(from: before).changed.contains(.arn) ? "role_arn" : nil,
      before.policy != after.policy ? "policy_file" : nil,
    ].compactMap { $0 }
    if let first = changed.first {
      warn(
        path, key(first),
        "\(changed.count == 1 ? "has" : "and policy_file have") changed, so the role's sessions are dropped; its readers get none, and its files are removed, until STS has issued a new one",
        changed.count)
    }
    if before.externalID != nil, after.externalID == nil {
      lose(path, key("external_id"), "is missing, and the RAM role's trust policy may ask for it")
    }
  }

  // MARK: - Where files end

  /// A file that was cut off inside a table has lost the last keys of that table, and their defaults apply now. If
  /// readers would notice that at once, it is a loss. Other keys may have been removed on purpose, so their absence is
  /// a loss only if the file's last line has lost its line feed, too. Such a file is also refused when its last key has
  /// another value or is another key: cut off within a line, `owner = 1007` becomes `owner = 100`.
  private mutating func compareEnds() {
    let oldFiles = Dictionary(old.inventory.files.map { ($0.path, $0) }) { first, _ in first }
    for file in new.inventory.files {
      guard let end = file.lastTable else { continue }
      let lost = LostKeys(
        at: end, before: oldFiles[file.path]?.lastTable, from: (old, oldRoles), to: (new, newRoles))
      let isCut = hasLostLineEnd(file)
      if lost.all.isEmpty {
        if isChanged, !losses.contains(where: { $0.place.file == file.path }),
          let before = oldFiles[file.path]?.lastTable
        {
          compareLastKeys(file, end, before, isCut: isCut)
        }
        continue
      }
      let names = lost.all.map { "'\($0)'" }.joined(separator: ", ")
      let what = "no longer has \(names), and the file ends in that table, as if it was cut off there"
      if isCut || !lost.noticed.isEmpty {
        lose(file.path, end.name, what, line: end.lastKey?.line)
      } else {
        warn(file.path, end.name, what, lost.all.count, line: end.lastKey?.line)
      }
    }
  }

  private mutating func compareLastKeys(
    _ file: SettingsInventory.File, _ end: LastTable, _ before: LastTable, isCut: Bool
  ) {
    let key = end.lastKeyName
    let line = end.lastKey?.line
    guard end.endsWithSameKey(as: before) else {
      if isCut {
        lose(
          file.path, key,
          "is where the file ends now, and the line end is missing; it ended with \(before.lastKeyName)",
          line: line)
      }
      return
    }
    guard let last = end.lastKey, let old = before.lastKey, last.value != old.value else { return }
    if isCut {
      lose(
        file.path, key,
        "has another value than before, and the line end behind it is missing, as if it was cut off there",
        line: line)
    } else if !file.endsInLineFeed, last.isShorter(than: old) {
      // Some editors don't end a file with a line feed.
      warn(
        file.path, key, "has lost its last digits, and no line end is behind it: the file may be cut off there", 1,
        line: line)
    }
  }

  private func hasLostLineEnd(_ file: SettingsInventory.File) -> Bool {
    !file.endsInLineFeed && old.inventory.files.contains { $0.path == file.path && $0.endsInLineFeed }
  }

  /// Whether anything differs except the formatting of the files.
  private var isChanged: Bool {
    var old = old
    old.inventory = new.inventory
    return old != new
  }

  // MARK: - Sentences

  private var mainPath: String { new.inventory.files.first?.path ?? old.inventory.files.first?.path ?? "the settings" }

  private mutating func lose(_ path: String, _ key: String, _ what: String, line: Int? = nil) {
    losses.append(
      Diagnostic(
        severity: .error, place: Place(file: path, line: line, key: key), problem: what,
        remedy: "complete the file if it was cut off; if this is meant, run: sudo rolekeeper reload --allow-removal"))
  }

  /// `count` is the number of things that are removed.
  private mutating func warn(_ path: String, _ key: String, _ what: String, _ count: Int, line: Int? = nil) {
    warnings.append(
      Diagnostic(
        severity: .warning, place: Place(file: path, line: line, key: key), problem: what,
        remedy: "if that isn't meant, put \(count == 1 ? "it" : "them") back and reload"))
  }

  /// The first names, and the number of the others.
  private static func list(_ names: [RoleName]) -> String {
    let shown = names.prefix(8).map(\.description).joined(separator: ", ")
    return names.count > 8 ? "\(shown) and \(names.count - 8) more" : shown
  }
}

extension SourceSettings {
  /// The `ca_file` of a source that asks a server over HTTPS: nil for one that doesn't, `.some(nil)` for the system's certificates.
  private var authorities: String?? {
    switch kind {
    case .credentialsURI(let uri):
      if case .https(_, let caFile, _, _) = uri.place { .some(caFile) } else { nil }
    case .upstream(let upstream): .some(upstream.caFile)
    case .accessKey, .role, .instanceRole, .identityToken, .kms: nil
    }
  }

  fileprivate var usesSystemsAuthorities: Bool { if case .some(nil) = authorities { true } else { false } }
  fileprivate var hasOwnAuthorities: Bool { if case .some(.some) = authorities { true } else { false } }
}

extension LastTable {
  /// Its dotted name, such as `roles.uploader.duration`; for a table without keys, the table's name.
  fileprivate var lastKeyName: String { lastKey.map { "\(name)\(name.isEmpty ? "" : ".")\($0.name)" } ?? name }
}

extension Diagnostic {
  /// The same finding for a loss that was allowed (`--allow-removal`): a warning of what was removed.
  package var allowed: Diagnostic {
    Diagnostic(severity: .warning, place: place, problem: problem, remedy: "removal was allowed, so it is in force")
  }
}

extension DaemonSettings {
  /// Compares these settings with `old`, which they replace. `unwritten` are outputs of `old` where the daemon has
  /// written no file.
  package func difference(
    from old: DaemonSettings, unwritten: [RoleName: Set<OutputSettings.Location>] = [:]
  ) -> SettingsDifference {
    SettingsDifference(from: old, to: self, unwritten: unwritten)
  }
}
