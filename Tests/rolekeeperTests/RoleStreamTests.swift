import Core
import Glibc
import LocalClient
import TestSupport
import Testing
import Wire

@testable import rolekeeper

/// How `watch` and `exec` keep their stream of events, with a test as the daemon and time as an argument.
@Suite struct RoleStreamTests {
  /// The messages.
  private final class Reports { var all: [String] = [] }

  private let directory: TemporaryDirectory
  private let socket: ListeningSocket
  private let reports = Reports()
  private var stream: RoleStream
  private var now: Timestamp

  init() throws {
    directory = try TemporaryDirectory()
    socket = try ListeningSocket(directory.path("sock"))
    let reports = self.reports
    stream = RoleStream(LocalClient(path: socket.path), "a") { reports.all.append($0) }
    now = stream.deadline
  }

  private static let head = "HTTP/1.1 200 OK\r\n\r\n"

  private static func event(_ id: String, of role: String = "a") -> String {
    let event = RoleEvent(time: nil, kind: .snapshot, role: role, state: .valid, generation: 1, accessKeyID: id)
    return String(decoding: event.rendered(), as: UTF8.self)
  }

  /// Connects, and lets the daemon say `text`.
  private mutating func connect(saying text: String) throws -> CInt {
    _ = try stream.events(at: now)
    let server = try socket.takeConnection()
    say(text, server)
    return server
  }

  private func say(_ text: String, _ server: CInt) {
    let bytes = Array(text.utf8)
    #expect(send(server, bytes, bytes.count, 0) == bytes.count)
  }

  private mutating func ids() throws -> [String?] { try stream.events(at: now).map(\.accessKeyID) }

  @Test mutating func `events of the role are taken, and lines of others and heartbeats aren't`() throws {
    let server = try connect(saying: Self.head + Self.event("STS.1") + Self.event("STS.2", of: "b"))
    #expect(try ids() == ["STS.1"])
    say(#"{"time":null,"event":"heartbeat"}"# + "\n" + #"{"event":"later"}"# + "\n" + Self.event("STS.3"), server)
    #expect(try ids() == ["STS.3"] && reports.all.isEmpty)
    close(server)
  }

  @Test mutating func `a closed stream is opened again after a pause`() throws {
    let server = try connect(saying: Self.head + Self.event("STS.1"))
    #expect(try ids() == ["STS.1"])
    close(server)
    #expect(try ids() == [] && stream.descriptor == nil)
    #expect(stream.deadline >= now + .milliseconds(100) && stream.deadline <= now + .milliseconds(200))
    now = stream.deadline
    let next = try connect(saying: Self.head + Self.event("STS.2"))
    #expect(try ids() == ["STS.2"] && stream.brokenSince == nil)
    close(next)
  }

  @Test mutating func `a stream without even a heartbeat is opened again`() throws {
    let server = try connect(saying: Self.head + Self.event("STS.1"))
    #expect(try ids() == ["STS.1"] && stream.deadline == now + .seconds(90))
    now = now + .seconds(60)
    say(#"{"time":null,"event":"heartbeat"}"# + "\n", server)
    #expect(try ids() == [] && stream.deadline == now + .seconds(90))
    now = now + .seconds(90)
    #expect(try ids() == [] && stream.descriptor == nil && stream.brokenSince == now)
    close(server)
  }

  /// All streams end at once when the daemon is restarted.
  @Test func `watchers that have lost the daemon don't come back at once`() throws {
    unlink(socket.path)
    let pauses = try (0..<100).map { _ in
      var stream = RoleStream(LocalClient(path: socket.path), "a") { _ in }
      let now = stream.deadline
      _ = try stream.events(at: now)
      return stream.deadline - now
    }
    #expect(Set(pauses).count > 90 && pauses.allSatisfy { $0 >= .milliseconds(100) && $0 <= .milliseconds(200) })
  }

  @Test mutating func `a daemon that stays away is reported once`() throws {
    unlink(socket.path)
    let start = now
    while now - start < .seconds(60) {
      _ = try stream.events(at: now)
      now = stream.deadline
    }
    #expect(reports.all.count == 1)
    #expect(reports.all.first?.contains("there is no such socket") == true)
    #expect(reports.all.first?.hasSuffix("; still trying") == true && stream.brokenSince == start)
  }

  @Test mutating func `a role that is gone ends the stream, and a daemon that can't serve now doesn't`() throws {
    func refusal(_ kind: Problem.Kind) -> String {
      let body = String(decoding: Problem(kind, detail: "d").rendered(), as: UTF8.self)
      return "HTTP/1.1 \(kind.status) X\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }
    close(try connect(saying: refusal(.settingsUnusable)))
    #expect(try ids() == [] && stream.descriptor == nil)
    now = stream.deadline
    close(try connect(saying: refusal(.notFound)))
    #expect(throws: Refusal.self) { _ = try stream.events(at: now) }
  }
}
