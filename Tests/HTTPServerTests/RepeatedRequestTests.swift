import TestSupport
import Testing

@testable import HTTPServer

@Suite struct RepeatedRequestTests {
  let harness: Harness
  let client: Client

  init() throws {
    harness = try Harness()
    client = try harness.connect()
    harness.handler.note = 7
  }

  /// Sends `requests` one by one and returns the notes that the handler got with them.
  private func notes(_ requests: [String], on client: Client) throws -> [Int?] {
    harness.handler.notes = []
    for request in requests { #expect(try harness.exchange(request, on: client) == Text.hello) }
    return harness.handler.notes
  }

  private static func get(_ target: String) -> String { "GET \(target) HTTP/1.1\r\nHost: x\r\n\r\n" }

  @Test func `a repeated request carries the handler's note, until another request comes`() throws {
    let (one, other) = (Self.get("/one"), Self.get("/other"))
    #expect(try notes([one, one, one, one], on: client) == [nil, nil, 7, 7])
    #expect(try notes([other, other, one, other, one], on: client) == [nil, 7, nil, nil, nil])
    #expect(harness.handler.requests.suffix(5) == ["other", "other", "one", "other", "one"])
  }

  @Test func `a request is the same only to its last byte`() throws {
    let short = Self.get("/a")
    _ = try notes([short, short, short], on: client)
    let others = [Self.get("/b"), Self.get("/aa"), short.replacing("Host: x", with: "Host: y")]
    for other in others {
      #expect(try notes([short, short, other], on: client).last == .some(nil))
      #expect(harness.handler.requests.last == (other == others[2] ? "a" : other.contains("aa") ? "aa" : "b"))
    }
  }

  @Test func `the same request in pieces, or pipelined, is answered each time`() throws {
    let request = Self.get("/one")
    _ = try notes([request, request, request], on: client)
    #expect(try harness.exchange(String(request.prefix(9)), on: client).isEmpty)
    #expect(
      try harness.exchange(String(request.dropFirst(9)) + request + request.prefix(20), on: client) == Text.hello
        + Text.hello)
    #expect(try harness.exchange(String(request.dropFirst(20)), on: client) == Text.hello)
    #expect(harness.handler.requests == Array(repeating: "one", count: 6))
  }

  @Test func `a request with percent-escapes is parsed each time`() throws {
    let escaped = Self.get("/%6Fne")
    #expect(try notes([escaped, escaped, escaped, escaped], on: client) == [nil, nil, nil, nil])
    #expect(harness.handler.requests == ["one", "one", "one", "one"])
  }

  @Test func `a long head is parsed each time`() throws {
    let long = Text.get.replacing("Host: x", with: "Host: \(String(repeating: "x", count: 600))")
    #expect(try notes([long, long, long], on: client) == [nil, nil, nil])
  }

  @Test func `the next client in the same slot carries no note`() throws {
    let request = Self.get("/one")
    #expect(try notes([request, request, request], on: client) == [nil, nil, 7])
    client.close()
    try harness.settle()
    #expect(try notes([request, request, request], on: try harness.connect()) == [nil, nil, 7])
  }

  @Test func `a request that is refused is refused each time`() throws {
    let request = Self.get("/one")
    _ = try notes([request, request, request], on: client)
    #expect(
      try harness.exchange(request.replacing("HTTP/1.1", with: "HTTP/1.7"), on: client).hasPrefix("HTTP/1.1 505 "))
    try harness.settle()
    #expect(client.hasEnded)
  }
}
