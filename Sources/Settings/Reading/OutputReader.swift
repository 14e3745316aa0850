import Core

/// Reads `[[roles.NAME.files]]`, and finds outputs that would overwrite one another or a file that is read.
final class OutputReader {
  private typealias Keys = Schema.Output

  /// Nil if an error in [files] was reported.
  let filesDirectory: String?
  /// The same path with links resolved.
  private let realFilesDirectory: String?
  private let places: RealPlaces
  private var claims: [String: String] = [:]
  private var claimedDirectories: [String: String] = [:]
  /// `real` is the path with links in its directories resolved. A link in place of the file itself is replaced, not
  /// followed.
  private var outputs: [(path: String, real: String, place: Place)] = []

  init(filesDirectory: String?, host: any Host) {
    let places = RealPlaces(host: host)
    self.places = places
    self.filesDirectory = filesDirectory
    realFilesDirectory = filesDirectory.map { places.directory($0) }
  }

  /// Reserves `path` and its target for `owner`, a phrase such as "the socket".
  func claim(_ path: String, for owner: String) {
    claims[places.file(path)] = owner
    claims[places.directory(path)] = owner
  }

  /// Reserves everything in the directory `path`.
  func claim(contentsOf path: String, for owner: String) {
    claim(path, for: owner)
    claimedDirectories[places.directory(path)] = owner
  }

  func read(_ tables: [TableReader], of role: RoleName) -> [OutputSettings] {
    tables.compactMap { read($0, role) }
  }

  /// Reports outputs whose path is reserved; called after everything was read and reserved.
  func reportClashes(to findings: Findings) {
    for (path, real, place) in outputs {
      if let owner = claims[real] ?? claimedDirectories[PathText.directory(of: real)] {
        let which = path == real ? "which is" : "which leads to '\(real)', and that is"
        findings.error(place, "is '\(path)', \(which) \(owner)", "give it a path of its own")
      } else {
        claims[real] = "\(place.key) too (\(place))"
      }
    }
  }

  private func read(_ table: TableReader, _ role: RoleName) -> OutputSettings? {
    let format = format(table)
    let owner = table.principal(Keys.owner)
    let group = table.principal(Keys.group)
    // If the owner was reported as wrong, nobody knows whether the directory is theirs.
    let isOwnerKnown = owner != nil || !table.isWritten(Keys.owner)
    let location = location(table, role, ownerUID: owner?.id, isOwnerKnown: isOwnerKnown)
    let mode = mode(table)
    if format == .known(.aliyunCLI), case .elsewhere(let path) = location {
      table.findings.error(
        table.place(of: Keys.format), "is 'aliyun-cli', and the file would replace '\(path)' with all profiles in it",
        "write path = \"\(PathText.name(of: path))\" and name the file by aliyun's --config-path; or run rolekeeper get \(role) --format aliyun-cli --output FILE, which keeps other profiles"
      )
      return nil
    }
    guard let format, let location, let mode, let gid = gid(table, owner: owner, group: group) else { return nil }
    notePlace(ofFileFor: owner?.id, gid, table)
    return OutputSettings(
      location: location, format: format, uid: owner?.id ?? table.context.host.uid, gid: gid, mode: mode)
  }

  private func notePlace(ofFileFor owner: UInt32?, _ gid: UInt32, _ table: TableReader) {
    let (context, host) = (table.context, table.context.host)
    // Another user than the daemon's doesn't know the daemon's uid and group.
    guard context.givenFilePlace == nil, !table.findings.isOutsiders else { return }
    let isForOtherUser = owner.map { $0 != host.uid } ?? false
    guard isForOtherUser || gid != host.gid else { return }
    context.givenFilePlace = table.place(of: isForOtherUser || !table.isWritten(Keys.group) ? Keys.owner : Keys.group)
  }

  private func format(_ table: TableReader) -> OutputFormat? {
    let name = table.choice(Keys.format)
    let place = table.place(of: Keys.template)
    guard name == OutputFormat.templateName else {
      // If the format is wrong, that was reported.
      if let name, table.isWritten(Keys.template) {
        table.findings.error(
          place, "is written, and format is '\(name)'",
          "write format = \"\(OutputFormat.templateName)\" or remove the line")
        return nil
      }
      return name.flatMap(CredentialFormat.init).map { .known($0) }
    }
    guard table.isWritten(Keys.template) else {
      table.findings.error(place, "is missing, and format is 'template'", Keys.template.requiredRemedy())
      return nil
    }
    return table.readPath(Keys.template).flatMap { table.context.templates.template(in: $0, namedAt: place) }
      .map { .template($0) }
  }

  private func location(
    _ table: TableReader, _ role: RoleName, ownerUID: UInt32?, isOwnerKnown: Bool
  ) -> OutputSettings.Location? {
    guard let text = table.text(Keys.path) else { return nil }
    let place = table.place(of: Keys.path)
    if PathText.isAbsolute(text), let path = PathText.normal(text), PathText.isFileName(PathText.name(of: path)) {
      let name = PathText.name(of: path)
      let real = places.file(path)
      if let inside = Self.steps(of: path, in: filesDirectory) ?? Self.steps(of: real, in: realFilesDirectory) {
        reportInside(path, inside, of: role, table)
        return nil
      }
      if let suffix = [ReservedNames.recordSuffix, ReservedNames.temporarySuffix].first(where: { name.hasSuffix($0) }) {
        table.findings.error(
          place, "is '\(path)', and names that end in '\(suffix)' are those of the daemon's own files beside an output",
          "choose another name")
        return nil
      }
      if isOwnerKnown {
        WritablePlace(context: table.context, place: place)
          .check(output: path, of: role, ownerUID: ownerUID, plainPath: plainPath(for: path, of: role))
      }
      outputs.append((path, real, place))
      return .elsewhere(path: path)
    }
    if PathText.isAbsolute(text) {
      table.findings.error(
        place,
        "is '\(text)', which has '..', a control character, a name of more than \(FileName.maxLength) bytes, or no name at its end",
        "write the absolute path without that")
      return nil
    }
    if text.utf8.contains(UInt8(ascii: "/")) {
      table.findings.error(
        place, "is '\(text)', which is neither a file name nor an absolute path",
        PathText.isFileName(PathText.name(of: text))
          ? Keys.path.remedy("\"\(PathText.name(of: text))\"") : Keys.path.remedy())
      return nil
    }
    guard Self.isOutputName(text) else {
      table.findings.error(
        place, "is '\(text)', expected \(Keys.path.form), not 'current', 'gen-…' or '.…'",
        "choose another name: the role's directory uses these names itself")
      return nil
    }
    if let filesDirectory, let realFilesDirectory {
      let inside = "\(role)/\(text)"
      outputs.append(("\(filesDirectory)/\(inside)", "\(realFilesDirectory)/\(inside)", place))
    }
    return .roleDirectory(name: text)
  }

  /// The path in the role's directory with the file's name alone, if no other output has it so far.
  private func plainPath(for path: String, of role: RoleName) -> String? {
    let name = PathText.name(of: path)
    guard let filesDirectory, Self.isOutputName(name) else { return nil }
    let plain = "\(filesDirectory)/\(role)/\(name)"
    return outputs.contains { $0.path == plain } ? nil : plain
  }

  /// 'current' and 'gen-N' are the links and directories by which a role's directory switches its files; names that
  /// begin with '.' may be temporary files.
  private static func isOutputName(_ text: String) -> Bool {
    PathText.isFileName(text) && OutputName(text) != nil
  }

  /// The path components from `directory` to `path`; nil if it isn't inside.
  private static func steps(of path: String, in directory: String?) -> [Substring]? {
    guard let directory, path == directory || path.hasPrefix("\(directory)/") else { return nil }
    return path.dropFirst(directory.count).split(separator: "/")
  }

  /// Reports an absolute path inside the directory of the roles' directories, which only the daemon arranges; `steps`
  /// lead from there to the file.
  private func reportInside(_ path: String, _ steps: [Substring], of role: RoleName, _ table: TableReader) {
    guard let filesDirectory else { return }
    let whose =
      steps.count > 1 && String(steps[0]) != role.description
      ? RoleName(String(steps[0])).map { "the directory of role '\($0)'" } : nil
    let name = PathText.name(of: path)
    table.findings.error(
      table.place(of: Keys.path), "is '\(path)', which lies in \(whose ?? "the daemon's own directory")",
      steps.isEmpty || !Self.isOutputName(name)
        ? "write a file's name alone, which is then in \(filesDirectory)/\(role)"
        : "write path = \"\(name)\", which is then \(filesDirectory)/\(role)/\(name)")
  }

  private func gid(_ table: TableReader, owner: Principal?, group: Principal?) -> UInt32? {
    if let group { return group.id }
    guard let owner else { return table.context.host.gid }
    if let primary = owner.primaryGroup { return primary }
    if owner.isLookUpFailed {
      table.findings.passing(
        table.place(of: Keys.owner), "is user \(owner.id), whose primary group can't be looked up",
        "check this host's user database (getent passwd), or write group too")
      return nil
    }
    table.findings.error(
      table.place(of: Keys.owner), "is user \(owner.id), whose primary group this host doesn't know",
      "write group = \"NAME\" too")
    return nil
  }

  private func mode(_ table: TableReader) -> UInt32? {
    let isWorldReadable = table.flag(Keys.allowWorldReadable) ?? false
    let allowed: UInt32 = isWorldReadable ? 0o644 : 0o640
    guard let mode = table.mode(Keys.mode, allowed: allowed) else { return nil }
    let place = table.place(of: Keys.mode)
    let tight = "\"\((mode & allowed | 0o400).octal)\""
    if mode & 0o400 == 0 {
      table.findings.error(place, "is '\(mode.octal)', which doesn't let the owner read", Keys.mode.remedy(tight))
    } else if mode & ~allowed == 0o004 {
      table.findings.error(
        place, "is '\(mode.octal)', which lets everybody on this host read the credential",
        "write mode = \(tight), or add allow_world_readable = true")
    } else if mode & ~allowed != 0 {
      table.findings.error(
        place, "is '\(mode.octal)', which has permissions beyond \(allowed.octal)", Keys.mode.remedy(tight))
    }
    return mode
  }
}
