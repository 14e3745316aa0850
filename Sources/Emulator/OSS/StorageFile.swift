import Glibc
import Synchronization

/// A failed system call of the store.
struct StorageError: Error, CustomStringConvertible {
  /// The attempted action: `write a part`.
  let attempt: String
  let number: CInt

  var description: String { "cannot \(attempt): \(String(cString: strerror(number)))" }
}

/// A file of the store that is removed with its last user, unless it was moved to an object's place.
final class StorageFile: Sendable {
  let path: String
  private let isMoved = Atomic(false)

  /// A new, empty file.
  init(at path: String) throws(StorageError) {
    self.path = path
    let descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw StorageError(attempt: "make '\(path)'", number: errno) }
    close(descriptor)
  }

  deinit { if !isMoved.load(ordering: .acquiring) { unlink(path) } }

  /// The caller closes the descriptor.
  func open(_ flags: CInt) throws(StorageError) -> CInt {
    let descriptor = Glibc.open(path, flags | O_NOFOLLOW | O_CLOEXEC)
    guard descriptor >= 0 else { throw StorageError(attempt: "open '\(path)'", number: errno) }
    return descriptor
  }

  /// Replaces an existing file; this file is then no longer removed.
  func move(to name: String, in directory: CInt) throws(StorageError) {
    guard renameat(AT_FDCWD, path, directory, name) == 0 else {
      throw StorageError(attempt: "move a file to '\(name)'", number: errno)
    }
    isMoved.store(true, ordering: .releasing)
  }
}
