import Glibc

/// Identifies the version of the file at a path; nil if the file can't be examined.
package struct FileVersion: Equatable, Sendable {
  private let device: dev_t
  private let inode: ino_t
  private let size: off_t
  /// In ns.
  private let modified: Int
  private let changed: Int

  package init?(_ path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    (device, inode, size) = (status.st_dev, status.st_ino, status.st_size)
    modified = status.st_mtim.tv_sec &* 1_000_000_000 &+ status.st_mtim.tv_nsec
    changed = status.st_ctim.tv_sec &* 1_000_000_000 &+ status.st_ctim.tv_nsec
  }
}
