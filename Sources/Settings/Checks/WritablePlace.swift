import Core

/// Checks that the daemon can write where the settings want it to, and proposes what to do if it can't.
///
/// No proposal changes a directory that exists already (`OwnDirectory`).
struct WritablePlace {
  let context: LoadContext
  /// The place of the key that names the path.
  let place: Place

  /// Checks an output outside the roles' directories. Whoever may write to its directory could replace the file, or
  /// redirect it. `plainPath` is the path in the role's directory with the file's name alone; nil if that isn't
  /// possible.
  func check(output path: String, of role: RoleName, ownerUID: UInt32?, plainPath: String?) {
    let directory = PathText.directory(of: path)
    let elsewhere = ["/srv/rolekeeper/\(role)", "/var/lib/rolekeeper-files/\(role)"]
    func moved(_ preferred: String? = nil) -> String {
      if let plainPath, directory.hasPrefix("/run/") || context.unit?.view.isInsideMade(directory) == true {
        return "write path = \"\(PathText.name(of: path))\", which is then \(plainPath)"
      }
      return OwnDirectory(context: context).remedy([preferred].compactMap { $0 } + elsewhere) {
        "write path = \"\($0)/\(PathText.name(of: path))\""
      }
    }

    if case .hidden(let setting)? = unitAccess(to: directory) {
      return warn("is '\(path)', and the unit doesn't see that directory (\(setting))", moved())
    }
    if isMadeBySystemd(directory) { return }
    let status: FileStatus
    do throws(HostError) { status = try context.host.status(of: directory) } catch {
      if error == .missing {
        return warn("is '\(path)', and there is no directory '\(directory)'", made(directory) ?? moved())
      }
      return unseen("is '\(path)', and its directory can't be seen: \(error)", error, moved())
    }
    guard status.kind == .directory else {
      return context.findings.error(place, "is '\(path)', and '\(directory)' isn't a directory", moved())
    }
    if let (who, cause, _) = context.trust.writers(status, besides: ownerUID) {
      return context.findings.error(place, "is '\(path)', and \(who) may write to its directory (\(cause))", moved())
    }
    guard context.check != nil else { return }
    if !context.host.mayWrite(to: directory) {
      let inside = "\(directory)/rolekeeper"
      return warn(
        "is '\(path)', and \(daemon) may not write to its directory (\(describe(status)))",
        moved(OwnDirectory(context: context).canBeMade(inside) ? inside : nil))
    }
    if unitAccess(to: directory) == .readOnly {
      warn("is '\(path)', where the unit may not write", opened(directory) ?? moved())
    }
  }

  /// Checks `files.directory`, which the daemon creates if the directory above it exists. `isWritten` is whether the
  /// settings name it.
  func check(filesDirectory directory: String, isWritten: Bool) {
    let standard = Schema.Files.directory.standard ?? ""
    func moved() -> String {
      let own = OwnDirectory(context: context).remedy(["/srv/rolekeeper/files", "/var/lib/rolekeeper-files"]) {
        "write directory = \"\($0)\""
      }
      return directory == standard ? own : "remove the line to use \(standard); or \(own)"
    }

    if case .hidden(let setting)? = unitAccess(to: directory) {
      return warn("is '\(directory)', and the unit doesn't see that directory (\(setting))", moved())
    }
    if isMadeBySystemd(directory) { return }
    let status: FileStatus
    do throws(HostError) { status = try context.host.status(of: directory) } catch {
      if error == .missing, isMadeBySystemd(PathText.directory(of: directory)) { return }
      // Without a unit that creates the standard directory, whoever starts the daemon has to.
      guard let check = context.check, isWritten || check.unit != nil else { return }
      guard error == .missing else {
        return unseen("is '\(directory)', and that directory can't be seen: \(error)", error, moved())
      }
      let above = PathText.directory(of: directory)
      if context.host.mayWrite(to: above), unitAccess(to: above) != .readOnly { return }
      return warn(
        "is '\(directory)', which isn't there, and \(daemon) can't make it in '\(above)'",
        above == StandardPath.runtime ? "run: \(StandardPath.makeRuntime)" : made(directory) ?? moved())
    }
    guard status.kind == .directory else { return warn("is '\(directory)', which isn't a directory", moved()) }
    if let (who, cause, _) = context.trust.writers(status) {
      return warn(
        "is '\(directory)', and \(who) may write to it (\(cause)), so no file would be written there", moved())
    }
    guard context.check != nil else { return }
    if !context.host.mayWrite(to: directory) {
      return warn("is '\(directory)', and \(daemon) may not write to it (\(describe(status)))", moved())
    }
    if unitAccess(to: directory) == .readOnly {
      warn("is '\(directory)', where the unit may not write", opened(directory) ?? moved())
    }
  }

  /// Checks `socket.path`. If its directory doesn't exist, the daemon can't start. If the unit sees another directory
  /// under this path, nobody outside could connect; the running daemon detects that, too. True if nothing is wrong.
  func check(socket path: String, isWritten: Bool) -> Bool {
    let directory = PathText.directory(of: path)
    let runtime = StandardPath.runtime
    let moved =
      directory == runtime
      ? "run: \(StandardPath.makeRuntime)"
      : "write path = \"\(runtime)/\(PathText.name(of: path))\""

    func refuse(_ problem: String, _ remedy: String) -> Bool {
      context.findings.error(place, problem, remedy)
      return false
    }

    if case .hidden(let setting)? = unitAccess(to: directory) {
      return refuse("is '\(path)', and the unit doesn't see that directory (\(setting))", moved)
    }
    guard let check = context.check, !isMadeBySystemd(directory) else { return true }
    let status: FileStatus
    do throws(HostError) { status = try context.host.status(of: directory) } catch {
      if error == .denied {
        context.findings.denied(place, "is '\(path)', and its directory can't be seen: \(error)", moved)
        return false
      }
      guard error == .missing else {
        return refuse("is '\(path)', and its directory can't be seen: \(error)", moved)
      }
      let problem = "is '\(path)', and its directory isn't there"
      // Something that starts the daemon may create it.
      guard check.unit == nil, directory.hasPrefix("/run/") else { return refuse(problem, made(directory) ?? moved) }
      if isWritten { warn(problem, moved) }
      return true
    }
    guard status.kind == .directory else {
      return refuse("is '\(path)', and '\(directory)' isn't a directory", moved)
    }
    if !context.host.mayWrite(to: directory) {
      return refuse("is '\(path)', and \(daemon) may not write to its directory (\(describe(status)))", moved)
    }
    if unitAccess(to: directory) == .readOnly {
      return refuse("is '\(path)', where the unit may not write", opened(directory) ?? moved)
    }
    return true
  }

  /// The command that creates a missing directory; nil where the daemon's files don't belong.
  private func made(_ directory: String) -> String? {
    let own = OwnDirectory(context: context)
    return own.canBeMade(directory) ? own.remedy([directory]) : nil
  }

  /// What lets the unit write to a directory whose permissions are right; nil for a directory of the host.
  private func opened(_ directory: String) -> String? {
    HostPlaces.mayBeOurs(directory) ? "run: \(SafeFix.opening(directory))" : nil
  }

  private func isMadeBySystemd(_ directory: String) -> Bool {
    context.check?.unit?.view.isMadeBySystemd(directory) == true
  }

  private func unitAccess(to directory: String) -> UnitView.Access? {
    context.unit?.view.access(to: directory)
  }

  private func describe(_ status: FileStatus) -> String {
    let list = status.accessList == nil ? "" : " with an ACL"
    return "mode \(status.mode.octal)\(list), owned by \(context.trust.name(ofUID: status.uid))"
  }

  private var daemon: String { "the daemon's \(context.trust.name(ofUID: context.host.uid))" }

  /// The daemon continues without what it can't see; a check by another user notes that it didn't look.
  private func unseen(_ problem: String, _ error: HostError, _ remedy: String) {
    if error == .denied, context.findings.isOutsiders {
      context.findings.note(place, problem, Findings.askRoot)
    } else {
      warn(problem, remedy)
    }
  }

  private func warn(_ problem: String, _ remedy: String) { context.findings.warning(place, problem, remedy) }
}
