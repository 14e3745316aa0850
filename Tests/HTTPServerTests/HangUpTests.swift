import Glibc
import Systemd
import TestSupport
import Testing

@testable import HTTPServer

/// Whoever has left counts for no limit, also when all of it was in the listener's queue at once and nobody has looked yet: of
/// programs that made a connection for each request, two thirds got 429 for connections they had closed.
@Suite struct HangUpTests {
  private func harness(_ change: (inout ServerLimits) -> Void) throws -> Harness {
    var limits = ServerLimits()
    change(&limits)
    return try Harness(limits)
  }

  @Test func `closed connections don't count for their user`() throws {
    let harness = try harness { $0.maximumConnectionsPerUID = 4 }
    for number in 0..<200 {
      let client = try harness.connect()
      // Who has sent a whole request is found gone when it is answered, and nobody else before its turn.
      client.send(number % 2 == 0 ? "GET / HT" : Text.get)
      client.close()
    }
    let last = try harness.connect()
    #expect(try harness.exchange(Text.get, on: last) == Text.hello)
    #expect(harness.handler.refusals.isEmpty)
    #expect(harness.handler.requests.count == 101)
    #expect(harness.server.statistics.open == 1)
  }

  @Test func `closed connections don't count for the whole`() throws {
    let harness = try harness {
      $0.maximumConnections = 4
      $0.reservedConnections = 0
    }
    for number in 0..<200 {
      let client = try harness.connect()
      if number % 2 == 0 { client.send("GET / HT") }
      client.close()
    }
    #expect(try harness.exchange(Text.get, on: harness.connect()) == Text.hello)
    #expect(harness.handler.refusals.isEmpty)
  }

  @Test func `a client that has shut down both directions is gone, one that only sends no more is not`() throws {
    let harness = try harness { $0.maximumConnectionsPerUID = 3 }
    let gone = try harness.connect()
    gone.send("GET / HT")
    shutdown(gone.descriptor, CInt(SHUT_RDWR))
    let halves = try (0..<3).map { _ in
      let client = try harness.connect()
      client.send(Text.later)
      client.stopSending()
      return client
    }
    let refused = try harness.connect()
    #expect(try harness.exchange(Text.get, on: refused).hasPrefix("HTTP/1.1 429 "))
    #expect(harness.handler.deferred.count == 3)
    for token in harness.handler.deferred { harness.server.complete(token, Harness.response("hello")) }
    try harness.settle()
    for client in halves { #expect(client.receive() == Text.hello) }
  }

  @Test func `a closed client's place isn't kept by a request that waits for its answer`() throws {
    let harness = try harness { $0.maximumConnectionsPerUID = 2 }
    for _ in 0..<20 {
      let client = try harness.connect()
      client.send(Text.later + Text.get)
      client.close()
    }
    #expect(try harness.exchange(Text.get, on: harness.connect()) == Text.hello)
    #expect(harness.handler.refusals.isEmpty)
    #expect(harness.handler.abandonedTokens.count == 20)
  }

  @Test func `clients that wait for an answer or read a stream free their places by leaving`() throws {
    let harness = try harness { $0.maximumConnectionsPerUID = 2 }
    let (waiting, streaming) = (try harness.connect(), try harness.connect())
    harness.handler.onRequest = { _ in nil }
    waiting.send(Text.get)
    try harness.settle()
    harness.handler.onRequest = { [unowned harness] in
      harness.server.beginStream($0, head: PlainBytes("HTTP/1.1 200 OK\r\n\r\n"))
      return nil
    }
    streaming.send(Text.get)
    try harness.settle()
    harness.handler.onRequest = nil
    let next = try (0..<2).map { _ in try harness.connect() }
    for client in next { client.send(Text.get) }
    waiting.close()
    streaming.close()
    try harness.settle()
    for client in next { #expect(client.receive() == Text.hello) }
    #expect(harness.handler.abandonedTokens.count == 2)
  }

  /// One that was ended for somebody's sake was ended again when its hang-up was reported: its slot was given to two clients.
  @Test func `a connection that is ended before its hang-up is reported is ended once`() throws {
    let harness = try harness { $0.maximumConnectionsPerUID = 2 }
    for _ in 0..<3 {
      let idle = try (0..<2).map { _ in try harness.connect() }
      for client in idle { #expect(try harness.exchange(Text.get, on: client) == Text.hello) }
      // The listener is ready first, and all three in one batch.
      let next = try harness.connect()
      next.send(Text.get)
      for client in idle { client.close() }
      try harness.settle()
      #expect(next.receive() == Text.hello)
      #expect(harness.server.statistics.open == 1)
      #expect(harness.server.connections.count(where: \.isCounted) == 1)
      #expect(Set(harness.server.freeSlots).count == harness.server.freeSlots.count)
      next.close()
      try harness.settle()
    }
    #expect(harness.server.statistics.open == 0 && harness.server.openByUID.isEmpty)
  }

  @Test func `a request left behind may stop the server while somebody else is let in`() throws {
    let harness = try harness { $0.maximumConnectionsPerUID = 1 }
    // Not read before its turn, since it comes behind another's.
    harness.handler.onRequest = { [unowned harness] _ in
      harness.server.stop()
      return nil
    }
    let first = try harness.connect()
    try harness.settle()
    first.send(Text.get)
    first.close()
    let second = try harness.connect()
    try harness.settle()
    #expect(second.isAtEnd)
  }

  @Test func `refused clients that have left take no place among those who read why`() throws {
    let harness = try harness {
      $0.maximumConnectionsPerUID = 1
      $0.maximumLingering = 2
    }
    let first = try harness.connect()
    try harness.settle()
    for _ in 0..<2 { try harness.connect().close() }
    let refused = try harness.connect()
    try harness.settle()
    // It hasn't been closed: what it sends breaks on nothing, and it reads why.
    #expect(refused.send(Text.get) > 0)
    #expect(refused.receive().hasPrefix("HTTP/1.1 429 "))
    withExtendedLifetime(first) {}
  }

  @Test func `who is refused beyond those that are kept reads why and the end, if it has sent its request`() throws {
    let harness = try harness {
      $0.maximumConnectionsPerUID = 1
      $0.maximumLingering = 0
    }
    let first = try harness.connect()
    try harness.settle()
    let (asking, silent) = (try harness.connect(), try harness.connect())
    asking.send(Text.get)
    try harness.settle()
    #expect(asking.receive().hasPrefix("HTTP/1.1 429 "))
    var byte: UInt8 = 0
    #expect(recv(asking.descriptor, &byte, 1, 0) == 0, "no ECONNRESET behind the answer")
    #expect(silent.send(Text.get) == -1 && errno == EPIPE)
    #expect(silent.receive().hasPrefix("HTTP/1.1 429 "))
    withExtendedLifetime(first) {}
  }
}
