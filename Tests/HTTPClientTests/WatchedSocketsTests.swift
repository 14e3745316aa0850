import Glibc
import Systemd
import Testing

@testable import struct HTTPClient.WatchedSockets

@Suite struct WatchedSocketsTests {
  /// Two ends of a stream, closed in the end.
  final class Pair {
    let ends: [CInt]

    init() throws {
      var made: [CInt] = [0, 0]
      try #require(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &made) == 0)
      ends = made
    }

    func send() { _ = write(ends[1], "x", 1) }

    deinit { for end in ends { close(end) } }
  }

  @Test func `who is ready is told one after the other, and again while it stays so`() throws {
    var sockets = try WatchedSockets()
    let pairs = try (0..<16).map { _ in try Pair() }
    for pair in pairs {
      sockets.watch(pair.ends[0], .readable)
      pair.send()
    }
    let all = Set(pairs.map { $0.ends[0] })
    for _ in 0..<3 {
      var told: Set<CInt> = []
      for _ in pairs { if let (socket, events) = sockets.next(), events == .readable { told.insert(socket) } }
      #expect(told == all)
    }
  }

  @Test func `what a socket is watched for may change and end`() throws {
    var sockets = try WatchedSockets()
    let pair = try Pair()
    sockets.watch(pair.ends[0], .readable)
    #expect(sockets.next() == nil)
    sockets.watch(pair.ends[0], .writable)
    #expect(sockets.next()?.events == .writable)
    sockets.forget(pair.ends[0])
    #expect(sockets.next() == nil && sockets.all.isEmpty)
    sockets.forget(pair.ends[0])
    sockets.watch(pair.ends[0], [.readable, .writable])
    pair.send()
    #expect(sockets.next()?.events == [.readable, .writable])
  }

  @Test func `a number that comes back after a close nobody told of is watched for the new socket`() throws {
    var sockets = try WatchedSockets()
    let (old, new) = (try Pair(), try Pair())
    let number = old.ends[0]
    sockets.watch(number, .writable)
    // Closes the old socket, and gives its number to the new one.
    try #require(dup2(new.ends[0], number) == number)
    #expect(sockets.next() == nil)
    sockets.watch(number, .readable)
    #expect(sockets.next() == nil)
    new.send()
    let told = sockets.next()
    #expect(told?.socket == number && told?.events == .readable)
  }

  @Test func `its descriptor is readable while a socket is ready, and closed with it`() throws {
    var descriptor: CInt = -1
    do {
      var sockets = try WatchedSockets()
      descriptor = sockets.descriptor
      let pair = try Pair()
      sockets.watch(pair.ends[0], .readable)
      var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      #expect(poll(&waiting, 1, 0) == 0)
      pair.send()
      #expect(poll(&waiting, 1, 0) == 1)
    }
    #expect(fcntl(descriptor, F_GETFD) == -1)
  }
}
