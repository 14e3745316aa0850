import CLinux
import Core
import Glibc

/// The path of a socket, and the steps of creating a socket there.
struct SocketPlace {
  let path: String
  /// In the same directory, for rename(2). It has our pid as its name, which no other process has while this one runs.
  let temporary: String
  private let directory: String

  init(_ path: String) throws(ListenError) {
    self.path = path
    let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
    let prefix = slash.map { String(path[...$0]) } ?? ""
    directory = prefix.isEmpty ? "." : prefix
    temporary = "\(prefix).\(getpid())"
    // Both names must fit, with a NUL after them (unix(7)).
    let room = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1
    guard max(path.utf8.count, temporary.utf8.count) <= room else {
      throw .pathTooLong(path, limit: room - max(0, temporary.utf8.count - path.utf8.count))
    }
  }

  /// Keeps two processes that start at the same moment from both finding the path free. -1 if the directory can't be read: then
  /// there is no lock.
  func lockDirectory() throws(ListenError) -> CInt {
    let lock = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard lock >= 0 else {
      guard errno == EACCES else { throw .path(path, attempt: "opening its directory", errno) }
      return -1
    }
    if flock(lock, LOCK_EX | LOCK_NB) != 0 {
      let code = errno
      close(lock)
      throw .path(path, attempt: "another process is making a socket beside it", code)
    }
    return lock
  }

  /// Throws unless the path is free, or has a socket on which no process listens.
  func checkIsFree() throws(ListenError) {
    var status = stat()
    guard lstat(path, &status) == 0 else {
      if errno == ENOENT { return }
      throw .path(path, attempt: "examining it", errno)
    }
    guard status.st_mode & S_IFMT == S_IFSOCK else { throw .notASocket(path) }
    let probe = Self.probe()
    guard probe >= 0 else { throw .call("socket", errno) }
    defer { close(probe) }
    if call(connect, probe, path) == 0 {
      var reader = PeerReader()
      let owner = reader.peer(of: probe)
      throw .inUse(path, pid: owner?.pid ?? 0, uid: owner?.uid ?? 0)
    }
    switch errno {
    case ECONNREFUSED, ENOENT: return
    default: throw .unclear(path, errno)
    }
  }

  /// Removes sockets that killed processes left before moving them into place: our own, with a pid as the name, on
  /// which no process listens. Only the holder of the directory's `lock` creates sockets there.
  func removeAbandoned(_ lock: CInt) {
    // A descriptor of its own, since closedir closes it.
    let own = openat(lock, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard let stream = fdopendir(own) else {
      if own >= 0 { close(own) }
      return
    }
    defer { closedir(stream) }
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard name.hasPrefix("."), Int32(name.dropFirst()) != nil else { continue }
      var status = stat()
      guard fstatat(lock, name, &status, AT_SYMLINK_NOFOLLOW) == 0, status.st_mode & S_IFMT == S_IFSOCK,
        status.st_uid == geteuid(), isAbandoned("\(directory == "." ? "" : directory)\(name)")
      else { continue }
      unlinkat(lock, name, 0)
    }
  }

  private func isAbandoned(_ path: String) -> Bool {
    let probe = Self.probe()
    guard probe >= 0 else { return false }
    defer { close(probe) }
    return call(connect, probe, path) != 0 && errno == ECONNREFUSED
  }

  private static func probe() -> CInt {
    socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
  }

  func bind(_ descriptor: CInt) throws(ListenError) {
    // A leftover of an earlier process with our pid.
    unlink(temporary)
    // On Linux a socket's file takes its mode from the socket (unix_bind in net/unix/af_unix.c).
    guard fchmod(descriptor, 0) == 0 else { throw .call("fchmod", errno) }
    guard call(Glibc.bind, descriptor, temporary) == 0 else { throw .path(path, attempt: "binding", errno) }
  }

  func prepare(_ mode: UInt32, _ gid: UInt32?) throws(ListenError) {
    // A default ACL of the directory would admit users beyond mode and group.
    let failure = clinux_remove_acls_at(temporary)
    guard failure >= 0 else { throw .path(path, attempt: "removing its access control list", -failure) }
    if let gid, lchown(temporary, uid_t.max, gid) != 0 { throw .group(path, gid: gid, errno) }
    guard chmod(temporary, mode) == 0 else { throw .path(path, attempt: "setting its mode", errno) }
  }

  func moveIntoPlace() throws(ListenError) {
    guard rename(temporary, path) == 0 else { throw .path(path, attempt: "putting it in place", errno) }
  }

  func identity(_ path: String) -> (device: dev_t, inode: ino_t)? {
    var status = stat()
    return lstat(path, &status) == 0 ? (status.st_dev, status.st_ino) : nil
  }

  private func call(
    _ call: (CInt, UnsafePointer<sockaddr>?, socklen_t) -> CInt, _ descriptor: CInt, _ path: String
  ) -> CInt {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { room in
      room.copyBytes(from: path.utf8.prefix(room.count - 1))
    }
    return withUnsafeBytes(of: &address) {
      $0.withMemoryRebound(to: sockaddr.self) {
        call(descriptor, $0.baseAddress, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }
}
