import Glibc

/// The service's runtime directory (RuntimeDirectory= in systemd.exec(5)), once the service has been stopped.
package enum RuntimeDirectory {
  /// Roles' directories have files in the third level: `roles/uploader/gen-8/credentials.json`.
  private static let deepest = 6

  /// Removes what is in the directory at `path`, but for the names in `kept`. Removes only what belongs to this user, with all that is in
  /// directories of this user, where files have other owners; follows no link and goes into no other file system. Tries all of it,
  /// whatever goes wrong with a part, and returns what went wrong first. Throws when the directory can't be looked at.
  package static func removeContent(of path: String, keeping kept: Set<String>) throws(FileOutputError)
    -> FileOutputError?
  {
    let directory = try Directory(at: path, Calls())
    let device = try directory.status().device
    var first: FileOutputError?
    for name in try directory.names() where !kept.contains(name) {
      do throws(FileOutputError) {
        guard let status = try directory.status(of: name), status.uid == geteuid() else { continue }
        try remove(name, status, in: directory, on: device, depth: 1)
      } catch { first = first ?? error }
    }
    return first
  }

  private static func remove(
    _ name: String, _ status: FileStatus, in directory: borrowing Directory, on device: UInt, depth: Int
  ) throws(FileOutputError) {
    guard status.isDirectory else { return try directory.remove(name) }
    var first: FileOutputError?
    if status.uid == geteuid(), status.device == device, depth < deepest {
      let inner = try directory.openDirectory(name)
      for entry in try inner.names() {
        do throws(FileOutputError) {
          guard let status = try inner.status(of: entry) else { continue }
          try remove(entry, status, in: inner, on: device, depth: depth + 1)
        } catch { first = first ?? error }
      }
    }
    if let first { throw first }
    try directory.removeEmptyDirectory(name)
  }
}
