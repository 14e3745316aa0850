import CLinux
import Glibc

/// A listening Unix stream socket: our own at a path, removed when it is closed, or an inherited one.
package final class UnixListener {
  /// For an inherited socket, the path to which it was bound; empty if it has no file.
  package let path: String
  package private(set) var descriptor: CInt
  /// Whether the socket was created by the parent process. Its file, mode and group then belong to the parent.
  package let isInherited: Bool
  private var identity: (device: dev_t, inode: ino_t)?
  private var peers = PeerReader()

  /// Listens at `path` with permission bits `mode`, owned by us and group `gid` (nil: our own).
  ///
  /// A socket that nobody listens on is replaced in one step. The new one is created under another name, without any permission,
  /// and put in place after mode and group are set and it listens: nobody can connect earlier.
  package init(path: String, mode: UInt32, gid: UInt32? = nil) throws(ListenError) {
    let place = try SocketPlace(path)
    self.path = path
    isInherited = false
    descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw .call("socket", errno) }
    refuseDescriptors()
    let lock = try place.lockDirectory()
    defer { if lock >= 0 { Glibc.close(lock) } }
    try place.checkIsFree()
    if lock >= 0 { place.removeAbandoned(lock) }
    do throws(ListenError) {
      try place.bind(descriptor)
      try place.prepare(mode, gid)
      guard listen(descriptor, SOMAXCONN) == 0 else { throw .call("listen", errno) }
      identity = place.identity(place.temporary)
      try place.moveIntoPlace()
    } catch {
      unlink(place.temporary)
      identity = nil
      throw error
    }
  }

  /// Takes ownership of `descriptor`. File, mode and group aren't touched, not even on closing.
  init(inherited descriptor: CInt, path: String) {
    self.path = path
    isInherited = true
    self.descriptor = descriptor
    refuseDescriptors()
  }

  /// No client has a descriptor to pass to us, and one that is queued would stay open until it is read. Where the kernel can't refuse them
  /// (before Linux 6.16), they are closed when the bytes that they came with are read: recv(2) has no place for them (`unix_stream_recvmsg`
  /// and `scm_recv_unix` in the kernel's net/).
  private func refuseDescriptors() { _ = clinux_refuse_descriptors(descriptor) }

  /// A lasting reason why `path` can't be listened on; nil if none is known. A socket that a process listens on may be our own
  /// daemon's (`inUse`). Changes nothing.
  package static func obstacle(at path: String) -> ListenError? {
    do throws(ListenError) {
      try SocketPlace(path).checkIsFree()
      return nil
    } catch {
      return error
    }
  }

  /// Whether its socket is still the one at the path. An inherited one isn't checked.
  package var isInPlace: Bool {
    if isInherited { return true }
    var status = stat()
    guard let identity, lstat(path, &status) == 0 else { return false }
    return (status.st_dev, status.st_ino) == identity
  }

  deinit { close() }

  /// Accepts one connection from the queue, and determines its peer.
  package func accept() -> PeerReader.Accepted { peers.accept(from: descriptor) }

  /// Whether the queue has a connection. A fruitless accept4 creates a socket and a descriptor first, which takes ten times as
  /// long.
  package var hasConnection: Bool {
    var question = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&question, 1, 0) == 1
  }

  /// Changes who may connect from now on; open connections stay. No effect on an inherited socket.
  package func setAccess(mode: UInt32, gid: UInt32?) throws(ListenError) {
    if isInherited { return }
    var old = stat()
    guard lstat(path, &old) == 0 else { throw .path(path, attempt: "examining it", errno) }
    // Without any permission during the change, so that no mode is combined with the wrong group.
    guard chmod(path, 0) == 0 else { throw .path(path, attempt: "setting its mode", errno) }
    let failure = clinux_remove_acls_at(path)
    guard failure >= 0 else { throw .path(path, attempt: "removing its access control list", -failure) }
    let group = gid ?? getegid()
    guard group == old.st_gid || lchown(path, uid_t.max, group) == 0 else {
      let number = errno
      chmod(path, old.st_mode & 0o7777)
      throw .group(path, gid: group, number)
    }
    guard chmod(path, mode) == 0 else { throw .path(path, attempt: "setting its mode", errno) }
  }

  /// Stops listening, and removes the socket's file if it is still ours.
  package func close() {
    guard descriptor >= 0 else { return }
    if !isInherited, isInPlace { unlink(path) }
    Glibc.close(descriptor)
    descriptor = -1
  }
}
