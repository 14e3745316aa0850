import Glibc

extension Directory {
  /// Creates `name`, which mustn't exist, and fills it; returns how the kernel sees it then. Of a failure nothing is left behind.
  ///
  /// The order matters with CAP_CHOWN as the only capability: the mode while the file is still ours and empty, then the owner, after which the
  /// file could neither be opened nor changed again, and the content through the descriptor opened before. Nobody sees a file with
  /// content and another's mode.
  func create(_ name: String, as output: OutputFile, _ content: SealedContent) throws(FileOutputError) -> FileStatus {
    let file = try calls.perform(.create, path(of: name)) {
      openat(descriptor, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0)
    }
    defer { close(file) }
    do throws(FileOutputError) {
      let path = path(of: name)
      try calls.perform(.chmod, path) { fchmod(file, output.mode) }
      try calls.perform(.chown, path) { fchown(file, output.uid, output.gid) }
      try calls.perform(.content, path) {
        let failure = content.copy(to: file)
        errno = failure
        return failure == 0 ? 0 : -1
      }
      try calls.perform(.sync, path) { fsync(file) }
      var raw = stat()
      try calls.perform(.examine, path) { fstat(file, &raw) }
      return FileStatus(raw)
    } catch {
      unlinkat(descriptor, name, 0)
      throw error
    }
  }
}
