import Glibc
import TestSupport
import Testing

@testable import LocalClient

@Suite struct TimeoutTests {
  @Test func `a request and a stream end in time when nothing is said`() throws {
    let directory = try TemporaryDirectory()
    let silent = try ListeningSocket(directory.path("silent"))
    let client = LocalClient(path: silent.path, timeout: .milliseconds(50))
    let expected = LocalClientError.silent(path: silent.path, timeout: .milliseconds(50))
    #expect(throws: expected) { _ = try client.request("GET", "/v1/roles") }
    #expect(throws: expected) { _ = try client.lines("/v1/events") }
  }

  @Test func `a queue that is full is silence too`() throws {
    let directory = try TemporaryDirectory()
    let silent = try ListeningSocket(directory.path("silent"), queue: 0)
    let held = try StreamConnection(unix: silent.path)
    let client = LocalClient(path: silent.path, timeout: .milliseconds(50))
    #expect(throws: LocalClientError.silent(path: silent.path, timeout: .milliseconds(50))) {
      _ = try client.request("GET", "/v1/roles")
    }
    withExtendedLifetime(held) {}
  }

  /// It held up a loop for as long as an answer may take.
  @Test func `whoever has a loop isn't kept waiting for a place in the queue`() throws {
    let directory = try TemporaryDirectory()
    let silent = try ListeningSocket(directory.path("silent"), queue: 0)
    let held = try StreamConnection(unix: silent.path)
    let client = LocalClient(path: silent.path, timeout: .seconds(3600))
    #expect(throws: LocalClientError.full(path: silent.path)) { try client.begin("/v1/roles") }
    withExtendedLifetime(held) {}
  }

  @Test func `an answer that comes in pieces is taken as it comes, and whoever has a loop doesn't wait for the rest`()
    throws
  {
    let directory = try TemporaryDirectory()
    let socket = try ListeningSocket(directory.path("slow"))
    let answer = try LocalClient(path: socket.path, timeout: .seconds(3600)).begin("/v1/roles")
    let server = try socket.takeConnection()
    defer { close(server) }
    let text = Array("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".utf8)
    for byte in text.dropLast() {
      #expect(send(server, [byte], 1, 0) == 1)
      #expect(try answer.read() == nil)
    }
    #expect(send(server, [text[text.count - 1]], 1, 0) == 1)
    let whole = try #require(try answer.read())
    #expect(whole.status == 200 && whole.head.field("content-length") == "5")
  }

  /// It ended the program: all of the announced length was allocated.
  @Test func `an answer that announces more than there is memory is read as far as it goes`() throws {
    let directory = try TemporaryDirectory()
    let socket = try ListeningSocket(directory.path("boastful"))
    let connection = try LocalConnection(
      path: socket.path, deadline: Deadline(after: .seconds(60)), timeout: .seconds(60))
    let server = try socket.takeConnection()
    let text = Array("HTTP/1.1 200 OK\r\nContent-Length: \(Int.max)\r\n\r\nhello".utf8)
    #expect(send(server, text, text.count, 0) == text.count)
    close(server)
    let head = try connection.readHead()
    #expect(head.contentLength == .max)
    #expect(throws: LocalClientError.cut(path: socket.path)) { _ = try connection.readBody(of: head) }
  }

  /// All of it was kept, some gigabytes.
  @Test(arguments: ["Content-Length: 9999999999", "Transfer-Encoding: chunked"])
  func `an answer that is larger than any of the daemon's isn't kept`(field: String) throws {
    let directory = try TemporaryDirectory()
    let socket = try ListeningSocket(directory.path("large"))
    let answer = try LocalClient(path: socket.path, timeout: .seconds(3600)).begin("/v1/roles")
    let server = try socket.takeConnection()
    defer { close(server) }
    let head = Array("HTTP/1.1 200 OK\r\n\(field)\r\n\r\n".utf8)
    #expect(send(server, head, head.count, 0) == head.count)
    let piece = [UInt8](repeating: 97, count: 16_384)
    var failure: LocalClientError?
    for _ in 0...PendingAnswer.longestBody / piece.count where failure == nil {
      #expect(send(server, piece, piece.count, 0) == piece.count)
      do throws(LocalClientError) { _ = try answer.read() } catch { failure = error }
    }
    #expect(failure == .malformed(path: socket.path))
  }

  @Test func `a connection that is refused while the daemon starts again is made when it listens`() throws {
    let directory = try TemporaryDirectory()
    let socket = try ListeningSocket(directory.path("restart"), queue: nil)
    var tries = 0
    let client = LocalClient(path: socket.path, timeout: .milliseconds(200)) {
      tries += 1
      if tries == 3 { try? socket.beginToListen() }
    }
    // It takes the connection then, and says nothing, which is another error than that nobody is there.
    #expect(throws: LocalClientError.silent(path: socket.path, timeout: .milliseconds(200))) {
      _ = try client.request("GET", "/v1/roles")
    }
    #expect(tries == 3)
  }

  /// A `get` after a crash failed: it was tried for as long as systemd waits before it starts the daemon again.
  @Test func `a daemon that left its socket behind is tried for longer than one that took it along`() throws {
    let directory = try TemporaryDirectory()
    let socket = try ListeningSocket(directory.path("crash"), queue: nil)
    let retries = LocalClient.Retries(restart: .zero, crash: .seconds(20))
    var tries = 0
    let crashed = LocalClient(path: socket.path, timeout: .milliseconds(200), retries: retries) {
      tries += 1
      if tries == 3 { try? socket.beginToListen() }
    }
    #expect(throws: LocalClientError.silent(path: socket.path, timeout: .milliseconds(200))) {
      _ = try crashed.request("GET", "/v1/roles")
    }
    let stopped = LocalClient(path: directory.path("none"), timeout: .seconds(20), retries: retries) { tries += 1 }
    #expect(throws: LocalClientError.absent(directory.path("none"))) {
      _ = try stopped.request("GET", "/v1/roles")
    }
    #expect(tries == 3)
  }

  @Test func `a daemon that isn't there is tried again, as long as the time-out allows`() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path("none")
    #expect(throws: LocalClientError.absent(path)) {
      _ = try LocalClient(path: path, timeout: .milliseconds(30)).request("GET", "/v1/roles")
    }
  }

  /// It was reported as a socket that nothing listens on.
  @Test func `a path without a socket is another error than a socket without a daemon`() {
    let (absent, silent) = (LocalClientError.absent("/x"), LocalClientError.notRunning("/x"))
    #expect("\(absent)".hasPrefix("socket '/x': there is no such socket; check 'systemctl status rolekeeper'"))
    #expect("\(silent)".hasPrefix("socket '/x': nothing listens there; check 'systemctl status rolekeeper'"))
    #expect(absent.mayBeRestart && silent.mayBeRestart)
  }

  @Test func `a deadline is reached no earlier than it says`() {
    let deadline = Deadline(after: .milliseconds(5))
    while deadline.leftMilliseconds > 0 { usleep(100) }
    #expect(deadline.hasPassed && deadline.left == .zero)
    #expect(Deadline(after: .seconds(-1)).hasPassed)
  }
}
