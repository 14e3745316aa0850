import Core
import Glibc

extension DiskJournalFile {
  /// Opens the journal at `path`, or creates one with mode 0600, and locks it as long as this object exists.
  ///
  /// Refuses a file that isn't regular, belongs to another user, can be read or written by others, or is in use by
  /// another process.
  static func open(_ path: String) throws(JournalError) -> DiskJournalFile {
    while true {
      let descriptor = try descriptor(path)
      let file = DiskJournalFile(descriptor: descriptor, directory: directory(of: path), path: path)
      try check(descriptor, path)
      try lock(descriptor, path)
      // Another file may have been put there before this one was locked.
      if isStillThere(descriptor, path) { return file }
    }
  }

  /// -1 for a directory that may be written to but not read. When the new entry reaches the disk is then up to the
  /// kernel.
  private static func directory(of path: String) -> CInt {
    let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
    let directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    return Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
  }

  private static func descriptor(_ path: String) throws(JournalError) -> CInt {
    let flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
    while true {
      var descriptor = Glibc.open(path, flags)
      if descriptor < 0 && errno == ENOENT { descriptor = Glibc.open(path, flags | O_CREAT | O_EXCL, 0o600) }
      if descriptor >= 0 { return descriptor }
      let number = errno
      if number == EEXIST { continue }  // made in between
      if number == EISDIR || number == ENXIO { throw .notAFile(path: path) }
      throw .system(.open, path: path, errno: number)
    }
  }

  private static func check(_ descriptor: CInt, _ path: String) throws(JournalError) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .system(.examine, path: path, errno: errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile(path: path) }
    guard status.st_uid == geteuid() else { throw .foreignOwner(path: path, uid: status.st_uid) }
    guard status.st_mode & 0o077 != 0 else { return }
    // Only for our own files does the error propose a mode: any other file may be anybody's, or one of /proc.
    throw beginsAsJournal(descriptor) ? .looseMode(path: path, mode: status.st_mode & 0o7777) : .notAJournal(path: path)
  }

  /// Whether it is empty, or begins as a journal of any version does.
  private static func beginsAsJournal(_ descriptor: CInt) -> Bool {
    let beginning = Array("{\"journal\":\"\(JournalLine.name)\"".utf8)
    var bytes = [UInt8](repeating: 0, count: beginning.count)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    return count == 0 || bytes == beginning
  }

  private static func lock(_ descriptor: CInt, _ path: String) throws(JournalError) {
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      let number = errno
      if number == EINTR { continue }
      guard number == EWOULDBLOCK else { throw .system(.lock, path: path, errno: number) }
      throw .locked(path: path, process: LockHolder.process(of: descriptor))
    }
  }

  private static func isStillThere(_ descriptor: CInt, _ path: String) -> Bool {
    var own = stat()
    var there = stat()
    guard lstat(path, &there) == 0 else { return false }
    return fstat(descriptor, &own) == 0 && own.st_ino == there.st_ino && own.st_dev == there.st_dev
  }
}

extension DiskJournalFile {
  var isInPlace: Bool {
    if Self.isStillThere(descriptor, path) { return true }
    // That it can't be examined doesn't mean that it is missing.
    return access(path, F_OK) != 0 && ![ENOENT, ENOTDIR].contains(errno)
  }

  func putBack() -> JournalReturn {
    for place in [path, "\(path).\(getpid())"] {
      let descriptor = Glibc.open(place, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
      if descriptor < 0 { continue }
      let copy = DiskJournalFile(descriptor: descriptor, directory: Self.directory(of: place), path: place)
      // Locked before it is written, so that no other process reads half of it.
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { continue }
      if writeAll(to: descriptor), copy.sync() == 0 { return place == path ? .inPlace(copy) : .beside(path: place) }
      unlink(place)
    }
    return .nowhere
  }

  private func writeAll(to copy: CInt) -> Bool {
    var place: Int64 = 0
    while true {
      guard case .success(let bytes) = read(at: place, room: 1 << 18) else { return false }
      if bytes.isEmpty { return true }
      var written = 0
      while written < bytes.count {
        let count = bytes.withUnsafeBytes { Glibc.write(copy, $0.baseAddress! + written, $0.count - written) }
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { return false }
        written += count
      }
      place += Int64(bytes.count)
    }
  }
}

/// The process that has a lock of flock(2), by the kernel's list of locks (/proc/locks, proc_locks(5)).
enum LockHolder {
  /// Nil if the list doesn't have it: /proc is restricted, or the process is in another container or on another host.
  static func process(of descriptor: CInt) -> Int32? {
    var status = stat()
    guard fstat(descriptor, &status) == 0, let text = text() else { return nil }
    return process(inode: UInt64(status.st_ino), text)
  }

  /// `text` has lines like `1: FLOCK  ADVISORY  WRITE 4711 fd:01:131073 0 EOF`. The device isn't compared: on btrfs it isn't fstat's.
  static func process(inode: UInt64, _ text: String) -> Int32? {
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count >= 6, words[1] == "FLOCK", let process = Int32(words[4]), process > 0,
        let last = words[5].split(separator: ":").last, UInt64(last) == inode
      else { continue }
      return process
    }
    return nil
  }

  private static func text() -> String? {
    let descriptor = open("/proc/locks", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var room = [UInt8](repeating: 0, count: 16_384)
    // Locks beyond the first MiB aren't read: the result is only used in a message.
    while bytes.count < 1 << 20 {
      let got = read(descriptor, &room, room.count)
      guard got > 0 else { break }
      bytes += room[..<got]
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
