import Glibc

/// The directory that holds the roles' directories, as an earlier process may have left it. Both calls block on a disk: they are
/// for the time before anything is served.
package enum RolesDirectory {
  /// Removes the directories of roles that aren't in `roles`, with what we wrote in them; what isn't the daemon's own stays.
  /// Nothing where `directory` isn't there.
  package static func removeAbandoned(in directory: String, keeping roles: Set<String>) throws(FileOutputError) {
    let opened: Directory
    do throws(FileOutputError) { opened = try Directory(at: directory, Calls()) } catch .system(
      .openDirectory, _, ENOENT)
    { return }
    let names = try opened.names()
    for name in names where !roles.contains(name) {
      guard let status = try opened.status(of: name), status.isDirectory, status.uid == geteuid() else { continue }
      var abandoned = RoleDirectory(parent: directory, role: name, [])
      try abandoned.removeAll()
    }
  }

  /// The number of the generation that is in place for `role`; nil when there is none.
  package static func generation(of role: String, in directory: String) -> UInt64? {
    RoleDirectory(parent: directory, role: role, []).presentNumber()
  }
}
