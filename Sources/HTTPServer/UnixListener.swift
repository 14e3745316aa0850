import CLinux
import Glibc

/// A listening Unix stream socket at a path, taken away again when it is closed.
package final class UnixListener {
  package let path: String
  package private(set) var descriptor: CInt
  private var identity: (device: dev_t, inode: ino_t)?

  /// Listens at `path` with permission bits `mode`, owned by us and group `gid` (nil: our own).
  ///
  /// A socket that nobody listens on is replaced in one step. The new one is made under another name, without any
  /// permission, and put in place when mode and group are set and it listens: nobody can connect earlier than that.
  package init(path: String, mode: UInt32, gid: UInt32? = nil) throws(ListenError) {
    let place = try SocketPlace(path)
    self.path = path
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

  deinit { close() }

  /// Changes who may connect from now on; whoever is connected stays.
  package func setAccess(mode: UInt32, gid: UInt32?) throws(ListenError) {
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
    var status = stat()
    if let identity, lstat(path, &status) == 0, (status.st_dev, status.st_ino) == identity { unlink(path) }
    Glibc.close(descriptor)
    descriptor = -1
  }
}
