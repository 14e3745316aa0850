import Glibc
import Synchronization

/// The file below a journal: bytes that are appended and put on the disk. In tests one that loses what wasn't.
///
/// Errors are an errno; 0 is success. `sync` is called from another thread, the rest from the loop's.
package protocol JournalFile: AnyObject, Sendable {
  var size: Int64 { get }

  /// Reads at most `room` bytes from `place` on; none at the file's end.
  func read(at place: Int64, room: Int) -> Result<[UInt8], SystemError>

  /// Appends all of `bytes`, or, in vain, none of them.
  func append(_ bytes: [UInt8]) -> CInt

  /// Drops what is behind `size`.
  func cut(to size: Int64) -> CInt

  /// Puts what has been appended on the disk. After an error nobody knows what is there: the kernel may have dropped it, and the next call
  /// reports success all the same (fsync(2), Linux 4.16 and later).
  func sync() -> CInt

  /// Whether the next run finds it where this one did. Called from another thread, too.
  var isInPlace: Bool { get }

  /// Writes all of it, and puts it on the disk, where it was, or beside that where something else is by now.
  func putBack() -> JournalReturn
}

extension JournalFile {
  package var isInPlace: Bool { true }
  package func putBack() -> JournalReturn { .nowhere }
}

/// Where a journal is that was moved or removed while in use.
package enum JournalReturn {
  /// At its place again, as this file.
  case inPlace(any JournalFile)
  case beside(path: String)
  case nowhere
}

/// An errno.
package struct SystemError: Error, Equatable {
  package let number: CInt

  package init(number: CInt) { self.number = number }
}

/// A journal's file on a disk; its lock lasts as long as this object.
final class DiskJournalFile: JournalFile {
  let descriptor: CInt
  let path: String
  /// Where the file lies, until that is on the disk; -1 where it can't be opened.
  private let directory: CInt
  private let hasSyncedDirectory = Atomic(false)

  /// Takes over the descriptors.
  init(descriptor: CInt, directory: CInt, path: String) {
    self.descriptor = descriptor
    self.path = path
    self.directory = directory
  }

  deinit {
    close(descriptor)
    if directory >= 0 { close(directory) }
  }

  var size: Int64 {
    var status = stat()
    return fstat(descriptor, &status) == 0 ? Int64(status.st_size) : 0
  }

  func read(at place: Int64, room: Int) -> Result<[UInt8], SystemError> {
    var failure: CInt = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: room) { buffer, filled in
      while filled < room {
        let got = pread(descriptor, buffer.baseAddress! + filled, room - filled, off_t(place) + off_t(filled))
        if got < 0 && errno == EINTR { continue }
        if got < 0 { failure = errno }
        guard got > 0 else { break }
        filled += got
      }
    }
    return failure == 0 ? .success(bytes) : .failure(SystemError(number: failure))
  }

  func append(_ bytes: [UInt8]) -> CInt {
    let size = self.size
    let failure = bytes.withUnsafeBytes { bytes -> CInt in
      var written = 0
      while written < bytes.count {
        let count = pwrite(
          descriptor, bytes.baseAddress! + written, bytes.count - written, off_t(size) + off_t(written))
        if count < 0 && errno == EINTR { continue }
        if count < 0 { return errno }
        written += count
      }
      return 0
    }
    // Half a line would be cut off at the next opening anyway.
    if failure != 0 { _ = cut(to: size) }
    return failure
  }

  func cut(to size: Int64) -> CInt { ftruncate(descriptor, off_t(size)) == 0 ? 0 : errno }

  func sync() -> CInt {
    // Also puts on the disk a size without which what is new couldn't be read (fdatasync(2)).
    while fdatasync(descriptor) != 0 {
      if errno != EINTR { return errno }
    }
    // A file whose directory isn't there after a power failure is gone with all that is in it.
    if directory >= 0, !hasSyncedDirectory.load(ordering: .relaxed) {
      // Some file systems have no such call for directories.
      guard fsync(directory) == 0 || [EINVAL, ENOSYS, EOPNOTSUPP].contains(errno) else { return errno }
      hasSyncedDirectory.store(true, ordering: .relaxed)
    }
    return 0
  }
}
