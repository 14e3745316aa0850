import Glibc
import LocalSockets
import Systemd
import TestSupport
import Testing

@testable import HTTPServer

/// The orderly end of a server: clients already connecting get an answer, and later ones wait for the next server.
@Suite struct DrainingTests {
  private let harness: Harness
  private let ends = Ends()

  private final class Ends {
    var count = 0
  }

  init() throws { harness = try Harness() }

  /// Begins draining; the span is so long that using it up would show as a hanging test.
  private func drain(within span: Duration = .seconds(3600)) {
    harness.server.drain(within: span) { [ends] in ends.count += 1 }
  }

  @Test func `without clients draining ends in a later turn, once`() throws {
    drain()
    drain()
    #expect(ends.count == 0)
    try harness.settle()
    #expect(ends.count == 1)
    #expect(access(harness.path, F_OK) != 0)
  }

  @Test func `clients in the listener's queue are answered, and no new ones can connect`() throws {
    let clients = try (0..<20).map { _ in try harness.connect() }
    for client in clients { client.send(Text.get) }
    drain()
    #expect(throws: LoopError.self) { try harness.connect() }
    try harness.settle()
    for client in clients { #expect(client.receive() == Text.helloAndClose && client.hasEnded) }
    #expect(ends.count == 1)
  }

  @Test func `a connection without a request yet gets an answer to its first one, and closes`() throws {
    let fresh = try harness.connect()
    let begun = try harness.connect()
    begun.send("GET / HT")
    try harness.settle()
    drain()
    try harness.settle()
    #expect(ends.count == 0 && fresh.isSilent && begun.isSilent)
    #expect(try harness.exchange(Text.get, on: fresh) == Text.helloAndClose)
    #expect(ends.count == 0)
    #expect(try harness.exchange(String(Text.get.dropFirst("GET / HT".count)), on: begun) == Text.helloAndClose)
    #expect(ends.count == 1)
  }

  @Test func `a kept-alive connection is closed at once, unless a request has already arrived`() throws {
    let idle = try harness.connect()
    let busy = try harness.connect()
    for client in [idle, busy] { #expect(try harness.exchange(Text.get, on: client) == Text.hello) }
    busy.send(Text.get + Text.get)
    drain()
    try harness.settle()
    #expect(idle.receive() == "" && idle.hasEnded)
    #expect(busy.receive() == Text.helloAndClose && busy.hasEnded)
    #expect(ends.count == 1)
  }

  @Test func `draining waits for deferred answers and ends streams`() throws {
    let waiting = try harness.connect()
    waiting.send(Text.later)
    let stream = try harness.connect()
    stream.send(Text.later)
    try harness.settle()
    let tokens = harness.handler.deferred
    #expect(tokens.count == 2 && harness.server.beginStream(tokens[1], head: PlainBytes("HTTP/1.1 200 OK\r\n\r\n")))
    _ = stream.receive()
    drain()
    try harness.settle()
    #expect(ends.count == 0 && stream.hasEnded && !waiting.isAtEnd)
    harness.server.complete(tokens[0], Harness.response("hello"))
    try harness.settle()
    #expect(waiting.receive() == Text.helloAndClose && waiting.hasEnded)
    #expect(ends.count == 1)
  }

  @Test func `an answer that the client reads slowly is sent to its end`() throws {
    let size = 4 << 20
    harness.handler.answer = Harness.response(String(repeating: "x", count: size))
    let client = try harness.connect()
    client.send(Text.get)
    try harness.settle()
    drain()
    var count = 0
    while !client.isAtEnd {
      count += client.receiveBytes(atMost: 1 << 16).count
      try harness.settle()
    }
    #expect(count > size && ends.count == 1)
  }

  @Test func `a silent client delays the end no longer than the draining time`() throws {
    let client = try harness.connect()
    try harness.settle()
    drain(within: .milliseconds(1))
    try harness.turn { ends.count == 1 }
    #expect(client.hasEnded)
  }

  @Test func `on an inherited socket later clients wait for the next server`() throws {
    let path = harness.directory.path("inherited")
    let held = try ListeningSocket(path, queue: 100)
    defer { withExtendedLifetime(held) {} }
    let socket = try InheritedSocket(held.descriptor)
    let first = try HTTPServer(harness.loop, listener: socket.listener(), handler: harness.handler)
    let early = try Client(path)
    early.send(Text.get)
    try harness.settle()
    #expect(early.receive() == Text.hello)
    first.drain(within: .seconds(3600)) { [ends] in ends.count += 1 }
    let late = try Client(path)
    late.send(Text.get)
    try harness.settle()
    #expect(ends.count == 1 && early.hasEnded && late.isSilent)
    let second = try HTTPServer(harness.loop, listener: socket.listener(), handler: harness.handler)
    try harness.settle()
    #expect(late.receive() == Text.hello)
    withExtendedLifetime((first, second)) {}
  }
}
