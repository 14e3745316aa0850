import Core
import Glibc
import LocalClient
import TestSupport
import Testing
import Wire

@testable import rolekeeper

/// How `exec` fetches the session of a rotation, with a test as the daemon and time as an argument.
@Suite struct SessionFetchTests {
  /// The messages.
  private final class Reports { var all: [String] = [] }

  private let directory: TemporaryDirectory
  private let socket: ListeningSocket
  private let reports = Reports()
  private let start = Timestamp(microseconds: 1_000_000_000)

  init() throws {
    directory = try TemporaryDirectory()
    socket = try ListeningSocket(directory.path("sock"))
  }

  private func fetch(minTTL: String? = nil) -> SessionFetch {
    let reports = self.reports
    return SessionFetch(LocalClient(path: socket.path), "a", minTTL: minTTL.flatMap { WrittenTime($0) }) {
      reports.all.append($0)
    }
  }

  private static let document =
    #"{"AccessKeyId":"STS.1","AccessKeySecret":"s","SecurityToken":"t","Expiration":"2026-01-02T04:04:05Z","LastUpdated":"2026-01-02T03:04:05Z"}"#

  private func document(_ problem: Problem.Kind) -> String {
    String(decoding: Problem(problem, detail: "too much", maxTTL: .seconds(3540)).rendered(), as: UTF8.self)
  }

  /// Answers the request that is under way; returns its target.
  private func answer(_ status: Int, _ body: String) throws -> String {
    let server = try socket.takeConnection()
    defer { close(server) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = read(server, &bytes, bytes.count)
    let answer = Array("HTTP/1.1 \(status) X\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)".utf8)
    #expect(send(server, answer, answer.count, 0) == answer.count)
    let words = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).split(separator: " ")
    return words.count > 1 ? String(words[1]) : ""
  }

  /// Makes the request that is due, and answers it.
  private func exchange(
    _ fetch: inout SessionFetch, at now: Timestamp, _ status: Int, _ body: String
  ) throws -> (target: String, id: String?) {
    let early = try fetch.step(at: now)
    #expect(early?.accessKeyID == nil)
    let target = try answer(status, body)
    return (target, try fetch.step(at: now)?.accessKeyID)
  }

  @Test func `a session is fetched when one is known of, and then nothing is due`() throws {
    var fetch = fetch()
    #expect(fetch.deadline == nil && fetch.descriptor == nil)
    fetch.begin(at: start)
    let (target, id) = try exchange(&fetch, at: start, 200, Self.document)
    #expect(target == "/v1/roles/a/credentials" && id == "STS.1")
    #expect(fetch.deadline == nil && fetch.descriptor == nil && reports.all.isEmpty)
  }

  /// With many commands of one user, each request got 429 for hours, and nothing was reported.
  @Test func `a daemon that can't serve for more than five seconds is reported once, and asked less often`() throws {
    var fetch = fetch()
    var (now, requests) = (start, 0)
    fetch.begin(at: now)
    while now - start < .minutes(5) {
      let (_, id) = try exchange(&fetch, at: now, 429, document(.tooManyReservations))
      let isEarly = now - start < .seconds(5)
      #expect(id == nil && reports.all.isEmpty == isEarly)
      requests += 1
      now = try #require(fetch.deadline)
    }
    #expect(requests < 40 && reports.all.count == 1)
    #expect(reports.all.first?.hasPrefix("role 'a': cannot fetch its new session: too much") == true)
    let (_, id) = try exchange(&fetch, at: now, 200, Self.document)
    #expect(id == "STS.1" && fetch.deadline == nil)
  }

  @Test func `a daemon that is known to be away is reported by the stream alone`() throws {
    unlink(socket.path)
    var fetch = fetch()
    var now = start
    fetch.begin(at: now)
    while now - start < .minutes(1) {
      _ = try fetch.step(at: now, isReachable: false)
      now = try #require(fetch.deadline)
    }
    #expect(reports.all.isEmpty)
  }

  /// The session after a rotation could be shorter than what the command had asked for.
  @Test func `the lifetime that was asked for is asked for again, and any session taken where there is none`() throws {
    var fetch = fetch(minTTL: "3h")
    for round in 0..<2 {
      fetch.begin(at: start)
      let (target, id) = try exchange(&fetch, at: start, 409, document(.tooLong))
      #expect(target == "/v1/roles/a/credentials?min_ttl=10800&wait=10" && id == nil && fetch.deadline == start)
      #expect(reports.all.count == 1, "round \(round)")
      let next = try exchange(&fetch, at: start, 200, Self.document)
      #expect(next.target == "/v1/roles/a/credentials" && next.id == "STS.1")
    }
    #expect(reports.all.first?.contains("'--min-ttl' is 3h, but at most 59min can be had") == true, "\(reports.all)")
    fetch.begin(at: start)
    let last = try exchange(&fetch, at: start, 200, Self.document)
    #expect(last.target.contains("min_ttl=10800"), "the next rotation may bring it again")
  }

  @Test func `a role that is gone is an error, and a request without an answer is made again`() throws {
    var fetch = fetch()
    fetch.begin(at: start)
    _ = try fetch.step(at: start)
    #expect(fetch.deadline == start + SessionFetch.longestAnswer && fetch.descriptor != nil)
    _ = try fetch.step(at: start + SessionFetch.longestAnswer)
    let next = try #require(fetch.deadline)
    #expect(fetch.descriptor == nil && next > start + SessionFetch.longestAnswer)
    close(try socket.takeConnection())
    _ = try fetch.step(at: next)
    _ = try answer(404, document(.notFound))
    #expect(throws: Refusal.self) { _ = try fetch.step(at: next) }
  }
}
