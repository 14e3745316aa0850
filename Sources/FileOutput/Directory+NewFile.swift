import CLinux
import Glibc

extension Directory {
  /// Creates `name`, which must not exist, and fills it; returns its status from the kernel. After a failure nothing is left
  /// behind.
  ///
  /// The order matters, with CAP_CHOWN as the only capability. While the file is still ours and empty, ACL entries inherited from
  /// the directory's default ACL are removed and the mode is set; then the owner, after which the file could neither be opened nor
  /// changed again; then the content, through the descriptor opened before. The content is written only if the file system shows
  /// the requested access.
  func create(_ name: String, as output: OutputFile, _ content: SealedContent) throws(FileOutputError) -> FileStatus {
    let file = try calls.perform(.create, path(of: name)) {
      openat(descriptor, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0)
    }
    defer { close(file) }
    do throws(FileOutputError) {
      let path = path(of: name)
      try removeACLs(of: file, path)
      try calls.perform(.chmod, path) { fchmod(file, output.mode) }
      try setOwner(of: file, path, output)
      try checkAccess(of: file, path, output.access)
      try calls.perform(.content, path) {
        let failure = content.copy(to: file)
        errno = failure
        return failure == 0 ? 0 : -1
      }
      try calls.perform(.sync, path) { fsync(file) }
      return FileStatus(try status(of: file, path))
    } catch {
      unlinkat(descriptor, name, 0)
      throw error
    }
  }

  /// Does nothing if the owner is already right: if no output is for another user, the process may be denied the call
  /// (systemd.exec(5), SystemCallFilter=~@chown).
  private func setOwner(of file: CInt, _ path: String, _ output: OutputFile) throws(FileOutputError) {
    let found = FileStatus(try status(of: file, path))
    if found.uid == output.uid, found.gid == output.gid { return }
    try calls.perform(.chown, path) { fchown(file, output.uid, output.gid) }
  }

  /// True if there was one.
  @discardableResult
  func removeACLs(of file: CInt, _ path: String) throws(FileOutputError) -> Bool {
    try calls.perform(.acl, path) {
      let result = clinux_remove_acls(file)
      if result < 0 { errno = -result }
      return result < 0 ? -1 : result
    } > 0
  }

  /// Some file systems derive modes and owners from mount options and ignore changes (vfat, ntfs, cifs, fuse; mount(8)), and some
  /// have additional ACLs.
  private func checkAccess(of file: CInt, _ path: String, _ asked: Access) throws(FileOutputError) {
    let found = FileStatus(try status(of: file, path)).access
    guard found == asked else { throw .accessNotKept(path: path, asked: asked, found: found) }
    if let stranger = Self.stranger(in: file) { throw .grantedElsewhere(path: path, who: stranger) }
  }

  /// A user or group admitted by an ACL other than POSIX's; nil if there is none, or only owner, group and everyone.
  private static func stranger(in file: CInt) -> String? {
    for name in ["system.nfs4_acl", "system.richacl"] {
      // A few file systems have one or the other; most report at once that they have none.
      let size = clinux_get_attribute(file, name, nil, 0)
      if size < 0 { continue }
      var bytes = [UInt8](repeating: 0, count: size)
      let count = bytes.withUnsafeMutableBytes { clinux_get_attribute(file, name, $0.baseAddress, $0.count) }
      guard name == "system.nfs4_acl", count == size, let list = NFS4ACL(bytes) else { return name }
      if let stranger = list.stranger { return stranger }
    }
    return nil
  }

  private func status(of file: CInt, _ path: String) throws(FileOutputError) -> stat {
    var raw = stat()
    try calls.perform(.examine, path) { fstat(file, &raw) }
    return raw
  }
}
