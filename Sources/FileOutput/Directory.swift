import CLinux
import Core
import Glibc

/// An open directory. Names are looked up only in it, and a symlink is never followed.
struct Directory: ~Copyable {
  let path: String
  let descriptor: CInt
  let calls: Calls

  /// Walks from `/` step by step, so that no symlink in the path is followed either.
  init(at path: String, _ calls: Calls) throws(FileOutputError) {
    guard path == "/" || DirectoryPath(path) != nil else { throw .unusablePath(path) }
    var at = try calls.perform(.openDirectory, "/") { open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    defer { close(at) }
    var walked = ""
    for step in DirectoryPath(path)?.steps ?? [] {
      walked += "/" + step
      let next: CInt
      do throws(FileOutputError) {
        next = try calls.perform(.openDirectory, walked) { clinux_open_step(at, step) }
      } catch .system(.openDirectory, _, EACCES) where Self.isHidden(at) {
        throw .hiddenDirectory(path: path)
      } catch .system(.openDirectory, _, ENOENT) {
        throw .missingDirectory(path: path, isInRoots: Self.isRoots(at), isReadOnly: Self.isReadOnly(at))
      }
      close(at)
      at = next
    }
    // The walk opens with O_PATH; listing and syncing need a descriptor for reading.
    let descriptor: CInt
    do throws(FileOutputError) {
      descriptor = try calls.perform(.openDirectory, path) { openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    } catch .system(.openDirectory, _, EACCES) where Self.isHidden(at) {
      throw .hiddenDirectory(path: path)
    }
    self.init(path: path, descriptor: descriptor, calls)
  }

  private init(path: String, descriptor: CInt, _ calls: Calls) {
    self.path = path
    self.descriptor = descriptor
    self.calls = calls
  }

  deinit { close(descriptor) }

  /// Whether it is the placeholder that systemd shows for a directory hidden from a unit (ProtectHome= in systemd.exec(5)).
  private static func isHidden(_ descriptor: CInt) -> Bool {
    var raw = stat()
    guard fstat(descriptor, &raw) == 0 else { return false }
    let status = FileStatus(raw)
    return status.permissions == 0 && status.uid == 0
  }

  private static func isRoots(_ descriptor: CInt) -> Bool {
    var raw = stat()
    return fstat(descriptor, &raw) == 0 && FileStatus(raw).isWritable(onlyBy: [0])
  }

  /// Whether its mount is read-only for this process, as most of the host is for a unit with ProtectSystem=strict.
  private static func isReadOnly(_ descriptor: CInt) -> Bool {
    var raw = statvfs()
    return fstatvfs(descriptor, &raw) == 0 && raw.f_flag & UInt(ST_RDONLY) != 0
  }

  func path(of name: String) -> String { path == "/" ? "/\(name)" : "\(path)/\(name)" }

  func openDirectory(_ name: String) throws(FileOutputError) -> Directory {
    let descriptor = try calls.perform(.openDirectory, path(of: name)) {
      openat(self.descriptor, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    }
    return Directory(path: path(of: name), descriptor: descriptor, calls)
  }

  /// True if it didn't exist. `step` is the action that an error names.
  func makeDirectory(_ name: String, _ step: Step = .makeDirectory) throws(FileOutputError) -> Bool {
    do throws(FileOutputError) {
      try calls.perform(step, path(of: name)) { mkdirat(descriptor, name, 0o700) }
      return true
    } catch .system(step, _, EEXIST) { return false }
  }

  /// Sets the directory's own mode; it is the daemon's.
  func setMode(_ mode: UInt32) throws(FileOutputError) {
    try calls.perform(.chmod, path) { fchmod(descriptor, mode) }
  }

  /// Restores the mode of the directory `name` in this one, which can't be opened. Both are the daemon's, and nobody else may write
  /// here, so nobody can replace it by a symlink, which would be followed.
  func restore(_ name: String, mode: UInt32) throws(FileOutputError) {
    let status = try status()
    guard status.isWritable(onlyBy: [geteuid()]) else { throw looseness(of: status, besides: [geteuid()]) }
    try calls.perform(.chmod, path(of: name)) { fchmodat(descriptor, name, mode, 0) }
  }

  func status() throws(FileOutputError) -> FileStatus {
    var raw = stat()
    try calls.perform(.examine, path) { fstat(descriptor, &raw) }
    return FileStatus(raw)
  }

  /// The error that users other than root and `owners` may write here, with the ACL entry that allows it, if one does.
  func looseness(of status: FileStatus, besides owners: [UInt32]) -> FileOutputError {
    var entry: String?
    if status.permissions & 0o002 == 0, status.permissions & 0o020 != 0 {
      entry = accessList()?.grant(of: 2, besides: [0] + owners).map { entry in
        // Users and groups may come from a directory service that is slow to answer, so only numbers are shown.
        switch entry.subject {
        case .user(let id): entry.text("\(id)")
        case .group(let id): entry.text(id.map { "\($0)" } ?? "")
        }
      }
    }
    return .looseDirectory(path: path, uid: status.uid, gid: status.gid, mode: status.permissions, entry: entry)
  }

  private func accessList() -> POSIXACL? {
    let name = "system.posix_acl_access"
    let size = clinux_get_attribute(descriptor, name, nil, 0)
    guard size > 0 else { return nil }
    var bytes = [UInt8](repeating: 0, count: size)
    let count = bytes.withUnsafeMutableBytes { clinux_get_attribute(descriptor, name, $0.baseAddress, $0.count) }
    return count == size ? POSIXACL(bytes) : nil
  }

  /// The status of `name` itself, not following a symlink; nil if it doesn't exist.
  func status(of name: String) throws(FileOutputError) -> FileStatus? {
    var raw = stat()
    do throws(FileOutputError) {
      try calls.perform(.examine, path(of: name)) { fstatat(descriptor, name, &raw, AT_SYMLINK_NOFOLLOW) }
    } catch .system(.examine, _, ENOENT) { return nil }
    return FileStatus(raw)
  }

  /// The target of the symlink `name`; nil if there is none.
  func target(of name: String) -> String? {
    withUnsafeTemporaryAllocation(byteCount: Int(PATH_MAX), alignment: 1) { room in
      let count = readlinkat(descriptor, name, room.assumingMemoryBound(to: CChar.self).baseAddress!, room.count)
      return count < 0 ? nil : String(decoding: room[..<count], as: UTF8.self)
    }
  }

  /// Creates a symlink, which must not exist.
  func makeLink(_ name: String, to target: String) throws(FileOutputError) {
    try calls.perform(.link, path(of: name)) { symlinkat(target, descriptor, name) }
  }

  /// Creates a symlink in place of any file or link with that name.
  func putLink(_ name: String, to target: String) throws(FileOutputError) {
    let new = Self.temporaryName(for: name)
    try remove(new)
    try calls.perform(.link, path(of: name)) { symlinkat(target, descriptor, new) }
    try rename(new, to: name)
  }

  /// Replaces `name` in one step, whatever file or symlink it is; after a failure nothing is left behind.
  func rename(_ temporary: String, to name: String) throws(FileOutputError) {
    do throws(FileOutputError) {
      try calls.perform(.rename, path(of: name)) { renameat(descriptor, temporary, descriptor, name) }
    } catch {
      unlinkat(descriptor, temporary, 0)
      throw error
    }
  }

  /// Removes a file or symlink; no effect if it doesn't exist.
  func remove(_ name: String) throws(FileOutputError) {
    do throws(FileOutputError) {
      try calls.perform(.remove, path(of: name)) { unlinkat(descriptor, name, 0) }
    } catch .system(.remove, _, ENOENT) {
    } catch .system(.remove, let path, EROFS) {
      // The kernel reports a read-only file system before it checks whether the file exists.
      guard try status(of: name) == nil else { throw .system(.remove, path: path, errno: EROFS) }
    }
  }

  /// Removes the directory `name` with the files in it; no effect if it doesn't exist. A directory that contains another stays,
  /// without its files.
  func removeDirectory(_ name: String) throws(FileOutputError) {
    do throws(FileOutputError) {
      if let status = try status(of: name), status.isDirectory, status.uid == geteuid(),
        status.permissions & 0o700 != 0o700
      {
        // If that fails, the error of the next step gives the reason.
        try? restore(name, mode: 0o700)
      }
      let inner = try openDirectory(name)
      var first: FileOutputError?
      for file in try inner.names() {
        do throws(FileOutputError) { try inner.remove(file) } catch { first = first ?? error }
      }
      if let first { throw first }
      try removeEmptyDirectory(name)
    } catch .system(_, _, ENOENT) {}
  }

  /// Throws for a directory that isn't empty.
  func removeEmptyDirectory(_ name: String) throws(FileOutputError) {
    try calls.perform(.remove, path(of: name)) { unlinkat(descriptor, name, AT_REMOVEDIR) }
  }

  func names() throws(FileOutputError) -> [String] {
    // A separate descriptor, since closedir closes it and it has its own reading position.
    let own = try calls.perform(.list, path) { openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    guard let stream = fdopendir(own) else {
      let number = errno
      close(own)
      throw .system(.list, path: path, errno: number)
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }

  func sync() throws(FileOutputError) { try calls.perform(.syncDirectory, path) { fsync(descriptor) } }

  /// A name that nobody else uses, for the file that will be `name`; always the same, so that a crash's leftover is found.
  static func temporaryName(for name: String) -> String { ".\(name)\(ReservedNames.temporarySuffix)" }
}
