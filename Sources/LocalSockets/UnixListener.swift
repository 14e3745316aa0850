import CLinux
import Glibc

/// A listening Unix stream socket: our own at a path, taken away again when it is closed, or one that was inherited.
package final class UnixListener {
  /// Of an inherited socket as it was bound, empty when it has no file.
  package let path: String
  package private(set) var descriptor: CInt
  /// Whether whoever started this process made the socket. Its file, mode and group are theirs.
  package let isInherited: Bool
  private var identity: (device: dev_t, inode: ino_t)?
  private var peers = PeerReader()

  /// Listens at `path` with permission bits `mode`, owned by us and group `gid` (nil: our own).
  ///
  /// A socket that nobody listens on is replaced in one step. The new one is made under another name, without any
  /// permission, and put in place when mode and group are set and it listens: nobody can connect earlier than that.
  package init(path: String, mode: UInt32, gid: UInt32? = nil) throws(ListenError) {
    let place = try SocketPlace(path)
    self.path = path
    isInherited = false
    descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw .call("socket", errno) }
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

  /// `descriptor` is the listener's own. Neither file, mode nor group are touched, when it is closed either.
  init(inherited descriptor: CInt, path: String) {
    self.path = path
    isInherited = true
    self.descriptor = descriptor
  }

  /// What would keep a listener from `path` for as long as nobody does something about it; nil when nothing is known of. A socket that a
  /// process listens on may be our own daemon's (`inUse`). Changes nothing.
  package static func obstacle(at path: String) -> ListenError? {
    do throws(ListenError) {
      try SocketPlace(path).checkIsFree()
      return nil
    } catch {
      return error
    }
  }

  /// Whether its socket is still what is at the path. An inherited one is somebody else's to look after.
  package var isInPlace: Bool {
    if isInherited { return true }
    var status = stat()
    guard let identity, lstat(path, &status) == 0 else { return false }
    return (status.st_dev, status.st_ino) == identity
  }

  deinit { close() }

  /// Takes one connection from the queue, and finds out who made it.
  package func accept() -> PeerReader.Accepted { peers.accept(from: descriptor) }

  /// Whether the queue has a connection. An accept4 in vain makes a socket and a descriptor first: it takes ten times as long.
  package var hasConnection: Bool {
    var question = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&question, 1, 0) == 1
  }

  /// Changes who may connect from now on; whoever is connected stays. Changes nothing about an inherited socket.
  package func setAccess(mode: UInt32, gid: UInt32?) throws(ListenError) {
    if isInherited { return }
    var old = stat()
    guard lstat(path, &old) == 0 else { throw .path(path, attempt: "looking at it", errno) }
    // Closed while it changes hands, so that no mode meets a group that it isn't for.
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
