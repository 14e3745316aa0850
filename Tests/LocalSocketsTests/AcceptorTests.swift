import Core
import Glibc
import Systemd
import TestNeeds
import TestSupport
import Testing

@testable import LocalSockets

@Suite struct AcceptorTests {
  /// An acceptor, and whether its listener is to be watched.
  final class Watching {
    let loop: EventLoop
    let directory: TemporaryDirectory
    let acceptor: Acceptor
    private let watched: Flag

    final class Flag {
      var changes: [Bool] = []
    }

    var path: String { directory.path("s") }
    var changes: [Bool] { watched.changes }

    init() throws {
      loop = try EventLoop()
      directory = try TemporaryDirectory()
      let flag = Flag()
      watched = flag
      let listener = try UnixListener(path: directory.path("s"), mode: 0o666)
      acceptor = try Acceptor(loop, listener) { flag.changes.append($0) }
    }

    /// While `body` runs, the whole process can't open a descriptor.
    static func withoutDescriptors(_ body: () throws -> Void) rethrows {
      awaitDispatchDescriptors()
      var limit = rlimit()
      getrlimit(CInt(RLIMIT_NOFILE.rawValue), &limit)
      let before = limit.rlim_cur
      limit.rlim_cur = 0
      precondition(setrlimit(CInt(RLIMIT_NOFILE.rawValue), &limit) == 0)
      defer {
        limit.rlim_cur = before
        setrlimit(CInt(RLIMIT_NOFILE.rawValue), &limit)
      }
      try body()
    }

    func connect() throws -> StreamConnection { try StreamConnection(unix: path) }
  }

  @Test func `a connection comes with its peer`() throws {
    let watching = try Watching()
    #expect(!watching.acceptor.listener.hasConnection && watching.acceptor.accept() == nil)
    let client = try watching.connect()
    #expect(watching.acceptor.listener.hasConnection)
    let (descriptor, peer) = try #require(watching.acceptor.accept())
    defer { close(descriptor) }
    var groups = [gid_t](repeating: 0, count: 1024)
    groups.removeLast(1024 - Int(getgroups(1024, &groups)))
    #expect(peer.uid == geteuid() && peer.gid == getegid() && peer.pid == getpid())
    #expect(peer.groups.sorted() == groups.sorted())
    #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0 && fcntl(descriptor, F_GETFL) & O_NONBLOCK != 0)
    #expect(!watching.acceptor.isPaused && watching.changes == [])
    withExtendedLifetime(client) {}
  }

  @Test(.needs(.root)) func `another user is identified, with more groups than usual`() async {
    await #expect(processExitsWith: .success) {
      let watching = try Watching()
      let groups = (5000..<5100).map { gid_t($0) }
      precondition(setgroups(groups.count, groups) == 0)
      precondition(setegid(4712) == 0 && seteuid(4711) == 0)
      let client = try watching.connect()
      let accepted = watching.acceptor.accept()
      let peer = accepted?.peer
      precondition(peer?.uid == 4711 && peer?.gid == 4712 && peer?.groups == groups)
      // The listener is the peer of the other end.
      var reader = PeerReader()
      let listening = reader.peer(of: client.descriptor)
      precondition(listening?.uid == 0 && listening?.pid == getpid())
      precondition(seteuid(0) == 0)
    }
  }

  @Test func `without descriptors the listener isn't watched until a connection closes`() async {
    await #expect(processExitsWith: .success) {
      let watching = try Watching()
      var reported: [CInt] = []
      watching.acceptor.paused = { reported.append($0) }
      let client = try watching.connect()
      Watching.withoutDescriptors {
        precondition(watching.acceptor.accept() == nil)
        precondition(reported == [EMFILE] && watching.acceptor.isPaused && watching.changes == [false])
      }
      watching.acceptor.resume()
      while watching.acceptor.isPaused { try watching.loop.runOnce(timeout: .seconds(5)) }
      precondition(watching.changes == [false, true])
      precondition(watching.acceptor.accept() != nil && reported == [EMFILE])
      withExtendedLifetime(client) {}
    }
  }

  @Test func `a stopped acceptor doesn't watch its listener again`() async {
    await #expect(processExitsWith: .success) {
      let watching = try Watching()
      let client = try watching.connect()
      Watching.withoutDescriptors { precondition(watching.acceptor.accept() == nil && watching.acceptor.isPaused) }
      watching.acceptor.stop()
      watching.acceptor.resume()
      precondition(!watching.acceptor.isPaused && watching.changes == [false])
      withExtendedLifetime(client) {}
    }
  }
}
