import CLinux
import Glibc

/// Identifies a file and its content: size, time or inode change when it is written to or replaced, and the time of its birth shows that
/// an inode was given to another file.
package struct FileIdentity: Hashable, Sendable {
  /// In bytes.
  package var size: Int64
  /// The time of its last change (st_mtim), in ns since 1970 modulo 2^64: two times that far apart, 584 years, look the same.
  package var modified: Int64
  package var inode: UInt64
  /// It identifies the file together with the inode, whatever its name is. From run to run it isn't compared if the name is the same:
  /// many file systems get another device number with each mount.
  package var device: UInt64
  /// `unborn` stands for nil, which would take 8 bytes more for each file.
  private var birth: Int64

  private static let unborn = Int64.min

  /// When it was created (stx_btime of statx(2)), in ns like `modified`; nil if the file system doesn't keep that, as also for files of
  /// older journals.
  package var born: Int64? {
    get { birth == Self.unborn ? nil : birth }
    set { birth = newValue ?? Self.unborn }
  }

  package init(size: Int64, modified: Int64, inode: UInt64, device: UInt64, born: Int64? = nil) {
    self.size = size
    self.modified = modified
    self.inode = inode
    self.device = device
    birth = born ?? Self.unborn
  }

  /// The identity of the file at `path`; nil if it can't be examined. A link isn't followed.
  init?(at path: String) {
    guard let status = FileStatus(path, flags: AT_SYMLINK_NOFOLLOW) else { return nil }
    self = status.identity
  }

  /// The same of what a link at `path` leads to.
  init?(following path: String) {
    guard let status = FileStatus(path) else { return nil }
    self = status.identity
  }

  /// The same as `change(to:)` within one run, in which a file system keeps its device number.
  func changeInRun(to now: FileIdentity) -> String? {
    device == now.device ? change(to: now) : "it was replaced by another file"
  }

  /// How the file that was this one in an earlier run differs now, as the middle of a sentence; nil when it doesn't.
  package func change(to now: FileIdentity) -> String? {
    if inode != now.inode || hasOtherBirth(than: now) { return "it was replaced by another file" }
    if size != now.size { return "its size changed from \(size) to \(now.size) bytes" }
    return modified == now.modified ? nil : "it was written to"
  }

  private func hasOtherBirth(than other: FileIdentity) -> Bool {
    guard let born, let othersBirth = other.born else { return false }
    return born != othersBirth
  }

  /// A hash that files have in common if one may be the other (`change(to:)`).
  var likeness: Int {
    var hasher = Hasher()
    hasher.combine(inode)
    hasher.combine(size)
    hasher.combine(modified)
    return hasher.finalize()
  }

  /// The same as an older journal has it.
  var withoutBirth: FileIdentity { FileIdentity(size: size, modified: modified, inode: inode, device: device) }
}

/// What statx(2) reports of a file.
struct FileStatus {
  private let status: clinux_status

  /// Of the file `name` in `directory`, or at that path. Nil if it can't be examined; errno says why.
  init?(_ name: String, in directory: CInt = AT_FDCWD, flags: CInt = 0) {
    var status = clinux_status()
    guard clinux_status(directory, name, flags, &status) == 0 else { return nil }
    self.status = status
  }

  /// Of an open file.
  init?(of descriptor: CInt) {
    var status = clinux_status()
    guard clinux_status_of(descriptor, &status) == 0 else { return nil }
    self.status = status
  }

  /// Such as S_IFREG.
  var type: mode_t { status.mode & S_IFMT }
  var mode: mode_t { status.mode }
  var links: UInt64 { status.links }
  var device: UInt64 { status.device }
  var inode: UInt64 { status.inode }

  var identity: FileIdentity {
    FileIdentity(
      size: status.size, modified: status.modified, inode: inode, device: device,
      born: status.born == .min ? nil : status.born)
  }
}
