import CLinux
import Glibc

/// A correction of a file of an earlier process, or of a directory for such files, whose access differed from the settings.
package struct AccessFix: Hashable, Sendable {
  package let path: String
  /// The difference: `mode 0440 instead of 0400`.
  package let found: String
  /// Whether the file was removed; otherwise it was replaced by one with the same content and the right access, or a directory was
  /// fixed.
  package var isRemoved: Bool
}

extension Directory {
  /// How the access to the file `name` with `status` differs from `output`; nil if it doesn't.
  func deviation(of name: String, _ status: FileStatus, from output: OutputFile) -> String? {
    guard status.isRegular else { return "not a regular file" }
    var found: [String] = []
    if status.permissions != output.mode {
      found.append("mode \(status.access.modeText) instead of \(output.access.modeText)")
    }
    if (status.uid, status.gid) != (output.uid, output.gid) {
      found.append("owner \(status.uid):\(status.gid) instead of \(output.uid):\(output.gid)")
    }
    if clinux_has_acl(descriptor, name) == 1 { found.append("an access control list") }
    if status.links != 1 { found.append("\(status.links) names instead of 1") }
    return found.isEmpty ? nil : found.joined(separator: ", ")
  }

  /// The content of the file `name` with `status`. A file that this user may not read is first given back to this user, which is
  /// only done where nobody else could replace the file meanwhile.
  func content(of name: String, _ status: FileStatus) throws(FileOutputError) -> SealedContent {
    let file: CInt
    do throws(FileOutputError) { file = try openToRead(name) } catch .system(.read, let path, EACCES) {
      guard try self.status().isWritable(onlyBy: [geteuid()]) else {
        throw .system(.read, path: path, errno: EACCES)
      }
      try calls.perform(.chown, path) { fchownat(descriptor, name, geteuid(), .max, AT_SYMLINK_NOFOLLOW) }
      try calls.perform(.chmod, path) { fchmodat(descriptor, name, 0o400, 0) }
      file = try openToRead(name)
    }
    defer { close(file) }
    var raw = stat()
    try calls.perform(.examine, path(of: name)) { fstat(file, &raw) }
    let now = FileStatus(raw)
    guard now.hasContent(of: status) else { throw .notOurs(path: path(of: name), found: "it was changed just now") }
    return try SealedContent(copying: file, count: now.size)
  }

  private func openToRead(_ name: String) throws(FileOutputError) -> CInt {
    try calls.perform(.read, path(of: name)) {
      openat(descriptor, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    }
  }
}

extension FileStatus {
  /// Whether only this daemon can have written the content, judged by the record that was written right after it. An owner can set
  /// the modification time, but nobody can set the time of the last status change, which a rename also changes: `slack` is how many
  /// seconds later the rename came. An owner that stays the same is free to change its file.
  func isAsWritten(before record: FileStatus?, slack: Int = 0, for output: OutputFile) -> Bool {
    guard let record, record.isSymlink, record.uid == geteuid(), isRegular else { return false }
    let latest = Moment(seconds: record.changedSeconds + slack, nanoseconds: record.changedNanoseconds)
    return changed <= latest || uid == output.uid && written <= record.changed
  }
}
