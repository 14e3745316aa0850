import Core

/// Which commands a finding may propose: none that could break the host, whatever the settings name.
///
/// Only `/etc/rolekeeper` and what lies in it is ours to change. Elsewhere, `chmod go-w /tmp` or `chown root /home/alice` would
/// end the finding and the host's use with it.
enum SafeFix {
  static let home = StandardPath.configuration

  private static func isOurs(_ path: String) -> Bool { path == home || path.hasPrefix("\(home)/") }

  /// Whether a path leads to something of ours: of a link, chmod(1) and chown(1) change what it points to.
  static func isOurs(_ path: String, on host: any Host) -> Bool {
    isOurs(path) && (try? host.realPath(of: path)).map { isOurs($0) } ?? false
  }

  /// `commands` for a file or directory of ours; for others where such files belong.
  static func change(_ path: String, by commands: [String], on host: any Host) -> String {
    isOurs(path, on: host)
      ? "run: \(commands.map { "\($0) \(quoted(path))" }.joined(separator: " && "))"
      : "keep it in \(home), or in another directory that root alone may write to, with all directories above"
  }

  /// The command that makes a directory of the daemon's own, with those above it root's.
  static func makeDirectory(_ path: String, user: String) -> String {
    "install -d -o \(quoted(user)) -m 0711 \(quoted(path))"
  }

  /// Lets the daemon's unit write to a directory of its own; with the dash it also starts without it.
  static func dropIn(_ directory: String) -> String {
    "systemctl edit rolekeeper, with the lines [Service] and ReadWritePaths=-\(directory)"
  }

  /// For what the daemon's user can't get at: nobody is asked to open a home or a system directory to it.
  static func reach(_ path: String) -> String {
    isOurs(path)
      ? "let the daemon's user read it and search the directories above it"
      : "keep it in \(home), where the daemon's user can read it"
  }

  static func quoted(_ word: String) -> String { ShellWord.quoted(word) }
}
