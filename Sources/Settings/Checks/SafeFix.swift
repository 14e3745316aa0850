import Core

/// Decides which commands a finding may propose: none that could break the host, whatever the settings name.
///
/// Only `/etc/rolekeeper` and its content are ours to change. Elsewhere, commands such as `chmod go-w /tmp` or `chown
/// root /home/alice` would fix the finding and break the host.
package enum SafeFix {
  static let home = StandardPath.configuration

  private static func isOurs(_ path: String) -> Bool { path == home || path.hasPrefix("\(home)/") }

  /// Whether the target of a path is ours: for a link, chmod(1) and chown(1) change its target.
  static func isOurs(_ path: String, on host: any Host) -> Bool {
    isOurs(path) && (try? host.realPath(of: path)).map { isOurs($0) } ?? false
  }

  /// `commands` for a file or directory of ours; for others, where such files belong.
  static func change(_ path: String, by commands: [String], on host: any Host) -> String {
    isOurs(path, on: host)
      ? "run: \(commands.map { "sudo \($0) \(quoted(path))" }.joined(separator: " && "))"
      : "keep it in \(home), or in another directory that root alone may write to, with all directories above"
  }

  /// The command that creates a directory of the daemon's own; the directories above it are root's.
  static func makeDirectory(_ path: String, user: String) -> String {
    "sudo install -d -o \(quoted(user)) -m 0711 \(quoted(path))"
  }

  /// A restart with bad settings would end the daemon, so `check` has to succeed first.
  package static let restart = "sudo rolekeeper check && sudo systemctl restart rolekeeper"

  /// The command that adds lines to the unit, which apply from its next start.
  static func dropIn(_ lines: String...) -> String {
    let all = ["[Service]"] + lines
    let list = all.dropLast().joined(separator: ", ") + " and " + all[all.count - 1]
    return "\(edit), with the lines \(list); then run: \(restart)"
  }

  /// The command that opens an editor and then has systemd read the unit again.
  static let edit = "sudo systemctl edit rolekeeper"

  /// Lets the daemon's unit write to a directory of its own. With the dash, it also starts without the directory.
  static func opening(_ directory: String) -> String { dropIn("ReadWritePaths=-\(directory)") }

  /// For a path that the daemon's user can't reach. No text proposes to open a home or system directory to the daemon.
  /// If the path is ours, it has the command that opens the path, or the first closed directory above it, to the
  /// daemon's own group, provided that nobody loses access.
  static func reach(_ path: String, on host: any Host) -> String {
    let elsewhere = "keep it in \(home), where the daemon's user can read it"
    guard isOurs(path) else { return elsewhere }
    var found: (path: String, status: FileStatus)?
    // Below a closed directory nothing can be looked at.
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
