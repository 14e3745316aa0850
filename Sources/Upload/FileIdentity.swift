package import Glibc

/// Identifies a file and its content: size, time or inode change when it is written to or replaced.
package struct FileIdentity: Hashable, Sendable {
  /// In bytes.
  package var size: Int64
  /// The time of its last change (st_mtim), in ns since 1970.
  package var modified: Int64
  package var inode: UInt64
  /// It identifies the file together with the inode, whatever its name is. From run to run it isn't compared if the name is the same:
  /// many file systems get another device number with each mount.
  package var device: UInt64

  package init(size: Int64, modified: Int64, inode: UInt64, device: UInt64) {
    self.size = size
    self.modified = modified
    self.inode = inode
    self.device = device
  }

  package init(_ status: stat) {
    let (seconds, isTooFar) = Int64(status.st_mtim.tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
    self.init(
      size: Int64(status.st_size), modified: isTooFar ? .max : seconds &+ Int64(status.st_mtim.tv_nsec),
      inode: UInt64(status.st_ino), device: UInt64(status.st_dev))
  }

  /// The identity of the file at `path`; nil if it can't be examined. A link isn't followed.
  init?(at path: String) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    self.init(status)
  }

  /// The same of what a link at `path` leads to.
  init?(following path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    self.init(status)
  }

  /// The same as `change(to:)` within one run, in which a file system keeps its device number.
  func changeInRun(to now: FileIdentity) -> String? {
    device == now.device ? change(to: now) : "it was replaced by another file"
  }

  /// How the file that was this one in an earlier run differs now, as the middle of a sentence; nil when it doesn't.
  package func change(to now: FileIdentity) -> String? {
    if inode != now.inode { return "it was replaced by another file" }
    if size != now.size { return "its size changed from \(size) to \(now.size) bytes" }
    return modified == now.modified ? nil : "it was written to"
  }
}
