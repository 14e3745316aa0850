import Glibc

/// Who owns a path and what may be done with it; nil where there is nothing.
struct FileStatus: Equatable {
  let uid: UInt32
  let gid: UInt32
  let mode: UInt32
  let inode: UInt

  /// Of a link itself, unless it is to be followed.
  init?(_ path: String, following: Bool = false) {
    var status = stat()
    guard (following ? stat(path, &status) : lstat(path, &status)) == 0 else { return nil }
    (uid, gid, mode, inode) = (status.st_uid, status.st_gid, status.st_mode & 0o7777, UInt(status.st_ino))
  }
}
