import Core
import Glibc
import TestSupport
import Testing

@testable import LocalSockets

/// A socket that a service manager has created and passed on, as its unit defines it.
@Suite struct InheritedSocketTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private var path: String { directory.path("api.sock") }

  private func mode() -> UInt32? {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode & 0o7777 : nil
  }

  /// A listening socket at the path as a parent process may pass it on: blocking, and inherited by programs.
  private func made(listening: Bool = true, kind: __socket_type = SOCK_STREAM) -> CInt {
    let descriptor = socket(AF_UNIX, CInt(kind.rawValue), 0)
    #expect(bind(descriptor, to: path))
    chmod(path, 0o640)
    if listening { #expect(listen(descriptor, 5) == 0) }
    return descriptor
  }

  /// Without a path the kernel assigns an abstract name (unix(7), autobind).
  private func bind(_ descriptor: CInt, to path: String?) -> Bool {
    guard let path else { return UnixAddress(abstract: nil).bind(descriptor) == 0 }
    return (try? UnixAddress(path: path).bind(descriptor)) == 0
  }

  @Test func `an inherited socket works like our own, and knows its path`() throws {
    let listener = try InheritedSocket(made()).listener()
    #expect(listener.path == path && listener.isInherited)
    #expect(fcntl(listener.descriptor, F_GETFD) & FD_CLOEXEC != 0)
    #expect(fcntl(listener.descriptor, F_GETFL) & O_NONBLOCK != 0)
    #expect(!listener.hasConnection)
    let client = try StreamConnection(unix: path)
    guard case .connection(let descriptor, let peer) = listener.accept() else {
      Issue.record("nobody has connected")
      return
    }
    #expect(peer.uid == geteuid())
    close(descriptor)
    withExtendedLifetime(client) {}
  }

  @Test func `an inherited socket's file and mode are left alone, also when it is closed`() throws {
    let listener = try InheritedSocket(made()).listener()
    let descriptor = listener.descriptor
    try listener.setAccess(mode: 0o666, gid: nil)
    #expect(mode() == 0o640)
    listener.close()
    #expect(mode() == 0o640)
    #expect(listener.descriptor == -1 && descriptor >= 0)
  }

  @Test func `a server can replace another on the same socket, and clients that connect in between wait`() throws {
    let socket = try InheritedSocket(made())
    #expect(socket.access.map { $0.mode } == 0o640 && socket.access.map { $0.gid } == getegid())
    try socket.listener().close()
    let client = try StreamConnection(unix: path)
    let second = try socket.listener()
    #expect(second.hasConnection)
    withExtendedLifetime(client) {}
  }

  @Test func `an abstract socket has no path`() throws {
    let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
    #expect(bind(descriptor, to: nil) && listen(descriptor, 5) == 0)
    let socket = try InheritedSocket(descriptor)
    #expect(try socket.path == "" && socket.access == nil && socket.listener().path == "")
  }

  @Test func `any other descriptor is refused, and remains its owner's`() throws {
    let file = open(try directory.write("x", to: "file"), O_RDONLY)
    let internet = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    #expect(listen(internet, 5) == 0)
    let silent = made(listening: false)
    unlink(path)
    let datagrams = made(listening: false, kind: SOCK_DGRAM)
    for descriptor in [file, internet, silent, datagrams] {
      let expected =
        "inherited descriptor \(descriptor) isn't a listening Unix stream socket; "
        + "give the socket unit a path in ListenStream=, and Accept=no"
      #expect {
        _ = try InheritedSocket(descriptor)
      } throws: {
        "\($0)" == expected
      }
      #expect(close(descriptor) == 0)
    }
    let message = #expect(throws: ListenError.self) { _ = try InheritedSocket(-1) }
    #expect(message?.why.contains("descriptor -1") == true)
  }
}
