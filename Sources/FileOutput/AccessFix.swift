import CLinux
import Glibc

/// A file of an earlier process, or a directory for such files, that had other access than the settings say.
package struct AccessFix: Hashable, Sendable {
  package let path: String
  /// What was found: `mode 0440 instead of 0400`.
  package let found: String
  /// Whether it was removed; else there is one with the same content and the right access in its place, or a directory was put right.
  package var isRemoved: Bool
}

extension Directory {
  /// How the access to the file `name`, which `status` is of, isn't what `output` says; nil where it is.
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

  /// The content of the file `name`, which `status` is of. One that this user may not read is taken back from its owner first, which
  /// only goes where nobody else could put another file in its place meanwhile.
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
  /// Whether only we can have written the content, by the record that was made right behind it. Its owner may set the time of modification,
  /// and nobody the time of the last status change, which is of a rename, too: `slack` is how many seconds later that came. An owner that
  /// remains is free to change what it reads.
  func isAsWritten(before record: FileStatus?, slack: Int = 0, for output: OutputFile) -> Bool {
    guard let record, record.isSymlink, record.uid == geteuid(), isRegular else { return false }
    let latest = Moment(seconds: record.changedSeconds + slack, nanoseconds: record.changedNanoseconds)
    return changed <= latest || uid == output.uid && written <= record.changed
  }
}
