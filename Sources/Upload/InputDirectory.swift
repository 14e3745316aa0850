import Glibc

/// An open directory and the names in it, in the order of their bytes.
final class InputDirectory {
  struct Name {
    fileprivate let start: Int
    fileprivate let length: Int
    /// DT_REG, DT_DIR, DT_LNK, …; DT_UNKNOWN where the file system doesn't say.
    let type: UInt8
    let inode: UInt64
  }

  private let stream: OpaquePointer
  private var bytes: [UInt8] = []
  private(set) var names: [Name] = []
  /// Why names may be missing.
  private(set) var failure: InputProblem?

  var descriptor: CInt { dirfd(stream) }

  /// Opens `name` in the directory `parent` (AT_FDCWD: a path). A link isn't followed, unless `followsLink`.
  init(_ name: String, in parent: CInt, followsLink: Bool) throws(InputProblem) {
    let descriptor = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (followsLink ? 0 : O_NOFOLLOW))
    guard descriptor >= 0 else { throw .system(errno) }
    guard let stream = fdopendir(descriptor) else {
      let number = errno
      close(descriptor)
      throw .system(number)
    }
    self.stream = stream
    readNames()
    sort()
  }

  deinit { closedir(stream) }

  private func readNames() {
    while true {
      errno = 0
      guard let entry = readdir(stream) else { break }
      let start = bytes.count
      withUnsafeBytes(of: &entry.pointee.d_name) { bytes.append(contentsOf: $0.prefix { $0 != 0 }) }
      let name = bytes[start...]
      if name.elementsEqual(".".utf8) || name.elementsEqual("..".utf8) {
        bytes.removeSubrange(start...)
      } else {
        names.append(
          Name(
            start: start, length: bytes.count - start, type: entry.pointee.d_type, inode: UInt64(entry.pointee.d_ino)))
      }
    }
    if errno != 0 { failure = .system(errno) }
  }

  private func sort() {
    var names = self.names
    bytes.withUnsafeBytes { bytes in
      names.sort { left, right in
        let order = memcmp(
          bytes.baseAddress! + left.start, bytes.baseAddress! + right.start, min(left.length, right.length))
        return order == 0 ? left.length < right.length : order < 0
      }
    }
    self.names = names
  }

  subscript(name: Name) -> ArraySlice<UInt8> { bytes[name.start..<name.start + name.length] }

  /// The status of the name itself; a link isn't followed.
  func status(of name: String) throws(InputProblem) -> FileStatus {
    guard let status = FileStatus(name, in: descriptor, flags: AT_SYMLINK_NOFOLLOW) else { throw .system(errno) }
    return status
  }

  /// Whether this user may read a file of that mode. Where everybody may it isn't asked for: a list of access rights (acl(5)) that makes an
  /// exception shows when the file is opened.
  func mayRead(_ name: [CChar], mode: mode_t) -> Bool {
    mode & 0o444 == 0o444 || faccessat(descriptor, name, R_OK, AT_EACCESS) == 0 || errno != EACCES
  }

  func has(_ name: String) -> Bool {
    let bytes = Array(name.utf8)
    // In the order of names, the shortest with this prefix comes first.
    return names(beginningWith: bytes).first { _ in true }?.count == bytes.count
  }

  /// The names that begin with `prefix`.
  func names(beginningWith prefix: [UInt8]) -> some Sequence<ArraySlice<UInt8>> {
    var low = 0
    var high = names.count
    while low < high {
      let middle = (low + high) / 2
      if self[names[middle]].lexicographicallyPrecedes(prefix) { low = middle + 1 } else { high = middle }
    }
    return names[low...].lazy.map { self[$0] }.prefix { $0.starts(with: prefix) }
  }
}
