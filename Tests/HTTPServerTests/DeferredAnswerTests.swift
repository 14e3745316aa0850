import Systemd
import Testing

@testable import HTTPServer

@Suite struct DeferredAnswerTests {
  let harness: Harness

  init() throws { harness = try Harness() }

  @Test func `an answer may come later, and pipelined requests wait for it`() throws {
    let client = try harness.connect()
    #expect(try harness.exchange(Text.later + Text.get + Text.get, on: client).isEmpty)
    #expect(harness.handler.requests == ["later"])
    harness.server.complete(harness.handler.deferred[0], Harness.response("now"))
    try harness.settle()
    let now = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnow"
    #expect(client.receive() == now + Text.hello + Text.hello)
    #expect(try harness.exchange(Text.get, on: client) == Text.hello)
  }

  @Test func `requests sent while an answer is due wait for it`() throws {
    let client = try harness.connect()
    #expect(try harness.exchange(Text.later, on: client).isEmpty)
    #expect(try harness.exchange(Text.get, on: client).isEmpty)
    harness.server.complete(harness.handler.deferred[0], Harness.response("hello"))
    try harness.settle()
    #expect(client.receive() == Text.hello + Text.hello)
  }

  @Test func `a client that sends no more still gets its late answer`() throws {
    let client = try harness.connect()
    client.send(Text.later)
    client.stopSending()
    try harness.settle()
    #expect(harness.handler.abandonedTokens.isEmpty)
    harness.server.complete(harness.handler.deferred[0], Harness.response("hello"))
    try harness.settle()
    #expect(client.receive() == Text.hello)
    #expect(client.hasEnded)
  }

  @Test func `a client that leaves is reported to the handler once, and its answer is dropped`() throws {
    let client = try harness.connect()
    _ = try harness.exchange(Text.later, on: client)
    client.close()
    try harness.settle()
    #expect(harness.handler.abandonedTokens == harness.handler.deferred)
    // The slot is another client's by now.
    let next = try harness.connect()
    _ = try harness.exchange(Text.later, on: next)
    harness.server.complete(harness.handler.deferred[0], Harness.response("wrong"))
    try harness.settle()
    #expect(next.receive().isEmpty)
    #expect(harness.server.statistics.abandoned == 1)
  }

  @Test func `only the first answer to a request counts`() throws {
    let client = try harness.connect()
    _ = try harness.exchange(Text.later, on: client)
    harness.server.complete(harness.handler.deferred[0], Harness.response("hello"))
    harness.server.complete(harness.handler.deferred[0], Harness.response("again"))
    try harness.settle()
    #expect(client.receive() == Text.hello)
  }

  @Test func `a handler may complete from within its call`() throws {
    let client = try harness.connect()
    harness.handler.onRequest = { [unowned harness] token in
      harness.server.complete(token, Harness.response("hello"))
      return nil
    }
    #expect(try harness.exchange(Text.get + Text.get, on: client) == Text.hello + Text.hello)
    for byte in Text.get.utf8 {
      client.send([byte])
      try harness.settle()
    }
    #expect(client.receive() == Text.hello)
  }

  @Test func `no deadline runs while the answer is pending`() throws {
    var limits = ServerLimits()
    (limits.headTime, limits.idleTime) = (.microseconds(1), .microseconds(1))
    let harness = try Harness(limits)
    let client = try harness.connect()
    _ = try harness.exchange(Text.later, on: client)
    // Another client's deadline passes meanwhile.
    let other = try harness.connect()
    try harness.turn { other.isAtEnd }
    #expect(!client.isAtEnd)
  }
}

@Suite struct StreamTests {
  private let head = PlainBytes("HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n")
  private let headAndClose = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n"
  let harness: Harness

  init() throws { harness = try Harness() }

  private func stream(_ request: String = Text.get) throws -> (client: Client, token: ResponseToken) {
    var found: ResponseToken?
    harness.handler.onRequest = { [unowned harness, head] token in
      harness.server.beginStream(token, head: head)
      found = token
      return nil
    }
    let client = try harness.connect()
    client.send(request)
    try harness.settle()
    return (client, try #require(found))
  }

  @Test func `a stream is sent piece by piece and ends with the connection`() throws {
    let (client, token) = try stream()
    #expect(client.receive() == headAndClose)
    #expect(harness.server.send(token, PlainBytes("one\n")))
    #expect(client.receive() == "one\n")
    #expect(harness.server.send(token, PlainBytes("two\n")))
    harness.server.finish(token)
    #expect(client.receive() == "two\n")
    #expect(client.hasEnded)
    #expect(!harness.server.send(token, PlainBytes("three\n")))
    #expect(harness.handler.abandonedTokens.isEmpty)
  }

  @Test func `a HEAD of a stream has its head and no body`() throws {
    var isStream: Bool?
    harness.handler.onRequest = { [unowned harness, head] token in
      isStream = harness.server.beginStream(token, head: head)
      return nil
    }
    let client = try harness.connect()
    client.send(Text.get.replacingMethod(with: "HEAD"))
    try harness.settle()
    #expect(isStream == false, "a handler would keep the token for ever")
    #expect(client.receive() == headAndClose)
    #expect(client.hasEnded)
  }

  @Test func `a stream's reader that leaves is reported to the handler`() throws {
    let (client, token) = try stream()
    client.close()
    try harness.settle()
    #expect(harness.handler.abandonedTokens == [token])
    #expect(!harness.server.send(token, PlainBytes("one\n")))
  }

  @Test func `a reader that has shut down sending still gets the stream`() throws {
    let (client, token) = try stream()
    client.stopSending()
    try harness.settle()
    #expect(harness.server.send(token, PlainBytes("one\n")))
    try harness.settle()
    #expect(client.receive() == headAndClose + "one\n")
    #expect(harness.handler.abandonedTokens.isEmpty)
  }

  @Test func `a reader 64 KiB behind is dropped, one that catches up isn't`() throws {
    let (slow, slowToken) = try stream()
    let (quick, quickToken) = try stream()
    let line = PlainBytes(String(repeating: "x", count: 9_999) + "\n")
    var sent = 0
    var received = ""
    while harness.server.send(slowToken, line) {
      sent += 1
      #expect(harness.server.send(quickToken, line))
      received += quick.receive()
      try harness.settle()
    }
    #expect(sent > 6)
    #expect(harness.server.statistics.refused(.laggingStream) == 1)
    #expect(harness.handler.abandonedTokens.isEmpty)
    #expect(slow.receive().utf8.count <= headAndClose.utf8.count + (sent + 1) * 10_000)
    #expect(slow.hasEnded)
    #expect(received.utf8.count == headAndClose.utf8.count + sent * 10_000)
  }

  @Test func `output that a slow reader hasn't taken is sent before the stream ends`() throws {
    let (client, token) = try stream()
    let line = PlainBytes(String(repeating: "x", count: 9_999) + "\n")
    var sent = 0
    while harness.server.connections[Int(token.slot)].outputSize < 30_000 {
      #expect(harness.server.send(token, line))
      sent += 1
    }
    harness.server.finish(token)
    var received = ""
    while !client.isAtEnd {
      received += client.receive()
      try harness.settle()
    }
    #expect(received.utf8.count == headAndClose.utf8.count + sent * 10_000)
  }

  @Test func `a stream requested with HEAD is only its head`() throws {
    let (client, _) = try stream("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(client.receive() == headAndClose)
    #expect(client.hasEnded)
  }
}

extension String {
  fileprivate func replacingMethod(with method: String) -> String { method + drop { $0 != " " } }
}

@Suite struct LongBodyTests {
  private let harness: Harness
  private let parts: [[UInt8]] = (0..<40).map { part in
    (0..<30_000).map { UInt8(truncatingIfNeeded: ($0 &* 7) ^ part) }
  }

  init() throws { harness = try Harness() }

  private func response() -> Response {
    let count = parts.reduce(0) { $0 + $1.count }
    return Response(
      head: PlainBytes("HTTP/1.1 200 OK\r\nContent-Length: \(count)\r\n\r\n"), body: PlainBytes(parts[0]),
      rest: parts.dropFirst().map { PlainBytes($0) })
  }

  private let head = "HTTP/1.1 200 OK\r\nContent-Length: 1200000\r\n\r\n"

  /// Everything that arrives while the loop has work.
  private func receive(_ client: Client) throws -> [UInt8] {
    var all: [UInt8] = []
    while true {
      try harness.settle()
      let more = client.receiveBytes()
      if more.isEmpty { return all }
      all += more
    }
  }

  @Test func `a body in parts arrives whole, and the connection goes on`() throws {
    harness.handler.answer = response()
    let client = try harness.connect()
    client.send(Text.get)
    #expect(try receive(client) == Array(head.utf8) + parts.joined())
    harness.handler.answer = Harness.response("hello")
    #expect(try harness.exchange(Text.get, on: client) == Text.hello)
  }

  @Test func `a body in parts may be the last answer and come later`() throws {
    let client = try harness.connect()
    client.send("GET /later HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    try harness.settle()
    harness.server.complete(harness.handler.deferred[0], response())
    let closing = "HTTP/1.1 200 OK\r\nContent-Length: 1200000\r\nConnection: close\r\n\r\n"
    #expect(try receive(client) == Array(closing.utf8) + parts.joined())
    #expect(client.hasEnded)
  }

  @Test func `a HEAD omits all parts`() throws {
    harness.handler.answer = response()
    let client = try harness.connect()
    #expect(try harness.exchange("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", on: client) == head)
  }

  @Test func `a large body in one part arrives whole`() throws {
    let whole = Array(parts.joined())
    harness.handler.answer = Response(head: PlainBytes(head), body: PlainBytes(whole))
    let client = try harness.connect()
    client.send(Text.get)
    #expect(try receive(client) == Array(head.utf8) + whole)
  }
}
