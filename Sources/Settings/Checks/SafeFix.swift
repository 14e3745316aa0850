import Core

/// Which commands a finding may propose: none that could break the host, whatever the settings name.
///
/// Only `/etc/rolekeeper` and what lies in it is ours to change. Elsewhere, `chmod go-w /tmp` or `chown root /home/alice` would
/// end the finding and the host's use with it.
package enum SafeFix {
  static let home = StandardPath.configuration

  private static func isOurs(_ path: String) -> Bool { path == home || path.hasPrefix("\(home)/") }

  /// Whether a path leads to something of ours: of a link, chmod(1) and chown(1) change what it points to.
  static func isOurs(_ path: String, on host: any Host) -> Bool {
    isOurs(path) && (try? host.realPath(of: path)).map { isOurs($0) } ?? false
  }

  /// `commands` for a file or directory of ours; for others where such files belong.
  static func change(_ path: String, by commands: [String], on host: any Host) -> String {
    isOurs(path, on: host)
      ? "run: \(commands.map { "sudo \($0) \(quoted(path))" }.joined(separator: " && "))"
      : "keep it in \(home), or in another directory that root alone may write to, with all directories above"
  }

  /// The command that makes a directory of the daemon's own, with those above it root's.
  static func makeDirectory(_ path: String, user: String) -> String {
    "sudo install -d -o \(quoted(user)) -m 0711 \(quoted(path))"
  }

  /// A restart with bad settings would end the daemon, so it happens only when there are none.
  package static let restart = "sudo rolekeeper check && sudo systemctl restart rolekeeper"

  /// Gives the unit further lines, which count from its next start.
  static func dropIn(_ lines: String...) -> String {
    let all = ["[Service]"] + lines
    let list = all.dropLast().joined(separator: ", ") + " and " + all[all.count - 1]
    return "\(edit), with the lines \(list); then run: \(restart)"
  }

  /// It opens an editor, and has systemd read the unit again.
  static let edit = "sudo systemctl edit rolekeeper"

  /// Lets the daemon's unit write to a directory of its own; with the dash it also starts without it.
  static func opening(_ directory: String) -> String { dropIn("ReadWritePaths=-\(directory)") }

  /// For what the daemon's user can't get at: nobody is asked to open a home or a system directory to it. Where it is ours, the command
  /// that opens it, or the first closed directory on the way to it, to the daemon's own group, if nobody loses access by that.
  static func reach(_ path: String, on host: any Host) -> String {
    let elsewhere = "keep it in \(home), where the daemon's user can read it"
    guard isOurs(path) else { return elsewhere }
    var found: (path: String, status: FileStatus)?
    // What can't be looked at any more lies behind what is closed.
    for end in path.indices.dropFirst() where path[end] == "/" { look(String(path[..<end])) }
    look(path)
    func look(_ step: String) {
      if isOurs(step), let status = try? host.status(of: step) { found = (step, status) }
    }
    guard let found else { return "let the daemon's user read it and search the directories above it" }
    guard isOurs(found.path, on: host) else { return elsewhere }
    let permissions = found.status.kind == .directory ? "rx" : "r"
    let target = quoted(found.path)
    if found.status.uid == host.uid { return "run: sudo chmod u+\(permissions) \(target)" }
    let isGroupFree = found.status.mode & 0o070 == 0 || found.status.gid == 0
    guard found.status.accessList == nil, found.status.gid == host.gid || isGroupFree else {
      return "let the daemon's user read \(target)"
    }
    let group = (try? host.group(gid: host.gid))?.name ?? "\(host.gid)"
    let change = found.status.gid == host.gid ? "" : "sudo chgrp \(quoted(group)) \(target) && "
    return "run: \(change)sudo chmod g+\(permissions) \(target)"
  }

  static func quoted(_ word: String) -> String { ShellWord.quoted(word) }
}
