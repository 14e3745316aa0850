import Core
import Glibc
import LocalSockets
import Systemd
import TestNeeds
import TestSupport
import Testing

@testable import HTTPServer

/// A server at a loopback address, whose listener doesn't know its peers.
@Suite(.serialized) struct LoopbackServerTests {
  private let loop: EventLoop
  private let handler = Harness.Handler()
  private let address: LoopbackAddress
  private let server: HTTPServer
  private let inquiry: CallerInquiry

  init() throws {
    loop = try EventLoop()
    address = TCPSocket.freeAddress()
    inquiry = try CallerInquiry()
    var limits = ServerLimits()
    limits.maximumConnections = 8
    limits.maximumConnectionsPerUID = 2
    limits.reservedConnections = 0
    server = try HTTPServer(loop, listener: LoopbackListener(address, inquiry), limits: limits, handler: handler)
    handler.server = server
  }

  private func settle() throws {
    while try loop.runOnce() {}
  }

  /// A client of another user, once it is connected: root may give its socket away.
  private func client(of uid: UInt32? = nil) throws -> TCPSocket {
    let client = try #require(TCPSocket(address))
    if let uid { #expect(fchown(client.descriptor, uid, gid_t.max) == 0) }
    return client
  }

  @Test func `the caller of a request is asked for while the request is answered`() throws {
    let client = try client()
    handler.onRequest = { [unowned server] token in
      Harness.response("\((try? server.callerUID(of: token).get()) ?? .max)")
    }
    client.send(Text.get)
    try settle()
    #expect(client.receiveNow().hasSuffix("\r\n\r\n\(geteuid())"))
    #expect(handler.peers == [.unidentified])
  }

  @Test func `a client that leaves behind its request is nobody`() throws {
    let client = try client()
    var answers: [Result<UInt32, CallerDoubt>] = []
    handler.onRequest = { [unowned server] token in
      answers.append(server.callerUID(of: token))
      return Harness.response("")
    }
    client.send(Text.get)
    client.close()
    try settle()
    #expect(answers == [.failure(.gone)])
  }

  /// With 2 connections for a user, and as many for all who aren't identified, one user has 4 of the 8, and others still get in.
  @Test(.needs(.root)) func `one user's connections keep no other user from an answer`() throws {
    var hostile: [TCPSocket] = []
    for _ in 0..<6 {
      hostile.append(try client(of: 61_002))
      try settle()
    }
    #expect(server.statistics.open == 4 && server.statistics.refused(.userConnections) == 2)
    #expect(handler.refusals.allSatisfy { $0.uid == 61_002 })
    #expect(hostile.last?.receiveNow().hasPrefix("HTTP/1.1 429 ") == true)
    let other = try client(of: 61_001)
    other.send(Text.get)
    try settle()
    #expect(other.receiveNow() == Text.hello)
  }

  @Test func `clients that have left make room`() throws {
    for _ in 0..<20 {
      let client = try client()
      try settle()
      client.close()
    }
    let client = try client()
    client.send(Text.get)
    try settle()
    #expect(client.receiveNow() == Text.hello)
  }

  /// They counted until they were answered, and kept their user out for as long.
  @Test func `clients that have left while they waited for an answer make room`() throws {
    handler.onRequest = { _ in nil }
    for _ in 0..<20 {
      let client = try client()
      client.send(Text.get)
      try settle()
      client.close()
    }
    try settle()
    handler.onRequest = { _ in Harness.response("hello") }
    let client = try client()
    client.send(Text.get)
    try settle()
    #expect(client.receiveNow().hasSuffix("\r\n\r\nhello"))
    #expect(handler.refusals.isEmpty && server.statistics.abandoned >= 16)
  }

  @Test(arguments: [
    ("Origin: http://evil.example", true), ("ORIGIN: null", true), ("origin:", true), ("Sec-Fetch-Site: none", true),
    ("sec-fetch-mode: no-cors", true), ("SEC-FETCH-DEST: empty", true), ("Sec-Fetch-: x", true),
    ("Sec-Fetch-Storage-Access: none", true), ("X-Origin: a", false), ("Origins: a", false), ("Sec-Fetch: a", false),
    ("Sec-GPC: 1", false), ("X: Origin: a", false), ("Referer: http://evil.example/", false),
  ])
  func `a request of a browser's page is recognised`(header: String, isFromBrowser: Bool) throws {
    for (before, after) in [("", "X: y\r\n"), ("Connection: close\r\n", "")] {
      let found = try Self.isFromBrowser("GET / HTTP/1.1\r\nHost: x\r\n\(before)\(header)\r\n\(after)\r\n")
      #expect(found == isFromBrowser)
    }
  }

  private static func isFromBrowser(_ text: String) throws(HeadRefusal) -> Bool {
    var bytes = Array(text.utf8)
    let fields = try parse(&bytes)
    return bytes.withUnsafeBufferPointer { RequestHead(fields, $0).isFromBrowser }
  }

  private static func parse(_ bytes: inout [UInt8]) throws(HeadRefusal) -> HeadFields {
    var span = bytes.mutableSpan
    return try HeadParser.parse(&span)
  }
}
