import Glibc

/// The service's runtime directory, for the clean-up after the service has been stopped.
package enum RuntimeDirectory {
  /// Files of roles' directories are at the third level: `roles/uploader/gen-8/credentials.json`.
  private static let deepest = 6

  /// Removes `name` from the directory at `path`, if it belongs to this user, with all its content below directories of this user,
  /// where files may have other owners; follows no link and doesn't cross into another file system. A failure with one part doesn't
  /// stop the others; throws the first error.
  package static func remove(_ name: String, from path: String) throws(FileOutputError) {
    let directory = try Directory(at: path, Calls())
    guard let status = try directory.status(of: name), status.uid == geteuid() else { return }
    try remove(name, status, in: directory, on: directory.status().device, depth: 1)
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
