import Glibc
import Synchronization

/// The directory with the objects as files BUCKET/KEY, and with unfinished files in a hidden directory beside them.
///
/// No link below it is followed.
final class ObjectDirectory: Sendable {
  private let path: String
  private let drafts: String
  private let lastDraft = Atomic(0)
  /// Distinguishes this store's drafts from those that another run has left.
  private let mark = TextCoding.hex(Digests.random(4))

  init(_ path: String) {
    self.path = path
    drafts = "\(path)/.uploads"
  }

  func newDraft() throws(StorageError) -> StorageFile {
    let name = "\(drafts)/\(mark)-\(lastDraft.add(1, ordering: .relaxed).newValue)"
    do {
      return try StorageFile(at: name)
    } catch {
      guard error.number == ENOENT else { throw error }
      for directory in [path, drafts] where mkdir(directory, 0o700) != 0 && errno != EEXIST {
        throw StorageError(attempt: "make '\(directory)'", number: errno)
      }
      return try StorageFile(at: name)
    }
  }

  /// Makes the file the object, replacing a former one.
  func place(_ file: StorageFile, as object: ObjectName) throws(StorageError) {
    let (directory, name) = try parent(of: object, makingDirectories: true)
    defer { close(directory) }
    try file.move(to: name, in: directory)
  }

  /// A descriptor to read the object by; the caller closes it.
  func open(_ object: ObjectName) throws(StorageError) -> CInt {
    let (directory, name) = try parent(of: object, makingDirectories: false)
    defer { close(directory) }
    let descriptor = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
    guard descriptor >= 0 else { throw StorageError(attempt: "open an object", number: errno) }
    return descriptor
  }

  func remove(_ object: ObjectName) throws(StorageError) {
    let (directory, name) = try parent(of: object, makingDirectories: false)
    defer { close(directory) }
    guard unlinkat(directory, name, 0) == 0 else { throw StorageError(attempt: "remove an object", number: errno) }
  }

  private func parent(
    of object: ObjectName, makingDirectories: Bool
  ) throws(StorageError) -> (directory: CInt, name: String) {
    var directory = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard directory >= 0 else { throw StorageError(attempt: "open '\(path)'", number: errno) }
    let steps = [object.bucket] + object.steps
    for step in steps.dropLast() {
      if makingDirectories, mkdirat(directory, step, 0o700) != 0, errno != EEXIST {
        defer { close(directory) }
        throw StorageError(attempt: "make a directory of '\(object.bucket)'", number: errno)
      }
      let next = openat(directory, step, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
      let problem = errno
      close(directory)
      guard next >= 0 else {
        throw StorageError(attempt: "open a directory of '\(object.bucket)'", number: problem)
      }
      directory = next
    }
    return (directory, steps.last ?? "")
  }
}
