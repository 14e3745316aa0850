import Core
import Glibc
import LocalSockets
import Systemd
import TestSupport
import Testing

@testable import HTTPServer

@Suite struct ServingTests {
  let harness: Harness

  init() throws { harness = try Harness() }

  @Test func `a request is answered and the connection stays open`() throws {
    let client = try harness.connect()
    for _ in 0..<3 { #expect(try harness.exchange(Text.get, on: client) == Text.hello) }
    #expect(!client.isAtEnd)
    #expect(harness.server.statistics.open == 1)
    #expect(harness.server.statistics.requests == 3)
    client.close()
    try harness.settle()
    #expect(harness.server.statistics.open == 0)
  }

  /// For example because the socket's file was deleted.
  @Test func `another listener can replace the first, and open connections stay`() throws {
    let client = try harness.connect()
    #expect(try harness.exchange(Text.get, on: client) == Text.hello)
    #expect(harness.server.listener.isInPlace)
    unlink(harness.path)
    #expect(!harness.server.listener.isInPlace)
    try harness.server.listen(by: UnixListener(path: harness.path, mode: 0o600))
    #expect(harness.server.listener.isInPlace)
    #expect(try harness.exchange(Text.get, on: client) == Text.hello)
    #expect(try harness.exchange(Text.get, on: harness.connect()) == Text.hello)
  }

  @Test func `descriptors that a client sends are closed, and it and others are served on`() throws {
    // As before Linux 6.16, whose kernel doesn't refuse them.
    PassedDescriptor.permit(by: harness.server.listener.descriptor)
    let (client, other) = (try harness.connect(), try harness.connect())
    let pipe = PassedPipe()
    #expect(PassedDescriptor.send(pipe.writeEnd, with: Text.get, on: client.descriptor) == 0)
    // Half a request, which is kept until the rest comes.
    #expect(PassedDescriptor.send(pipe.writeEnd, with: "GET / HT", on: other.descriptor) == 0)
    pipe.closeWriteEnd()
    try harness.settle()
    #expect(client.receive() == Text.hello && pipe.hasEnded)
    #expect(try harness.exchange("TP/1.1\r\nHost: x\r\n\r\n", on: other) == Text.hello)
    #expect(try harness.exchange(Text.get, on: client) == Text.hello)
    #expect(try harness.exchange(Text.get, on: harness.connect()) == Text.hello)
  }

  @Test func `a connection's process is looked up once, and isn't known after its end`() throws {
    let client = try harness.connect()
    var found: [PeerProcess?] = []
    var tokens: [ResponseToken] = []
    harness.handler.onRequest = { [unowned harness] token in
      tokens.append(token)
      found.append(harness.server.process(of: token))
      harness.server.processes = PeerProcessReader(pidfd: { _ in -ESRCH })
      return Harness.response("hello")
    }
    for _ in 0..<2 { #expect(try harness.exchange(Text.get, on: client) == Text.hello) }
    #expect(found.count == 2 && found[0]?.program != nil && found[0] == found[1])
    #expect(try harness.exchange(Text.get, on: harness.connect()) == Text.hello)
    #expect(found.count == 3 && found[2] == nil, "another connection isn't taken for it")
    client.close()
    try harness.settle()
    #expect(harness.server.process(of: tokens[1]) == nil)
  }

  /// A client whose process is gone made the daemon look for it again for each role that names units.
  @Test func `a process that isn't found is looked for once for a request, and once for a stream`() throws {
    let client = try harness.connect()
    var looks = 0
    harness.server.processes = PeerProcessReader { _ in
      looks += 1
      return -ESRCH
    }
    var latest: ResponseToken?
    harness.handler.onRequest = { [unowned harness] token in
      latest = token
      for _ in 0..<10 { #expect(harness.server.process(of: token) == nil) }
      return looks == 3 ? nil : Harness.response("hello")
    }
    for _ in 0..<2 { #expect(try harness.exchange(Text.get, on: client) == Text.hello) }
    #expect(looks == 2)
    _ = try harness.exchange(Text.get, on: client)
    let stream = try #require(latest)
    #expect(harness.server.beginStream(stream, head: PlainBytes("HTTP/1.1 200 OK\r\n\r\n")))
    for _ in 0..<10 { #expect(harness.server.process(of: stream) == nil) }
    #expect(looks == 3)
  }

  @Test func `the peer is the one that the kernel reports`() throws {
    let client = try harness.connect()
    _ = try harness.exchange(Text.get, on: client)
    let peer = try #require(harness.handler.peers.first)
    var groups = [gid_t](repeating: 0, count: 1024)
    groups.removeLast(1024 - Int(getgroups(1024, &groups)))
    #expect(peer.uid == geteuid())
    #expect(peer.gid == getegid())
    #expect(peer.pid == getpid())
    #expect(peer.groups.sorted() == groups.sorted())
  }

  @Test(arguments: ["GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"])
  func `a client that asks for it gets Connection: close and is disconnected`(_ request: String) throws {
    let client = try harness.connect()
    #expect(try harness.exchange(request, on: client) == Text.helloAndClose)
    #expect(client.hasEnded)
    #expect(harness.server.statistics.open == 0)
  }

  @Test func `an answer to HEAD has no body`() throws {
    let client = try harness.connect()
    let answer = try harness.exchange("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", on: client)
    #expect(answer == "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
  }

  @Test func `a head may come byte by byte`() throws {
    let client = try harness.connect()
    for byte in Text.get.utf8 {
      #expect(client.receive().isEmpty)
      client.send([byte])
      try harness.settle()
    }
    #expect(client.receive() == Text.hello)
  }

  @Test func `a client that sends no more still gets its answer`() throws {
    let client = try harness.connect()
    client.send(Text.get)
    client.stopSending()
    try harness.settle()
    #expect(client.receive() == Text.hello)
    #expect(client.hasEnded)
  }

  @Test(arguments: [false, true])
  func `an answer is whole whatever its size, around the limit for one piece`(closes: Bool) throws {
    let request = closes ? Text.get.replacing("\r\n\r\n", with: "\r\nConnection: close\r\n\r\n") : Text.get
    for size in [0, 1] + (HTTPServer.largestJoined - 80...HTTPServer.largestJoined + 1) {
      let body = String(repeating: "x", count: size)
      harness.handler.answer = Harness.response(body)
      let close = closes ? "Connection: close\r\n" : ""
      let expected = "HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\(close)\r\n\(body)"
      #expect(try harness.exchange(request, on: try harness.connect()) == expected, "\(size) bytes")
    }
  }

  @Test func `a long head in pieces and what follows it are read to the end, though epoll reports once`() throws {
    let client = try harness.connect()
    let long = Text.get.replacing("Host: x", with: "Host: x\r\nX: \(String(repeating: "x", count: 6000))")
    client.send(String(long.prefix(10)))
    try harness.settle()
    client.send(String(long.dropFirst(10)) + Text.get)
    try harness.settle()
    #expect(client.receive() == Text.hello + Text.hello)
  }

  @Test func `a client that leaves with its request, whose answer is still to come, is noticed`() throws {
    let client = try harness.connect()
    client.send(Text.later)
    client.close()
    try harness.settle()
    #expect(harness.handler.deferred.count == 1 && harness.handler.abandonedTokens == harness.handler.deferred)
    #expect(harness.server.statistics.open == 0)
  }

  @Test func `the end of what a client sends is noticed when it came with a later request`() throws {
    let client = try harness.connect()
    #expect(try harness.exchange(Text.get, on: client) == Text.hello)
    client.send(Text.get)
    client.stopSending()
    try harness.settle()
    #expect(client.receive() == Text.hello && client.hasEnded)
  }

  @Test func `a client that leaves with a later request, whose answer is still to come, is noticed`() throws {
    let client = try harness.connect()
    #expect(try harness.exchange(Text.get, on: client) == Text.hello)
    client.send(Text.later)
    client.close()
    try harness.settle()
    #expect(harness.handler.abandonedTokens == harness.handler.deferred && harness.server.statistics.open == 0)
  }

  @Test func `thousands of pipelined requests are answered in order`() throws {
    let client = try harness.connect()
    var count = 0
    harness.handler.onRequest = { _ in
      count += 1
      return Harness.response("\(count)")
    }
    var toSend = Array(String(repeating: Text.get, count: 5000).utf8)[...]
    var received = ""
    while !toSend.isEmpty {
      toSend = toSend.dropFirst(max(0, client.send(Array(toSend.prefix(60_000)))))
      try harness.settle()
      received += client.receive()
    }
    try harness.settle()
    while case let text = client.receive(), !text.isEmpty {
      received += text
      try harness.settle()
    }
    let expected = (1...5000).map { "HTTP/1.1 200 OK\r\nContent-Length: \(String($0).count)\r\n\r\n\($0)" }.joined()
    #expect(received.utf8.count == expected.utf8.count)
    let isSame = received == expected
    #expect(isSame)
  }

  @Test func `nothing more is read from a client that reads no answers, and all are given when it does`() throws {
    harness.handler.answer = Harness.response(String(repeating: "x", count: 20_000))
    let client = try harness.connect()
    var sent = 0
    while case let count = client.send(Text.get), count > 0 {
      sent += count
      try harness.settle()
    }
    let served = harness.handler.requests.count
    #expect(served < sent / Text.get.utf8.count)
    var received = 0
    while case let text = client.receive(), !text.isEmpty {
      received += text.utf8.count
      try harness.settle()
    }
    #expect(harness.handler.requests.count == sent / Text.get.utf8.count)
    #expect(received % (20_000 + 42) == 0)
    #expect(received / (20_000 + 42) == sent / Text.get.utf8.count)
  }

  @Test func `a large last answer arrives whole, with its Connection: close`() throws {
    let body = String(repeating: "0123456789", count: 200_000)
    harness.handler.answer = Harness.response(body)
    let client = try harness.connect()
    client.send("GET / HTTP/1.0\r\n\r\n")
    var received = ""
    while !client.isAtEnd {
      try harness.settle()
      received += client.receive()
    }
    #expect(received == "HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\nConnection: close\r\n\r\n" + body)
  }

  @Test func `a client that vanishes in any state affects only its own request`() throws {
    for text in ["", "GET /", Text.get, Text.later, Text.get + Text.later + Text.get, "POST /later HTTP/1.1\r\n"] {
      let client = try harness.connect()
      client.send(text)
      client.close()
    }
    try harness.settle()
    #expect(harness.server.statistics.open == 0)
    #expect(try harness.exchange(Text.get, on: harness.connect()) == Text.hello)
  }

  struct Refused: CustomTestStringConvertible {
    let testDescription: String
    let text: String
    let status: String
    var rule = ""
  }

  @Test(arguments: [
    Refused(
      testDescription: "no host", text: "GET / HTTP/1.1\r\n\r\n", status: "400 Bad Request", rule: "one Host header"),
    Refused(
      testDescription: "an unknown method", text: "BREW / HTTP/1.1\r\nHost: x\r\n\r\n", status: "501 Not Implemented",
      rule: "there is no such method"),
    Refused(
      testDescription: "a method in small letters", text: "get / HTTP/1.1\r\nHost: x\r\n\r\n",
      status: "501 Not Implemented", rule: "in capital letters, such as GET"),
    Refused(
      testDescription: "a bare line feed", text: "GET /\n", status: "400 Bad Request", rule: "ends in CRLF"),
    Refused(
      testDescription: "two empty lines", text: "\r\n\r\n", status: "400 Bad Request", rule: "one empty line"),
    Refused(
      testDescription: "a body", text: "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n",
      status: "400 Bad Request", rule: "no body"),
    Refused(
      testDescription: "another version", text: "GET / HTTP/3.0\r\n\r\n", status: "505 HTTP Version Not Supported",
      rule: "HTTP/1.1"),
    Refused(
      testDescription: "a huge target", text: "GET /\(String(repeating: "a", count: 9000))",
      status: "431 Request Header Fields Too Large"),
    Refused(
      testDescription: "a huge header", text: "GET / HTTP/1.1\r\nX: \(String(repeating: "a", count: 8200))\r\n\r\n",
      status: "431 Request Header Fields Too Large"),
    Refused(
      testDescription: "options of the server", text: "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
      status: "405 Method Not Allowed"),
  ])
  func `a refused head is answered with a problem document that names the rule, and closed`(_ row: Refused) throws {
    let (text, status) = (row.text, row.status)
    let client = try harness.connect()
    let answer = try harness.exchange(text, on: client)
    #expect(answer.hasPrefix("HTTP/1.1 \(status)\r\nContent-Type: application/problem+json\r\n"))
    #expect(answer.contains(#""status":\#(status.prefix(3)),"#))
    #expect(answer.contains("Allow: GET, HEAD, POST\r\n") == status.hasPrefix("405"))
    let detail = answer.split(separator: "\"detail\":\"").last ?? ""
    #expect(row.rule.isEmpty || detail.contains(row.rule), "\(answer)")
    #expect(client.hasEnded)
    #expect(harness.handler.requests.isEmpty)
    client.close()
    try harness.settle()
    #expect(harness.server.statistics.open == 0)
    #expect(harness.server.connections.allSatisfy { $0.phase == .free })
  }

  @Test func `requests in front of a malformed one are answered`() throws {
    let client = try harness.connect()
    let answer = try harness.exchange(Text.get + Text.get + "nonsense\r\n\r\n" + Text.get, on: client)
    #expect(answer.hasPrefix(Text.hello + Text.hello + "HTTP/1.1 400 "))
    #expect(harness.handler.requests.count == 2)
  }

  @Test func `a handler may stop the server in the middle of a request`() throws {
    let client = try harness.connect()
    harness.handler.onRequest = { [unowned harness] _ in
      harness.server.stop()
      return Harness.response("too late")
    }
    // In two pieces, so that the request is in the connection's own buffer.
    #expect(try harness.exchange("GET / HT", on: client).isEmpty)
    #expect(try harness.exchange("TP/1.1\r\nHost: x\r\n\r\n" + Text.get, on: client).isEmpty)
    #expect(client.hasEnded)
    #expect(access(harness.path, F_OK) != 0)
  }
}
