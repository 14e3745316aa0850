import Glibc
import Synchronization

/// The file of a journal: bytes are appended, and synced to the disk. Tests use one that loses what wasn't synced.
///
/// Errors are an errno; 0 is success. `sync` is called from another thread, the rest from the loop's.
package protocol JournalFile: AnyObject, Sendable {
  var size: Int64 { get }

  /// Reads at most `room` bytes from `place` on; none at the file's end.
  func read(at place: Int64, room: Int) -> Result<[UInt8], SystemError>

  /// Appends all of `bytes`, or none of them if it fails.
  func append(_ bytes: [UInt8]) -> CInt

  /// Drops everything after `size`.
  func cut(to size: Int64) -> CInt

  /// Syncs what has been appended to the disk. After an error it isn't known what is on the disk: the kernel may have
  /// dropped data, and the next call reports success anyway (fsync(2), Linux 4.16 and later).
  func sync() -> CInt

  /// Whether the next run will find it at its path. Also called from another thread.
  var isInPlace: Bool { get }

  /// Writes its whole content, synced, to its path again; if something else is there by now, beside it.
  func putBack() -> JournalReturn
}

extension JournalFile {
  package var isInPlace: Bool { true }
  package func putBack() -> JournalReturn { .nowhere }
}

/// The result for a journal that was moved or removed while in use.
package enum JournalReturn {
  /// It is at its path again, as this file.
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
  /// Its directory, until that is synced; -1 if it can't be opened.
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
    // This also syncs the file's size, without which new data couldn't be read (fdatasync(2)).
    while fdatasync(descriptor) != 0 {
      if errno != EINTR { return errno }
    }
    // If the directory's entry isn't on the disk after a power failure, the file is lost.
    if directory >= 0, !hasSyncedDirectory.load(ordering: .relaxed) {
      // Some file systems have no fsync for directories.
      guard fsync(directory) == 0 || [EINVAL, ENOSYS, EOPNOTSUPP].contains(errno) else { return errno }
      hasSyncedDirectory.store(true, ordering: .relaxed)
    }
    return 0
  }
}
