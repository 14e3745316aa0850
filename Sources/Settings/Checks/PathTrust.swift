import Core

/// Refuses files and directories that anybody except root and the daemon's user may write to: whoever writes the
/// settings controls what the daemon does with its AccessKey.
final class PathTrust {
  private let host: any Host
  private let findings: Findings
  private var checked: Set<String> = []

  init(host: any Host, findings: Findings) {
    self.host = host
    self.findings = findings
  }

  /// Checks a file that was read and its directory; for a link, the directories of the link and of its target.
  func check(file path: String, _ status: FileStatus) {
    check(path, status)
    check(directory: PathText.directory(of: path))
    // It was just read, so it has a real path.
    if let real = try? host.realPath(of: path) { check(directory: PathText.directory(of: real)) }
  }

  /// Checks all directories above that of a file: whoever may write to one of them may replace the next. If a directory
  /// has the sticky bit, only the owner of an entry may do that (unlink(2)).
  func check(above path: String) {
    var directories = [PathText.directory(of: path)]
    // For a link, also the directories above its target.
    if let real = try? host.realPath(of: path) { directories.append(PathText.directory(of: real)) }
    for var directory in directories {
      while directory != "/" {
        directory = PathText.directory(of: directory)
        if checked.contains(directory) { continue }
        guard let status = try? host.status(of: directory) else { continue }
        let isSticky = status.mode & 0o1000 != 0 && [0, host.uid].contains(status.uid)
        if !isSticky { check(directory, status) }
      }
    }
  }

  /// Checks a directory if it can be looked at.
  func check(directory path: String) {
    guard !checked.contains(path) else { return }
    do throws(HostError) { check(path, try host.status(of: path)) } catch {
      let remedy = error == .denied ? SafeFix.reach(path, on: host) : "see to that directory"
      findings.unreadable(Place(file: path), "its permissions can't be seen: \(error)", remedy, error)
    }
  }

  /// Who may write except root, the daemon's user and `owner`, and the commands that change that if the path is ours;
  /// nil if nobody may.
  func writers(_ status: FileStatus, besides owner: UInt32? = nil) -> (who: String, cause: String, commands: [String])?
  {
    let isLoose = status.mode & 0o022 != 0
    if ![0, host.uid, owner].contains(status.uid) {
      return (name(ofUID: status.uid), "its owner", ["chown root"] + (isLoose ? ["chmod go-w"] : []))
    }
    guard isLoose else { return nil }
    let commands = ["chmod go-w"]
    if status.mode & 0o002 != 0 { return ("everybody", "mode \(status.mode.octal)", commands) }
    if let (who, cause) = grant(of: 2, in: status, besides: [0, host.uid] + (owner.map { [$0] } ?? [])) {
      return (who, cause, commands)
    }
    // The ACL grants nobody else anything, but its mask would let it.
    let who = status.accessList == nil ? "group \(name(ofGID: status.gid))" : "whoever its ACL names"
    return (who, "mode \(status.mode.octal)", commands)
  }

  /// Who, except the owner and `users`, has any of the permissions (4 for reading, 2 for writing) by the ACL, and by
  /// which entry; nil if nobody has, or if there is no ACL.
  func grant(of permissions: UInt16, in status: FileStatus, besides users: [UInt32]) -> (who: String, cause: String)? {
    guard let entry = status.accessList?.grant(of: permissions, besides: users) else { return nil }
    switch entry.subject {
    case .user(let uid):
      let plain = (try? host.user(uid: uid))?.name ?? "\(uid)"
      return (name(ofUID: uid), "ACL entry \(entry.text(plain))")
    case .group(let gid):
      let plain = (gid.flatMap { try? host.group(gid: $0) })?.name ?? gid.map { "\($0)" } ?? ""
      return ("group \(name(ofGID: gid ?? status.gid))", "ACL entry \(entry.text(plain))")
    }
  }

  /// Its name as an argument of commands.
  var daemonsUser: String { (try? host.user(uid: host.uid))?.name ?? "\(host.uid)" }

  func name(ofUID uid: UInt32) -> String {
    // A user without a name is shown by number.
    (try? host.user(uid: uid)).map { "user '\($0.name)'" } ?? "user \(uid)"
  }

  private func name(ofGID gid: UInt32) -> String {
    (try? host.group(gid: gid)).map { "'\($0.name)'" } ?? "\(gid)"
  }

  private func check(_ path: String, _ status: FileStatus) {
    guard checked.insert(path).inserted, let (who, cause, commands) = writers(status) else { return }
    findings.error(Place(file: path), "\(who) may write to it (\(cause))", SafeFix.change(path, by: commands, on: host))
  }
}
