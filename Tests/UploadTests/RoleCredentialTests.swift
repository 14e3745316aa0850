import CloudAPI
import Core
import Glibc
import LocalClient
import Systemd
import TestSupport
import Testing

@testable import Upload

@Suite struct RoleCredentialTests {
  private let loop: EventLoop
  private let directory: TemporaryDirectory
  /// What the daemon's socket is, without a daemon.
  private let daemon: ListeningSocket

  init() throws {
    loop = try EventLoop()
    directory = try TemporaryDirectory()
    daemon = try ListeningSocket(directory.path("s"))
  }

  private static let midnight = UTCTime(seconds: 1_767_225_600)
  private static let untilHalfPast = """
    {"AccessKeyId":"STS.1","AccessKeySecret":"a","SecurityToken":"b","Expiration":"2026-01-01T00:30:00Z",
     "LastUpdated":"2026-01-01T00:00:00Z"}
    """

  private func credential(wait: Duration = .zero, serverTime: @escaping () -> UTCTime) throws -> RoleCredential {
    try RoleCredential(
      role: "uploader", client: LocalClient(path: daemon.path), loop: loop, wait: wait, serverTime: serverTime)
  }

  /// Answers the request that waits at the daemon's socket.
  private func answer(_ status: Int, _ body: String) throws {
    let connection = try daemon.takeConnection()
    defer { close(connection) }
    var room = [UInt8](repeating: 0, count: 4096)
    try #require(read(connection, &room, room.count) > 0)
    let text = "HTTP/1.1 \(status) X\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    try #require(write(connection, text, text.utf8.count) == text.utf8.count)
  }

  /// The result of a request that gets this answer.
  private func request(
    _ credential: RoleCredential, _ status: Int = 200, _ body: String = untilHalfPast
  ) throws -> Result<String, RoleCredential.Failure> {
    var result: Result<String, RoleCredential.Failure>?
    credential.request { result = $0.map(\.key.id) }
    try answer(status, body)
    for _ in 0..<100 where result == nil { _ = try loop.runOnce(timeout: .seconds(10)) }
    return try #require(result)
  }

  /// No call was made any more whose answer had a better `Date`, and after --wait the daemon's credential was blamed.
  @Test func `one wrong time of the server's doesn't make a good credential an expired one`() throws {
    var error: Int64 = 3600
    let credential = try credential { UTCTime(seconds: Self.midnight.seconds + error) }
    var doubts = 0
    credential.doubtServerTime = {
      doubts += 1
      error = 0
    }
    #expect(try request(credential) == .success("STS.1") && doubts == 1)
    #expect(credential.current?.key.id == "STS.1")
    // While the time is in no doubt nobody is asked about it.
    credential.discard(keyID: "STS.1")
    #expect(try request(credential) == .success("STS.1") && doubts == 1)
  }

  @Test func `a credential that this host's time finds expired as well is none`() throws {
    let credential = try credential { UTCTime(seconds: Self.midnight.seconds + 3600) }
    credential.doubtServerTime = {}
    #expect(try request(credential) == .failure(.noCredential(reason: "the daemon's credential has expired")))
    #expect(credential.current == nil)
  }

  /// It gave up a second before the end.
  @Test func `until the wait is over it goes on, and tries a last time then`() throws {
    let wait = Duration.milliseconds(20)
    let credential = try RoleCredential(
      role: "uploader", client: LocalClient(path: directory.path("none")), loop: loop, wait: wait,
      serverTime: { Self.midnight })
    var waits = 0
    credential.onWait = { _ in waits += 1 }
    var result: Result<String, RoleCredential.Failure>?
    let began = loop.time
    credential.request { result = $0.map(\.key.id) }
    for _ in 0..<100 where result == nil { _ = try loop.runOnce(timeout: .seconds(10)) }
    guard case .failure(.noDaemon)? = result else { return #expect(Bool(false)) }
    #expect(waits == 1 && loop.time - began >= wait)
  }

  @Test func `a role that doesn't exist isn't waited for, and comes with the name that was probably meant`() throws {
    let credential = try credential(wait: .seconds(60)) { Self.midnight }
    let problem = """
      {"type":"urn:rolekeeper:problem:not-found","title":"t","status":404,"detail":"d"
      """
    let end = "'rolekeeper status' lists those that you may read"
    #expect(
      try request(credential, 404, problem + #","did_you_mean":"uploads"}"#)
        == .failure(.refused(reason: "there is no role 'uploader'; did you mean 'uploads'? \(end)")))
    #expect(
      try request(credential, 404, problem + "}")
        == .failure(.refused(reason: "there is no role 'uploader'; \(end)")))
  }
}
