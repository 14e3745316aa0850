/// Which directories a message may propose to make, or to open to the daemon: none that belong to the host or to somebody's home.
///
/// `install -d -o rolekeeper /etc` would give a directory of the host away, and `ReadWritePaths=-/etc` would let the daemon write all
/// over it.
package enum HostPlaces {
  /// These, and what lies in them, are system directories, homes, temporary or gone after a reboot (hier(7), file-hierarchy(7)); below
  /// `/mnt` and `/media` a missing directory is rather a file system that isn't mounted.
  private static let reserved = [
    "/bin", "/boot", "/dev", "/efi", "/etc", "/home", "/lib", "/lib32", "/lib64", "/libx32", "/lost+found", "/media",
    "/mnt", "/proc",
    "/root", "/run", "/sbin", "/snap", "/sys", "/tmp", "/usr", "/var/cache", "/var/lock", "/var/log", "/var/mail",
    "/var/run",
    "/var/spool", "/var/tmp",
  ]

  /// Whether `directory`, an absolute path without `.` and `..`, may be one of the daemon's own: it lies deep enough in a part of the
  /// host that is for services, as `/srv/NAME` and `/var/lib/NAME` do. Not where a unit's setting would mean another path, or several:
  /// systemd splits `ReadWritePaths=` at blanks, and reads `%`, quotes and backslashes (systemd.syntax(7)).
  package static func mayBeOurs(_ directory: String) -> Bool {
    guard ShellWord.isPlain(directory) else { return false }
    let steps = directory.split(separator: "/")
    guard steps.count >= (steps.first == "var" ? 3 : 2) else { return false }
    return !reserved.contains { directory == $0 || directory.hasPrefix("\($0)/") }
  }
}
