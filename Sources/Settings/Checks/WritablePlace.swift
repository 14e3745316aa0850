import Core

/// Whether the daemon can write where the settings want it to, and what to do when it can't.
struct WritablePlace {
  let context: LoadContext
  /// Of the key that names it.
  let place: Place

  /// An output outside of the roles' directories. Whoever may write to its directory could replace the file, or have it
  /// written elsewhere.
  func check(output path: String, of role: RoleName, ownerUID: UInt32?) {
    let directory = PathText.directory(of: path)
    let other = "/srv/rolekeeper/\(role)"
    func moved(to directory: String) -> String { "write path = \"\(directory)/\(PathText.name(of: path))\"" }

    if case .hidden(let setting)? = unitAccess(to: directory) {
      return warn(
        "is '\(path)', and the unit doesn't see that directory (\(setting))", ownDirectory(other, moved(to: other)))
    }
    if context.check?.unit?.view.isMadeBySystemd(directory) == true { return }
    let status: FileStatus
    do throws(HostError) { status = try context.host.status(of: directory) } catch {
      return warn(
        "is '\(path)', and its directory can't be seen: \(error)",
        error == .missing ? ownDirectory(directory) : "let the daemon's user search the directories above it")
    }
    guard status.kind == .directory else {
      return context.findings.error(
        place, "is '\(path)', and '\(directory)' isn't a directory", Schema.Output.path.remedy())
    }
    if let (who, cause, _) = context.trust.writers(status, besides: ownerUID) {
      return context.findings.error(
        place, "is '\(path)', and \(who) may write to its directory (\(cause))", ownDirectory(other, moved(to: other)))
    }
    guard context.check != nil else { return }
    if !context.host.mayWrite(to: directory) {
      let own = Self.systemDirectories.contains(directory) ? other : "\(directory)/rolekeeper"
      return warn(
        "is '\(path)', and \(daemon) may not write to its directory (mode \(status.mode.octal), owned by "
          + "\(context.trust.name(ofUID: status.uid)))", ownDirectory(own, moved(to: own)))
    }
    if unitAccess(to: directory) == .readOnly {
      warn("is '\(path)', where the unit may not write", "run: \(Self.dropIn(directory))")
    }
  }

  /// A directory that the daemon makes things in, and makes itself where it isn't there.
  func check(directory: String) {
    guard let check = context.check else { return }
    switch unitAccess(to: directory) {
    case .hidden(let setting):
      return warn(
        "is '\(directory)', which the unit doesn't see (\(setting))",
        "write another path, best one below /run/rolekeeper")
    case .readOnly: return warn("is '\(directory)', where the unit may not write", "run: \(Self.dropIn(directory))")
    case .writable, nil: break
    }
    if check.unit?.view.isMadeBySystemd(directory) == true { return }
    let existing = isThere(directory) ? directory : PathText.directory(of: directory)
    if isThere(existing), !context.host.mayWrite(to: existing) {
      warn("is '\(directory)', and \(daemon) may not write to '\(existing)'", ownDirectory(directory))
    }
  }

  /// What no program of ours should get a directory in.
  private static let systemDirectories: Set<String> = [
    "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/media", "/mnt", "/opt", "/proc", "/root", "/run", "/sbin",
    "/sys",
    "/usr", "/var", "/var/lib", "/var/run",
  ]

  private func isThere(_ path: String) -> Bool { (try? context.host.status(of: path)) != nil }

  private func unitAccess(to directory: String) -> UnitView.Access? {
    context.check?.unit?.view.access(to: directory)
  }

  /// All that has to be done for a directory of the daemon's own; `change` is what the settings then say.
  private func ownDirectory(_ directory: String, _ change: String? = nil) -> String {
    // The daemon's own loader can't know its unit; `check` without one has nothing to open.
    let isOpen = context.check.map { $0.unit.map { $0.view.access(to: directory) == .writable } ?? true } ?? false
    return [
      "use a directory of its own: run: \(SafeFix.makeDirectory(directory, user: context.trust.daemonsUser))", change,
      isOpen ? nil : "let the unit write there: \(Self.dropIn(directory))",
    ].compactMap { $0 }.joined(separator: "; ")
  }

  private static func dropIn(_ directory: String) -> String {
    "systemctl edit rolekeeper, with the lines [Service] and ReadWritePaths=-\(directory)"
  }

  private var daemon: String { "the daemon's \(context.trust.name(ofUID: context.host.uid))" }

  private func warn(_ problem: String, _ remedy: String) { context.findings.warning(place, problem, remedy) }
}
