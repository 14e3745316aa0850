import Glibc
import TestSupport
import Testing

@testable import LocalClient

/// Streams of lines for programs with a loop.
@Suite struct PendingStreamTests {
  private let directory: TemporaryDirectory
  private let socket: ListeningSocket
  private let pending: PendingStream
  private let server: CInt

  init() throws {
    directory = try TemporaryDirectory()
    socket = try ListeningSocket(directory.path("sock"))
    pending = try LocalClient(path: socket.path, timeout: .seconds(3600)).beginLines("/v1/events")
    server = try socket.takeConnection()
  }

  private func say(_ text: String) {
    let bytes = Array(text.utf8)
    #expect(send(server, bytes, bytes.count, 0) == bytes.count)
  }

  @Test func `a stream is there when its head is, and its lines when they are complete`() throws {
    #expect(try pending.read() == nil)
    say("HTTP/1.1 200 OK\r\nContent-Type: x\r")
    #expect(try pending.read() == nil)
    // The first lines may come with the head.
    say("\n\r\none\ntw")
    guard case .open(let stream) = try pending.read() else {
      Issue.record("the stream isn't open")
      return
    }
    #expect(try stream.arrived() == ["one"] && stream.arrived() == [])
    say("o\nthree\n")
    #expect(try stream.arrived() == ["two", "three"])
    close(server)
    #expect(throws: LocalClientError.cut(path: socket.path)) { try stream.arrived() }
  }

  @Test func `a refusal comes with its whole body`() throws {
    say("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n{")
    #expect(try pending.read() == nil)
    say("}")
    guard case .refused(let answer) = try pending.read() else {
      Issue.record("no answer")
      return
    }
    #expect(answer.status == 403 && answer.body.text == "{}")
    close(server)
  }

  @Test func `the end of the connection before the head is an error that a restart causes`() throws {
    close(server)
    let expected = LocalClientError.ended(path: socket.path)
    #expect(throws: expected) { try pending.read() }
    #expect(expected.mayBeRestart)
  }
}
