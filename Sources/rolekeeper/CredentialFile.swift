import CommandInterface
import Core
import Glibc
import LocalClient
import Secrets

/// The file of `get --output`: replaced as a whole, with mode 0400 and the user's own owner and group.
///
/// The credential is written to a new file in the same directory, which is then renamed: a reader finds the old credential or the new
/// one, and after a failure the old file is as it was. Anything but a regular file is refused. A symlink would either be replaced,
/// which surprises whoever put it there, or followed, to a place where somebody else may have pointed it; /dev/stdout is one.
struct CredentialFile {
  struct Failure: Error, CustomStringConvertible {
    let path: String
    let reason: String

    var description: String { "file '\(path)': \(reason)" }
  }

  let path: String

  /// Checks the path before anything is asked for, so that no session is handed out for nothing.
  init(_ path: String) throws(Failure) {
    self.path = path
    var status = stat()
    guard lstat(path, &status) == 0 else {
      if errno == ENOENT, access(directory, F_OK) == 0, !path.hasSuffix("/") { return }
      throw failure(errno == ENOENT ? "there is no such directory" : Self.text(of: errno))
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG: return
    case S_IFLNK: throw failure("it is a symlink; name the file itself")
    case S_IFDIR: throw failure("it is a directory; name a file in it")
    default: throw failure("it isn't a regular file; without '--output' the credential goes to stdout")
    }
  }

  /// The most bytes of a file that is changed rather than replaced.
  private static let maxBytes = 1 << 20

  /// What the file has now, which may be other credentials; nil if there is none.
  private func content() throws(Failure) -> Secret? {
    let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT { return nil }
      throw failure("cannot read it: \(Self.text(of: errno))")
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure("cannot read it: \(Self.text(of: errno))") }
    guard status.st_size < Self.maxBytes else { throw failure("it has \(Self.maxBytes) bytes or more") }
    var number: CInt = 0
    // One more than there is shows whether it grows meanwhile.
    let content = Secret(unsafeUninitializedCapacity: Int(status.st_size) + 1) { room in
      var count = 0
      while count < room.count {
        let got = read(descriptor, room.baseAddress! + count, room.count - count)
        if got < 0, errno == EINTR { continue }
        if got < 0 { number = errno }
        if got <= 0 { break }
        count += got
      }
      return count
    }
    guard number == 0 else { throw failure("cannot read it: \(Self.text(of: number))") }
    guard content.count <= status.st_size else { throw failure("somebody is writing to it") }
    return content
  }

  func write(_ secret: Secret) throws(Failure) { _ = try put(secret) { true } }

  /// How long another program may have the directory locked, and how often a change by others is made up for.
  private static let longestLock = Duration.seconds(5)
  private static let mostAttempts = 5

  /// Replaces the file by what `body` makes of its content, which is nil if there is none.
  ///
  /// Meanwhile its directory is locked (flock(2)), so that two of these programs don't undo each other's change. Other programs know
  /// nothing of that: if the file has been changed since it was read, `body` is called again.
  func change(_ body: (Secret?) throws -> Secret) throws {
    let lock = try lockDirectory()
    defer { if let lock { close(lock) } }
    for _ in 0..<Self.mostAttempts {
      // Before the content: a change between the two counts as one.
      let before = Version(of: path)
      let new = try body(try content())
      if try put(new, if: { Version(of: path) == before }) { return }
    }
    throw failure("other programs keep changing it; try again")
  }

  /// What distinguishes a file's content from an earlier one.
  private struct Version: Equatable {
    private let inode: ino_t
    private let size: off_t
    /// Its mtime.
    private let modified: [UInt8]

    /// Nil if there is no file.
    init?(of path: String) {
      var status = stat()
      guard lstat(path, &status) == 0 else { return nil }
      (inode, size) = (status.st_ino, status.st_size)
      modified = withUnsafeBytes(of: status.st_mtim) { Array($0) }
    }
  }

  /// A descriptor that holds the lock until it is closed; nil if the directory can't be read or locked, as on some network file
  /// systems.
  private func lockDirectory() throws(Failure) -> CInt? {
    let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if descriptor < 0 { return nil }
    let deadline = Deadline(after: Self.longestLock)
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      guard errno == EWOULDBLOCK, !deadline.hasPassed else {
        let isTaken = errno == EWOULDBLOCK
        close(descriptor)
        if isTaken { throw failure("another program has locked its directory for \(Self.longestLock.text)") }
        return nil
      }
      usleep(20_000)
    }
    return descriptor
  }

  /// False if the new file was ready, and `isWanted` then was false.
  private func put(_ secret: Secret, if isWanted: () -> Bool) throws(Failure) -> Bool {
    var name = Array("\(directory)/.\(path.split(separator: "/").last ?? "").XXXXXX".utf8CString)
    // `get` starts no other program, so that the descriptor needn't be close-on-exec.
    let descriptor = mkstemp(&name)
    guard descriptor >= 0 else { throw failure("cannot make a new file beside it: \(Self.text(of: errno))") }
    defer { close(descriptor) }
    if let problem = fill(descriptor, with: secret) {
      unlink(name)
      throw failure(problem)
    }
    guard isWanted() else {
      unlink(name)
      return false
    }
    guard rename(name, path) == 0 else {
      let number = errno
      unlink(name)
      throw failure("cannot put it in place: \(Self.text(of: number))")
    }
    // The rename is on the disk once its directory is; the credential is good without that.
    let parent = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if parent >= 0 {
      fsync(parent)
      close(parent)
    }
    return true
  }

  /// Nil if the new file is on the disk, otherwise what went wrong.
  private func fill(_ descriptor: CInt, with secret: Secret) -> String? {
    guard fchmod(descriptor, 0o400) == 0 else { return "cannot set its mode: \(Self.text(of: errno))" }
    let number = secret.withBytes { Console.put($0, to: descriptor) }
    guard number == 0 else { return "cannot write its content: \(Self.text(of: number))" }
    guard fsync(descriptor) == 0 else { return "cannot bring it to the disk: \(Self.text(of: errno))" }
    return nil
  }

  private var directory: String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  func failure(_ reason: String) -> Failure { Failure(path: path, reason: reason) }

  private static func text(of number: CInt) -> String { String(cString: strerror(number)) }
}
