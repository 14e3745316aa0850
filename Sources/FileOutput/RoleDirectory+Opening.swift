import Glibc

extension RoleDirectory {
  /// Starts `drifts` with the directory's own drift.
  mutating func openDirectory() throws(FileOutputError) -> Directory {
    drifts = []
    let parent = try openParent()
    let isNew = try parent.makeDirectory(role)
    let directory = try enter(parent)
    let found = try adopt(directory)
    if let found, !isNew, written != nil { drifts.append(OutputDrift(path: path, found: found)) }
    return directory
  }

  /// Opens the role's directory; one of ours that we can't enter first gets its mode back.
  private mutating func enter(_ parent: borrowing Directory) throws(FileOutputError) -> Directory {
    do throws(FileOutputError) {
      return try parent.openDirectory(role)
    } catch .system(.openDirectory, let path, EACCES) {
      guard let status = try parent.status(of: role), status.isDirectory else {
        throw .system(.openDirectory, path: path, errno: EACCES)
      }
      guard status.uid == geteuid() else { throw foreign(status) }
      try parent.restore(role, mode: Self.directoryMode)
      drifts.append(OutputDrift(path: path, found: Self.text(of: status)))
      return try parent.openDirectory(role)
    }
  }

  /// Its content is no longer known, whoever made it.
  private func foreign(_ status: FileStatus) -> FileOutputError {
    .foreignDirectory(
      path: path, uid: status.uid, mode: status.permissions,
      origin: identity.map { $0 == Identity(status) ? .ours : .others })
  }

  mutating func enterIfPresent() throws(FileOutputError) -> Directory? {
    do throws(FileOutputError) {
      return try enter(try Directory(at: parent, calls))
    } catch .missingDirectory { return nil } catch .system(.openDirectory, _, ENOENT) { return nil }
  }

  private static func text(of status: FileStatus) -> String {
    "mode \(status.access.modeText) instead of 0\(String(directoryMode, radix: 8))"
  }

  func openDirectoryIfPresent() throws(FileOutputError) -> Directory? {
    do throws(FileOutputError) {
      let parent = try Directory(at: parent, calls)
      return try parent.openDirectory(role)
    } catch .missingDirectory { return nil } catch .system(.openDirectory, _, ENOENT) { return nil }
  }

  private func openParent() throws(FileOutputError) -> Directory {
    guard let path = OutputPath(parent) else { throw .unusablePath(parent) }
    let above = try Directory(at: path.directory, calls)
    let isNew = try above.makeDirectory(path.name, .makeParent)
    let parent = try above.openDirectory(path.name)
    if isNew {
      try parent.removeACLs(of: parent.descriptor, parent.path)
      try parent.setMode(Self.directoryMode)
    }
    let status = try parent.status()
    guard status.isWritable(onlyBy: [geteuid()]) else {
      throw parent.looseness(of: status, besides: [geteuid()])
    }
    return parent
  }

  /// Makes sure that the daemon's directory has the right mode and no access control list. Returns what was wrong; nil if nothing
  /// was.
  mutating func adopt(_ directory: borrowing Directory) throws(FileOutputError) -> String? {
    let status = try directory.status()
    guard status.uid == geteuid() else { throw foreign(status) }
    identity = Identity(status)
    let hadACL = try directory.removeACLs(of: directory.descriptor, directory.path)
    var found: [String] = []
    if status.permissions != Self.directoryMode { found.append(Self.text(of: status)) }
    if hadACL { found.append("an access control list") }
    guard !found.isEmpty else { return nil }
    try directory.setMode(Self.directoryMode)
    return found.joined(separator: ", ")
  }
}
