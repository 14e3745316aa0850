import CLinux
import Core
import Glibc

/// The host on which this process runs.
package struct SystemHost: Host {
  private let daemonsUser: HostUser?

  /// `daemonsUser` is the user that will run the daemon, if that isn't this process's user: then the daemon's
  /// permissions aren't known.
  package init(daemonsUser: HostUser? = nil) { self.daemonsUser = daemonsUser }

  package var name: String { Self.name { gethostname($0, $1) } }

  /// The name from `gethostname(2)`, which is `ask` here; "localhost" if it fails or the host has no name.
  static func name(_ ask: (UnsafeMutablePointer<CChar>, Int) -> CInt) -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    // The last byte stays zero, so the name is terminated even if it was truncated.
    guard ask(&buffer, buffer.count - 1) == 0, buffer[0] != 0 else { return "localhost" }
    return string(buffer)
  }

  package var uid: UInt32 { daemonsUser?.uid ?? geteuid() }
  package var gid: UInt32 { daemonsUser?.gid ?? getegid() }

  package var workingDirectory: String {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    return getcwd(&buffer, buffer.count) == nil ? "/" : Self.string(buffer)
  }

  package var credentialsDirectory: String? { getenv("CREDENTIALS_DIRECTORY").map { String(cString: $0) } }

  package var resolverOptions: String? { getenv("RES_OPTIONS").map { String(cString: $0) } }

  package func user(named name: String) throws(HostError) -> HostUser? {
    try lookUp { entry, buffer, size, result in
      getpwnam_r(name, entry, buffer, size, result)
    } describe: {
      Self.user($0)
    }
  }

  package func user(uid: UInt32) throws(HostError) -> HostUser? {
    try lookUp { entry, buffer, size, result in
      getpwuid_r(uid, entry, buffer, size, result)
    } describe: {
      Self.user($0)
    }
  }

  package func group(named name: String) throws(HostError) -> HostGroup? {
    try lookUp { entry, buffer, size, result in
      getgrnam_r(name, entry, buffer, size, result)
    } describe: {
      Self.group($0)
    }
  }

  package func group(gid: UInt32) throws(HostError) -> HostGroup? {
    try lookUp { entry, buffer, size, result in
      getgrgid_r(gid, entry, buffer, size, result)
    } describe: {
      Self.group($0)
    }
  }

  package func groups(of user: HostUser) -> Set<UInt32> {
    var count: CInt = 64
    var gids = [gid_t](repeating: 0, count: Int(count))
    // It returns -1 and the needed count if there are more.
    while getgrouplist(user.name, user.gid, &gids, &count) < 0, Int(count) > gids.count {
      gids = [gid_t](repeating: 0, count: Int(count))
    }
    return Set(gids.prefix(Int(max(0, count)))).union([user.gid])
  }

  package func status(of path: String) throws(HostError) -> FileStatus {
    var status = stat()
    guard stat(path, &status) == 0 else { throw HostError(number: errno) }
    return FileStatus(status) { clinux_get_attribute_at(path, $0, $1, $2) }
  }

  package func realPath(of path: String) throws(HostError) -> String {
    guard let real = realpath(path, nil) else { throw HostError(number: errno) }
    defer { free(real) }
    return String(cString: real)
  }

  package func read(_ path: String, limit: Int) throws(HostError) -> (status: FileStatus, bytes: [UInt8]) {
    // Without O_NONBLOCK, a FIFO in place of the file would block for ever.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard descriptor >= 0 else { throw HostError(number: errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw HostError(number: errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile }
    let fileStatus = FileStatus(status) { clinux_get_attribute(descriptor, $0, $1, $2) }
    return (fileStatus, try Self.content(of: descriptor, size: Int(status.st_size), limit: limit))
  }

  package func mayWrite(to directory: String) -> Bool {
    // What can't be determined isn't reported.
    if daemonsUser != nil { return true }
    // By the effective user, who will create the daemon's files. EROFS is about the mount, not about permissions.
    return faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) == 0 || errno == EROFS
  }

  package func names(in directory: String) throws(HostError) -> [String] {
    guard let stream = opendir(directory) else {
      // A file in place of the directory is another error than a missing directory.
      if errno == ENOTDIR { throw .other(String(cString: strerror(errno))) }
      throw HostError(number: errno)
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let capacity = MemoryLayout.size(ofValue: entry.pointee.d_name)
      names.append(
        withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: capacity) { String(cString: $0) }
        })
    }
    return names
  }

  private static func content(of descriptor: CInt, size: Int, limit: Int) throws(HostError) -> [UInt8] {
    guard size <= limit else { throw .tooLarge(limit: limit) }
    // One byte more than allowed, to detect a file that has grown meanwhile. A file of /proc/sys has size 0, and has nothing for a
    // second read(2).
    var bytes = [UInt8](repeating: 0, count: min(max(size, 4095), limit) + 1)
    var filled = 0
    while true {
      let count = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress! + filled, $0.count - filled) }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw HostError(number: errno) }
      filled += count
      if count == 0 { return Array(bytes.prefix(filled)) }
      if filled > limit { throw .tooLarge(limit: limit) }
      if filled == bytes.count { bytes.append(contentsOf: repeatElement(0, count: min(filled, limit + 1 - filled))) }
    }
  }

  /// Calls one of the `get…_r` functions with a buffer that grows while they ask for more (ERANGE).
  private func lookUp<Entry, Record>(
    _ call: (
      UnsafeMutablePointer<Entry>, UnsafeMutablePointer<CChar>, Int, UnsafeMutablePointer<UnsafeMutablePointer<Entry>?>
    )
      -> CInt,
    describe: (Entry) -> Record
  ) throws(HostError) -> Record? {
    let entry = UnsafeMutablePointer<Entry>.allocate(capacity: 1)
    defer { entry.deallocate() }
    var size = 4096
    while true {
      // The strings of the entry are in this buffer.
      let buffer = UnsafeMutablePointer<CChar>.allocate(capacity: size)
      defer { buffer.deallocate() }
      var result: UnsafeMutablePointer<Entry>?
      let number = call(entry, buffer, size, &result)
      if number == ERANGE, size < 1 << 20 {
        size *= 4
        continue
      }
      // The sources of names report "not found" in different ways (getpwnam(3), ERRORS).
      if let result { return describe(result.pointee) }
      guard [0, ENOENT, ESRCH, EBADF, EPERM].contains(number) else { throw .passing(String(cString: strerror(number))) }
      return nil
    }
  }

  private static func user(_ entry: passwd) -> HostUser {
    HostUser(name: String(cString: entry.pw_name), uid: entry.pw_uid, gid: entry.pw_gid)
  }

  private static func group(_ entry: Glibc.group) -> HostGroup {
    HostGroup(name: String(cString: entry.gr_name), gid: entry.gr_gid)
  }

  private static func string(_ buffer: [CChar]) -> String {
    String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}

extension FileStatus {
  /// `attribute` reads an extended attribute of the file, as getxattr(2).
  fileprivate init(_ status: stat, _ attribute: (String, UnsafeMutableRawPointer?, Int) -> Int) {
    let kind: Kind =
      switch status.st_mode & S_IFMT {
      case S_IFREG: .file
      case S_IFDIR: .directory
      default: .other
      }
    self.init(
      kind: kind, uid: status.st_uid, gid: status.st_gid, mode: status.st_mode & 0o7777,
      // If the group class has no permissions, the mask removes everything that the list grants.
      accessList: status.st_mode & 0o070 == 0 ? nil : Self.accessList(attribute))
  }

  private static func accessList(_ attribute: (String, UnsafeMutableRawPointer?, Int) -> Int) -> POSIXACL? {
    let name = "system.posix_acl_access"
    let size = attribute(name, nil, 0)
    guard size > 0 else { return nil }
    var bytes = [UInt8](repeating: 0, count: size)
    guard bytes.withUnsafeMutableBytes({ attribute(name, $0.baseAddress, $0.count) }) == size else { return nil }
    return POSIXACL(bytes)
  }
}

extension HostError {
  /// Converts the `errno` of a call with a path.
  init(number: CInt) {
    self =
      switch number {
      case ENOENT, ENOTDIR: .missing
      case EACCES, EPERM: .denied
      case EIO, EAGAIN, EINTR, EBUSY, ENOMEM, ENOBUFS, EMFILE, ENFILE, ESTALE, ETIMEDOUT, EREMOTEIO, EHOSTDOWN,
        EHOSTUNREACH,
        ENETDOWN, ENETUNREACH, ECONNREFUSED, ECONNRESET, ECONNABORTED, ENOTCONN:
        .passing(String(cString: strerror(number)))
      default: .other(String(cString: strerror(number)))
      }
  }
}
