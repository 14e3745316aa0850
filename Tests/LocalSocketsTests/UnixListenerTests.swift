import Glibc
import TestNeeds
import TestSupport
import Testing

@testable import LocalSockets

@Suite struct UnixListenerTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private var path: String { directory.path("api.sock") }

  private func status(_ path: String) -> stat? {
    var status = stat()
    return lstat(path, &status) == 0 ? status : nil
  }

  private func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "no error"
    } catch {
      return "\(error)"
    }
  }

  @Test(arguments: [0o600, 0o660, 0o666] as [UInt32])
  func `the socket has its mode and can be connected to`(_ mode: UInt32) throws {
    let listener = try UnixListener(path: path, mode: mode)
    #expect(status(path)?.st_mode == S_IFSOCK | mode)
    #expect(status(path)?.st_gid == getegid())
    _ = try StreamConnection(unix: path)
    withExtendedLifetime(listener) {}
  }

  @Test func `the socket's mode and group can be changed in place`() throws {
    let listener = try UnixListener(path: path, mode: 0o600)
    let inode = status(path)?.st_ino
    try listener.setAccess(mode: 0o660, gid: nil)
    #expect(status(path)?.st_mode == S_IFSOCK | 0o660)
    #expect(status(path)?.st_ino == inode)
  }

  /// Users named by a default ACL of the directory could connect.
  @Test func `neither an inherited ACL nor one that was set lets anybody connect`() throws {
    try AccessControlList.lets(4711, at: directory.path, byDefault: true)
    let listener = try UnixListener(path: path, mode: 0o660)
    #expect(!AccessControlList.isThere(at: path))
    #expect(status(path)?.st_mode == S_IFSOCK | 0o660)
    try AccessControlList.lets(4711, at: path)
    try listener.setAccess(mode: 0o600, gid: nil)
    #expect(!AccessControlList.isThere(at: path))
  }

  @Test func `a change that can't be made leaves the old mode`() throws {
    let listener = try UnixListener(path: path, mode: 0o600)
    rename(path, directory.path("moved"))
    #expect(message { try listener.setAccess(mode: 0o666, gid: nil) }.contains("examining it"))
    #expect(status(directory.path("moved"))?.st_mode == S_IFSOCK | 0o600)
  }

  @Test(.needs(.root)) func `the socket has its group`() throws {
    let listener = try UnixListener(path: path, mode: 0o660, gid: 4711)
    #expect(status(path)?.st_gid == 4711)
    #expect(status(path)?.st_uid == geteuid())
    withExtendedLifetime(listener) {}
  }

  @Test func `the descriptor is close-on-exec and doesn't block`() throws {
    let listener = try UnixListener(path: path, mode: 0o600)
    #expect(fcntl(listener.descriptor, F_GETFD) & FD_CLOEXEC != 0)
    #expect(fcntl(listener.descriptor, F_GETFL) & CInt(O_NONBLOCK) != 0)
  }

  @Test func `only the socket is in the directory, and nothing after close`() throws {
    let listener = try UnixListener(path: path, mode: 0o600)
    #expect(FileNames.read(directory.path) == ["api.sock"])
    listener.close()
    #expect(FileNames.read(directory.path) == [])
  }

  /// Leaves the file of a socket that nobody listens on.
  private func makeStale() throws {
    let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
    try SocketPlace(path).bind(descriptor)
    #expect(rename(try SocketPlace(path).temporary, path) == 0)
    close(descriptor)
  }

  /// Each process that was killed while it created its socket left one with its own name.
  @Test func `sockets that were never moved into place are removed, and nothing else`() throws {
    for name in [".4711", ".4712", "another", ".4x"] {
      let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
      let place = try SocketPlace(directory.path(name))
      try place.bind(descriptor)
      try place.moveIntoPlace()
      // One of them has a listener, as another program's may; the others are left over from killed processes.
      if name == ".4712" { listen(descriptor, 1) } else { close(descriptor) }
    }
    try directory.write("precious", to: ".4713")
    let listener = try UnixListener(path: directory.path("s"), mode: 0o600)
    #expect(access(directory.path(".4711"), F_OK) != 0)
    for name in [".4712", "another", ".4x", ".4713", "s"] {
      #expect(access(directory.path(name), F_OK) == 0, "\(name)")
    }
    withExtendedLifetime(listener) {}
  }

  @Test func `a stale socket is replaced`() throws {
    try makeStale()
    let before = try #require(status(path))
    let listener = try UnixListener(path: path, mode: 0o600)
    #expect(status(path)?.st_ino != before.st_ino)
    _ = try StreamConnection(unix: path)
    withExtendedLifetime(listener) {}
  }

  @Test func `a living process's socket is refused, naming the process`() throws {
    let listener = try UnixListener(path: path, mode: 0o600)
    let inode = status(path)?.st_ino
    let expected =
      "socket '\(path)' belongs to a living process (pid \(getpid()), uid \(geteuid())); "
      + "stop that one or choose another path"
    #expect(message { _ = try UnixListener(path: path, mode: 0o600) } == expected)
    #expect(status(path)?.st_ino == inode)
    _ = try StreamConnection(unix: path)
    withExtendedLifetime(listener) {}
  }

  @Test func `anything that isn't a socket is refused and left alone`() throws {
    let expected = "socket '\(path)' is in the way and is not a socket; move it or choose another path"
    try directory.write("precious", to: "api.sock")
    #expect(message { _ = try UnixListener(path: path, mode: 0o600) } == expected)
    #expect(status(path)?.st_size == 8)
    unlink(path)
    #expect(symlink(directory.path("elsewhere"), path) == 0)
    #expect(message { _ = try UnixListener(path: path, mode: 0o600) } == expected)
    unlink(path)
    #expect(mkdir(path, 0o700) == 0)
    #expect(message { _ = try UnixListener(path: path, mode: 0o600) } == expected)
  }

  @Test func `a socket of another kind is refused`() throws {
    let other = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue), 0)
    defer { close(other) }
    try SocketPlace(path).bind(other)
    #expect(rename(try SocketPlace(path).temporary, path) == 0)
    let error = message { _ = try UnixListener(path: path, mode: 0o600) }
    #expect(error.hasPrefix("socket '\(path)' is in the way, and whether a process owns it is unclear: "))
    // It may be in use.
    #expect(error.hasSuffix("; check as root whether a process listens there: ss -lxp src \(path)"))
  }

  @Test func `a path that is too long is refused with the limit`() throws {
    let long = directory.path(String(repeating: "x", count: 107 - directory.path.utf8.count))
    #expect(
      message { _ = try UnixListener(path: long, mode: 0o600) }
        == "socket '\(long)' has 108 bytes, a socket's path has room for 107; choose a shorter one")
    let longest = String(long.dropLast())
    let listener = try UnixListener(path: longest, mode: 0o600)
    _ = try StreamConnection(unix: longest)
    withExtendedLifetime(listener) {}
  }

  @Test func `a missing directory is reported as such`() throws {
    let error = message { _ = try UnixListener(path: directory.path("no/s"), mode: 0o600) }
    #expect(
      error.hasSuffix(": No such file or directory; see that its directory exists and that the daemon may write to it"))
  }

  @Test func `a socket that another process put in place of ours isn't removed`() throws {
    let listener = try UnixListener(path: path, mode: 0o600)
    try makeStale()
    listener.close()
    #expect(status(path) != nil)
  }

  @Test func `of two daemons that start at the same moment only one gets the socket`() throws {
    let lock = try SocketPlace(path).lockDirectory()
    let error = message { _ = try UnixListener(path: path, mode: 0o600) }
    #expect(error.hasPrefix("socket '\(path)': another process is making a socket beside it: "))
    close(lock)
    let listener = try UnixListener(path: path, mode: 0o600)
    withExtendedLifetime(listener) {}
  }
}
