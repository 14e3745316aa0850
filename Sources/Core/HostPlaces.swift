/// Which directories a message may suggest creating, or adding to `ReadWritePaths=`: no system directories and no homes.
///
/// `install -d -o rolekeeper /etc` would make the daemon the owner of a system directory, and `ReadWritePaths=-/etc` would let it
/// write anywhere in there.
package enum HostPlaces {
  /// System directories, homes, and directories that are temporary or empty after a reboot, with everything below them (hier(7),
  /// file-hierarchy(7)). A directory missing below `/mnt` or `/media` is probably a file system that isn't mounted.
  private static let reserved = [
    "/bin", "/boot", "/dev", "/efi", "/etc", "/home", "/lib", "/lib32", "/lib64", "/libx32", "/lost+found", "/media",
    "/mnt", "/proc",
    "/root", "/run", "/sbin", "/snap", "/sys", "/tmp", "/usr", "/var/cache", "/var/lock", "/var/log", "/var/mail",
    "/var/run",
    "/var/spool", "/var/tmp",
  ]

  /// Whether `directory`, an absolute path without `.` and `..`, may be one of the daemon's own: it lies deep enough in a part of
  /// the host that is for services, as `/srv/NAME` and `/var/lib/NAME` do. False for a path that systemd would read as another one,
  /// or as several paths: it splits `ReadWritePaths=` at blanks, and interprets `%`, quotes and backslashes (systemd.syntax(7)).
  package static func mayBeOurs(_ directory: String) -> Bool {
    guard ShellWord.isPlain(directory) else { return false }
    let steps = directory.split(separator: "/")
    guard steps.count >= (steps.first == "var" ? 3 : 2) else { return false }
    return !reserved.contains { directory == $0 || directory.hasPrefix("\($0)/") }
  }
}
