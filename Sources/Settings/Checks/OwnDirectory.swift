import Core

/// A directory that a finding may propose for the daemon's files, and how to get there: one that can be made without touching what
/// is there already, or one that is the daemon's.
struct OwnDirectory {
  private enum Kind {
    /// It isn't there, and root alone may make it.
    case new
    case ready
  }

  let context: LoadContext

  /// All that has to be done, for the first of `directories` that will do; `change` is what the settings then say, if they have to be
  /// changed. Where none will do it says what is needed and gives no command.
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

  /// Whether `install -d` makes it and changes nothing else: nothing is there, and the directory above is root's, with no link on the way.
  func canBeMade(_ directory: String) -> Bool {
    guard HostPlaces.mayBeOurs(directory), isMissing(directory) else { return false }
    var above = PathText.directory(of: directory)
    while above != "/", isMissing(above) { above = PathText.directory(of: above) }
    // What can't be looked at is left alone.
    guard let status = try? context.host.status(of: above), (try? context.host.realPath(of: above)) == above else {
      return false
    }
    // Of the root directory only /srv may be missing: what else lies there is for the administrator to make.
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

  /// The daemon's own loader can't know its unit; `check` without one has nothing to open.
  private func isOpen(_ directory: String) -> Bool {
    guard let check = context.check else { return false }
    return check.unit.map { $0.view.access(to: directory) == .writable } ?? true
  }
}
