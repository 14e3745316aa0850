import Glibc
import Systemd
import TestSupport
import Testing

@testable import HTTPServer

/// Clients that have left count against no limit, even if all of them were in the listener's queue at once and none has been
/// handled yet: programs that opened a connection for each request got 429 for two thirds of them because of connections they had
/// closed.
@Suite struct HangUpTests {
  private func harness(_ change: (inout ServerLimits) -> Void) throws -> Harness {
    var limits = ServerLimits()
    change(&limits)
    return try Harness(limits)
  }

  @Test func `closed connections don't count against their user`() throws {
    let harness = try harness { $0.maximumConnectionsPerUID = 4 }
    for number in 0..<200 {
      let client = try harness.connect()
      // A departed client that sent a whole request is found when it is answered, any other one in its turn.
      client.send(number % 2 == 0 ? "GET / HT" : Text.get)
      client.close()
    }
    let last = try harness.connect()
    #expect(try harness.exchange(Text.get, on: last) == Text.hello)
    #expect(harness.handler.refusals.isEmpty)
    #expect(harness.handler.requests.count == 101)
    #expect(harness.server.statistics.open == 1)
  }

  @Test func `closed connections don't count against the total`() throws {
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

  @Test func `a client that shut down both directions is gone, one that shut down only sending isn't`() throws {
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

  @Test func `a waiting request doesn't keep the slot of a closed client`() throws {
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

  @Test func `clients that wait for an answer or read a stream free their slots by leaving`() throws {
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

  /// A connection that was ended to make room was ended again when its hang-up was reported, so its slot was given to two clients.
  @Test func `a connection ended before its hang-up is reported is ended only once`() throws {
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

  @Test func `the request of a departed client may stop the server while another is accepted`() throws {
    let harness = try harness { $0.maximumConnectionsPerUID = 1 }
    // Not read before its turn, since it comes behind another user's.
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
    #expect(second.hasEnded)
  }

  @Test func `refused clients that have left take no slot of those still reading the refusal`() throws {
    let harness = try harness {
      $0.maximumConnectionsPerUID = 1
      $0.maximumLingering = 2
    }
    let first = try harness.connect()
    try harness.settle()
    for _ in 0..<2 { try harness.connect().close() }
    let refused = try harness.connect()
    try harness.settle()
    // It hasn't been closed: its writes succeed, and it can read the reason.
    #expect(refused.send(Text.get) > 0)
    #expect(refused.receive().hasPrefix("HTTP/1.1 429 "))
    withExtendedLifetime(first) {}
  }

  @Test func `a client refused beyond the lingering limit reads the refusal if it has sent its request`() throws {
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
    #expect(SocketEnd.waitToRead(asking.descriptor))
    #expect(recv(asking.descriptor, &byte, 1, 0) == 0, "no ECONNRESET behind the answer")
    #expect(silent.send(Text.get) == -1 && errno == EPIPE)
    #expect(silent.receive().hasPrefix("HTTP/1.1 429 "))
    withExtendedLifetime(first) {}
  }
}
