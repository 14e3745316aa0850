import Core

/// A directory that a finding may propose for the daemon's files, and the command for it: either it can be created
/// without changing an existing directory, or it is the daemon's already.
struct OwnDirectory {
  private enum Kind {
    /// It doesn't exist, and only root may create it.
    case new
    case ready
  }

  let context: LoadContext

  /// Everything that has to be done to use the first suitable one of `directories`; `change` is the change of the
  /// settings that it needs, if any. If none is suitable, the text says what is needed and has no command.
  func remedy(_ directories: [String], change: ((String) -> String)? = nil) -> String {
    for directory in directories {
      guard let kind = kind(of: directory) else { continue }
      let use =
        switch kind {
        case .new:
          "use a directory of its own: run: \(SafeFix.makeDirectory(directory, user: context.trust.daemonsUser))"
        case .ready: "use '\(directory)', where the daemon may write"
        }
      return [
        use, change?(directory), isOpen(directory) ? nil : "let the unit write there: \(SafeFix.opening(directory))",
      ]
      .compactMap { $0 }.joined(separator: "; ")
    }
    return
      "use a new directory below /srv that belongs to \(context.trust.daemonsUser), with mode 0711 and all directories above it root's, "
      + "and let the unit write there (ReadWritePaths=)"
  }

  /// Whether `install -d` creates it and changes nothing else: it doesn't exist, the directory above is root's, and
  /// there is no link in the path.
  func canBeMade(_ directory: String) -> Bool {
    guard HostPlaces.mayBeOurs(directory), isMissing(directory) else { return false }
    var above = PathText.directory(of: directory)
    while above != "/", isMissing(above) { above = PathText.directory(of: above) }
    // Don't propose a path that can't be checked.
    guard let status = try? context.host.status(of: above), (try? context.host.realPath(of: above)) == above else {
      return false
    }
    // If the directory below the root directory is missing, too, only /srv may be created with it.
    let isFit = above == "/" ? directory.hasPrefix("/srv/") : HostPlaces.mayBeOurs("\(above)/x")
    return isFit && status.kind == .directory && status.uid == 0 && status.mode & 0o022 == 0
  }

  private func kind(of directory: String) -> Kind? {
    if canBeMade(directory) { return .new }
    guard HostPlaces.mayBeOurs(directory), let status = try? context.host.status(of: directory),
      status.kind == .directory,
      context.trust.writers(status) == nil, context.host.mayWrite(to: directory)
    else { return nil }
    return .ready
  }

  private func isMissing(_ path: String) -> Bool {
    do throws(HostError) { _ = try context.host.status(of: path) } catch { return error == .missing }
    return false
  }

  /// In the daemon's own loader the unit isn't known; for `check` without a unit there is nothing to open.
  private func isOpen(_ directory: String) -> Bool {
    guard let check = context.check else { return false }
    return check.unit.map { $0.view.access(to: directory) == .writable } ?? true
  }
}
