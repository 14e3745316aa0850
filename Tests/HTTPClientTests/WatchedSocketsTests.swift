import Foundation
import Glibc
import Systemd
import TestSupport
import Testing

@testable import class HTTPClient.WatchedSockets

@Suite struct WatchedSocketsTests {
  /// The two ends of a stream, closed with the object.
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

  @Test func `ready sockets are returned one after the other, and again while they stay ready`() throws {
    let sockets = try WatchedSockets()
    let pairs = try (0..<16).map { _ in try Pair() }
    for pair in pairs {
      sockets.watch(pair.ends[0], .readable)
      pair.send()
    }
    let all = Set(pairs.map { $0.ends[0] })
    for _ in 0..<3 {
      var found: Set<CInt> = []
      for _ in pairs { if let (socket, events) = sockets.next(), events == .readable { found.insert(socket) } }
      #expect(found == all)
    }
  }

  @Test func `the events that a socket is watched for may change or end`() throws {
    let sockets = try WatchedSockets()
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

  @Test func `a descriptor number reused after an unreported close is watched for the new socket`() throws {
    let sockets = try WatchedSockets()
    let (old, new) = (try Pair(), try Pair())
    let number = old.ends[0]
    sockets.watch(number, .writable)
    // Closes the old socket, and gives its number to the new one.
    try #require(dup2(new.ends[0], number) == number)
    #expect(sockets.next() == nil)
    sockets.watch(number, .readable)
    #expect(sockets.next() == nil)
    new.send()
    let found = sockets.next()
    #expect(found?.socket == number && found?.events == .readable)
  }

  @Test
  func
    `the kernel keeps watching our sockets while libcurl doesn't wait for them, and reports them again when it does`()
    throws
  {
    let sockets = try WatchedSockets()
    let listener = try Listener()
    let client = try listener.connect(by: sockets)
    let accepted = listener.accept()
    defer { close(accepted) }
    sockets.watch(client, .writable)
    #expect(sockets.next()?.socket == client)
    sockets.forget(client)
    #expect(sockets.next() == nil)
    sockets.watch(client, .writable)
    #expect(sockets.next()?.socket == client)
    sockets.watch(client, .readable)
    #expect(sockets.next() == nil)
    #expect(sockets.close(client) == 0)
    // The number may belong to another test by now, so the closed socket is seen at the other end.
    var byte: UInt8 = 0
    #expect(SocketEnd.waitToRead(accepted) && recv(accepted, &byte, 1, CInt(MSG_DONTWAIT)) == 0)
    // Most likely with the same number.
    let other = try listener.connect(by: sockets)
    sockets.watch(other, .writable)
    #expect(sockets.next()?.socket == other)
    _ = sockets.close(other)
  }

  /// A listener to connect to.
  final class Listener {
    private let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    private var address = sockaddr_in()

    init() throws {
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
      try withAddress { address, size in
        try #require(bind(descriptor, address, size) == 0 && listen(descriptor, 4) == 0)
        var size = size
        try #require(getsockname(descriptor, address, &size) == 0)
      }
    }

    func connect(by sockets: WatchedSockets) throws -> CInt {
      let client = sockets.open(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
      try withAddress { try #require(Glibc.connect(client, $0, $1) == 0) }
      return client
    }

    func accept() -> CInt { Glibc.accept(descriptor, nil, nil) }

    private func withAddress(_ body: (UnsafeMutablePointer<sockaddr>, socklen_t) throws -> Void) rethrows {
      let size = socklen_t(MemoryLayout<sockaddr_in>.size)
      try withUnsafeMutablePointer(to: &address) { address in
        try address.withMemoryRebound(to: sockaddr.self, capacity: 1) { try body($0, size) }
      }
    }

    deinit { close(descriptor) }
  }

  @Test func `the epoll descriptor is readable while a socket is ready, and closed with its object`() throws {
    var descriptor: CInt = -1
    let pair = try Pair()
    do {
      let sockets = try WatchedSockets()
      descriptor = sockets.descriptor
      sockets.watch(pair.ends[0], .readable)
      var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      #expect(poll(&waiting, 1, 0) == 0)
      pair.send()
      #expect(poll(&waiting, 1, 0) == 1)
      #expect(try Self.watches(pair.ends[0], by: descriptor))
    }
    // The number may belong to another test by now, but not to one that watches this pair.
    #expect(try !Self.watches(pair.ends[0], by: descriptor))
  }

  /// Whether `descriptor` is an epoll instance that watches `socket`, by fdinfo's `tfd: N … ino:HEX` (proc(5)).
  private static func watches(_ socket: CInt, by descriptor: CInt) throws -> Bool {
    var status = stat()
    try #require(fstat(socket, &status) == 0)
    let mark = "ino:\(String(status.st_ino, radix: 16)) "
    let text = try? String(contentsOfFile: "/proc/self/fdinfo/\(descriptor)", encoding: .utf8)
    return text?.split(separator: "\n").contains { $0.hasPrefix("tfd:") && $0.contains(mark) } ?? false
  }
}
