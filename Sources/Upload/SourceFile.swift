import CLinux
import Core
import Glibc

/// A file that is being uploaded. It is held open, so that all bytes are read from the same file, whatever its name
/// refers to now.
package final class SourceFile {
  /// What it is called now, as far as is known.
  package internal(set) var path: String
  /// When it was opened.
  package let identity: FileIdentity
  private let descriptor: CInt

  package var size: Int { Int(identity.size) }

  /// Opens the file at `path`, which may be a link if `followsLink`. Throws if it can't be read or isn't a regular
  /// file.
  package init(path: String, followsLink: Bool) throws(CallFailure) {
    // If a FIFO has replaced the file, this doesn't block.
    let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (followsLink ? 0 : O_NOFOLLOW)
    let descriptor = open(path, flags)
    guard descriptor >= 0 else { throw !followsLink && errno == ELOOP ? Self.link : Self.unreadable(errno) }
    guard let status = FileStatus(of: descriptor) else {
      let failure = Self.unreadable(errno)
      close(descriptor)
      throw failure
    }
    guard status.type == S_IFREG else {
      close(descriptor)
      throw CallFailure(
        .fileUnreadable, code: "NotAFile", detail: "not a regular file",
        remedy: "name regular files and directories only")
    }
    posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL)
    self.path = path
    self.descriptor = descriptor
    identity = status.identity
  }

  deinit { close(descriptor) }

  /// Reads as many bytes as fit into `room`, from `offset` on. Throws if the file has fewer.
  func read(at offset: Int, into room: UnsafeMutableRawBufferPointer) throws(CallFailure) {
    var done = 0
    while done < room.count {
      let count = pread(descriptor, room.baseAddress! + done, room.count - done, off_t(offset + done))
      if count < 0 {
        if errno == EINTR { continue }
        throw Self.unreadable(errno)
      }
      guard count > 0 else { throw Self.changed("its size changed") }
      done += count
    }
  }

  /// Throws if the file has changed since it was opened, or if its name refers to another file. A file that was renamed
  /// or removed is unchanged.
  func checkUnchanged() throws(CallFailure) {
    guard let open = FileStatus(of: descriptor) else { throw Self.unreadable(errno) }
    if let change = identity.changeInRun(to: open.identity) { throw Self.changed(change) }
    guard let named = FileStatus(path), let change = identity.changeInRun(to: named.identity) else { return }
    throw open.links > 0 ? Self.moved : Self.changed(change)
  }

  /// Whether nothing is at `path` any more.
  static func isGone(_ path: String) -> Bool { access(path, F_OK) != 0 && [ENOENT, ENOTDIR].contains(errno) }

  private static func unreadable(_ number: CInt) -> CallFailure {
    CallFailure(.fileUnreadable, code: "cannot read it: \(String(cString: strerror(number)))", remedy: remedy(number))
  }

  private static func remedy(_ number: CInt) -> String {
    switch number {
    case EACCES, EPERM: "let this user read the file, and run again"
    case ENOENT, ENOTDIR: "it was moved or removed after it was listed: put it back, or leave it out"
    case ENAMETOOLONG: "its path is too long: move it to where it is shorter, and run again"
    case EIO, ESTALE: "check the disk or the network file system that it is on, and run again"
    default: OpenFileLimit.fix(number) ?? "look into that, and run again; it goes on where it was"
    }
  }

  private static let link = CallFailure(
    .fileUnreadable, code: "NotAFile", detail: "a symbolic link has taken its place since it was listed",
    remedy: "put the file back, or name the link, which is then followed")

  private static let moved = CallFailure(
    .fileMoved, code: "FileMoved", detail: "its name stands for another file by now",
    remedy: "name it as it is called now, and run again; it goes on where it was")

  package static func changed(_ how: String) -> CallFailure {
    CallFailure(
      .fileChanged, code: "FileChanged", detail: "\(how) after it was taken up",
      remedy: "let it come to rest, and upload this file alone with another journal")
  }
}

/// A range of a file as the body of a request, whose CRC is computed as it is read.
final class FileBody {
  private let file: SourceFile
  private let range: Range<Int>
  private var next = 0
  /// The CRC of the bytes read so far.
  private(set) var crc = CRC64()
  /// Why it couldn't be read to the end.
  private(set) var failure: CallFailure?
  /// How often reading started from the beginning.
  private(set) var beginnings = 0
  /// Whether it was once read to the last byte, although reading may have restarted since.
  private(set) var wasReadWhole = false

  init(_ file: SourceFile, _ range: Range<Int>) {
    self.file = file
    self.range = range
  }

  /// The number of bytes read.
  var bytesRead: Int { next }

  /// Reads from `offset` in the range, which must be 0 or where the last read ended; nil if reading fails.
  ///
  /// The last bytes are returned only after checking that the file is unchanged: without them, OSS stores nothing.
  func read(_ offset: Int, into room: UnsafeMutableRawBufferPointer) -> Int? {
    if offset == 0 {
      beginnings += 1
      crc = CRC64()
      next = 0
    }
    guard offset == next, failure == nil else { return nil }
    let piece = UnsafeMutableRawBufferPointer(rebasing: room.prefix(range.count - offset))
    do throws(CallFailure) {
      try file.read(at: range.lowerBound + offset, into: piece)
      if offset + piece.count == range.count { try file.checkUnchanged() }
    } catch {
      failure = error
      return nil
    }
    crc.append(UnsafeRawBufferPointer(piece))
    next = offset + piece.count
    if next == range.count { wasReadWhole = true }
    return piece.count
  }
}
