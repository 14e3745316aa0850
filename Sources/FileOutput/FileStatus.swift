import Glibc

/// The kernel's status of a file, as far as it shows whether somebody else has touched it.
///
/// A daemon whose only capability is CAP_CHOWN can't read back a file of mode 0400 that belongs to another user, so content is
/// judged by the status: whatever changes the content changes the time of the last status change, which nobody can set.
struct FileStatus: Hashable, Sendable {
  let device: UInt
  let inode: UInt
  /// The number of hard links.
  let links: UInt
  let size: Int
  let mode: UInt32
  let uid: UInt32
  let gid: UInt32
  /// When its content was last written, in seconds since 1970 and nanoseconds of the second.
  let writtenSeconds: Int
  let writtenNanoseconds: Int
  let changedSeconds: Int
  let changedNanoseconds: Int

  init(_ raw: stat) {
    device = UInt(raw.st_dev)
    inode = UInt(raw.st_ino)
    links = UInt(raw.st_nlink)
    size = Int(raw.st_size)
    mode = raw.st_mode
    uid = raw.st_uid
    gid = raw.st_gid
    writtenSeconds = raw.st_mtim.tv_sec
    writtenNanoseconds = raw.st_mtim.tv_nsec
    changedSeconds = raw.st_ctim.tv_sec
    changedNanoseconds = raw.st_ctim.tv_nsec
  }

  /// Whether only the time of the last status change differs, which a rename changes, too.
  func isRenamed(_ before: FileStatus) -> Bool {
    device == before.device && inode == before.inode && links == before.links && size == before.size
      && mode == before.mode && uid == before.uid
      && gid == before.gid && written == before.written
  }

  /// Whether it is the same file, with unmodified content.
  func hasContent(of before: FileStatus) -> Bool {
    isRegular && device == before.device && inode == before.inode && size == before.size && written == before.written
  }

  var written: Moment { Moment(seconds: writtenSeconds, nanoseconds: writtenNanoseconds) }

  var changed: Moment { Moment(seconds: changedSeconds, nanoseconds: changedNanoseconds) }

  struct Moment: Hashable, Comparable {
    let seconds: Int
    let nanoseconds: Int

    static func < (one: Moment, other: Moment) -> Bool {
      (one.seconds, one.nanoseconds) < (other.seconds, other.nanoseconds)
    }
  }

  var permissions: UInt32 { mode & 0o7777 }
  var isDirectory: Bool { mode & S_IFMT == S_IFDIR }
  var isRegular: Bool { mode & S_IFMT == S_IFREG }
  var isSymlink: Bool { mode & S_IFMT == S_IFLNK }

  /// Whether only root and `owners` can replace entries of this directory.
  func isWritable(onlyBy owners: [UInt32]) -> Bool { permissions & 0o022 == 0 && (uid == 0 || owners.contains(uid)) }
}
