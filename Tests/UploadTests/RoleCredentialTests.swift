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

  private func credential(wait: Duration = .zero, serverTime: @escaping () -> UTCTime?) throws -> RoleCredential {
    try RoleCredential(
      role: "uploader", client: LocalClient(path: daemon.path), loop: loop, wait: wait, serverTime: serverTime)
  }

  /// What is asked first: for a session that lives for the call, or for a refusal at once.
  private static let first = "/v1/roles/uploader/credentials?min_ttl=5&wait=0"
  /// For any session.
  private static let plain = "/v1/roles/uploader/credentials"

  /// Answers the request that waits at the daemon's socket, which has to be for `target`.
  private func answer(
    _ status: Int, _ body: String, to target: String = first, method: String = "GET"
  ) throws {
    try #require(isAsked)
    let connection = try daemon.takeConnection()
    defer { close(connection) }
    var room = [UInt8](repeating: 0, count: 4096)
    let count = read(connection, &room, room.count)
    try #require(count > 0)
    let request = String(decoding: room[..<count], as: UTF8.self)
    #expect(request.hasPrefix("\(method) \(target) HTTP/1.1\r\n") && request.hasSuffix("\r\n\r\n"), "\(request)")
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

  /// The target of a report on the session of `untilHalfPast`.
  private static let report = "/v1/roles/uploader/report?access_key_id=STS.1"

  /// The result of a request that reports the refused session first.
  private func requestAfterReport(
    _ credential: RoleCredential, reportStatus: Int = 200
  ) throws -> Result<String, RoleCredential.Failure> {
    var result: Result<String, RoleCredential.Failure>?
    credential.request { result = $0.map(\.key.id) }
    try answer(reportStatus, "{}", to: Self.report, method: "POST")
    try turn { isAsked || result != nil }
    try answer(200, Self.untilHalfPast)
    try turn { result != nil }
    return try #require(result)
  }

  /// Takes turns of the loop until `condition` holds.
  private func turn(until condition: () -> Bool) throws {
    for _ in 0..<100 where !condition() { _ = try loop.runOnce(timeout: .seconds(10)) }
    try #require(condition())
  }

  /// Whether a request waits at the daemon's socket.
  private var isAsked: Bool {
    var entry = pollfd(fd: daemon.descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, 0) == 1
  }

  private static let noSession = """
    {"type":"urn:rolekeeper:problem:no-valid-session","title":"t","status":503,"detail":"STS refused AssumeRole"}
    """

  /// A session that is about to expire is better than none.
  @Test(arguments: [true, false])
  func `where no session lives for the call, any session is asked for before the wait`(hasAny: Bool) throws {
    let credential = try credential { Self.midnight }
    var waits = 0
    credential.onWait = { _ in waits += 1 }
    var result: Result<String, RoleCredential.Failure>?
    credential.request { result = $0.map(\.key.id) }
    try answer(503, Self.noSession)
    try turn { isAsked || result != nil }
    try answer(hasAny ? 200 : 503, hasAny ? Self.untilHalfPast : Self.noSession, to: Self.plain)
    try turn { result != nil }
    #expect(result == (hasAny ? .success("STS.1") : .failure(.noCredential(reason: "STS refused AssumeRole"))))
    // Without a wait, nothing is asked again.
    #expect(waits == 0 && !isAsked)
  }

  @Test func `the next request asks for a session that lives for the call again`() throws {
    let credential = try credential { Self.midnight }
    var result: Result<String, RoleCredential.Failure>?
    credential.request { result = $0.map(\.key.id) }
    try answer(503, Self.noSession)
    try turn { isAsked || result != nil }
    try answer(503, Self.noSession, to: Self.plain)
    try turn { result != nil }
    #expect(try request(credential) == .success("STS.1"))
  }

  /// The program ends with 2 then (`End`).
  @Test(arguments: [Duration.zero, .milliseconds(20)])
  func `without a role, one that may be read is waited for, and the end is that there is none`(wait: Duration) throws {
    let credential = try RoleCredential(
      role: nil, client: LocalClient(path: daemon.path), loop: loop, wait: wait, serverTime: { Self.midnight })
    var result: Result<String, RoleCredential.Failure>?
    let began = loop.time
    credential.request { result = $0.map(\.key.id) }
    while result == nil {
      try answer(200, #"{"roles":[],"admin":false}"#, to: "/v1/roles")
      try turn { isAsked || result != nil }
    }
    #expect(result == .failure(.noRole) && loop.time - began >= wait)
  }

  /// No call was made any more whose answer had a better `Date`, and after --wait the daemon's credential was blamed: after one wrong
  /// `Date`, and always on a host whose clock was further ahead than sessions live.
  @Test func `a wrong time here doesn't make a good credential an expired one`() throws {
    var time: UTCTime? = UTCTime(seconds: Self.midnight.seconds + 3600)
    let credential = try credential { time }
    var doubts = 0
    credential.doubtServerTime = {
      doubts += 1
      time = nil
    }
    #expect(try request(credential) == .success("STS.1") && doubts == 1)
    #expect(credential.current?.key.id == "STS.1")
    // While there is no time in doubt nobody is asked about it.
    credential.discard(keyID: "STS.1")
    #expect(try requestAfterReport(credential) == .success("STS.1") && doubts == 1)
  }

  /// The daemon would hand out the dead session again. It checks a session at most once in 30 s.
  @Test(arguments: [200, 409])
  func `a session that the cloud refused is reported before another is asked for, once a minute`(status: Int) throws {
    let credential = try credential { Self.midnight }
    #expect(try request(credential) == .success("STS.1"))
    credential.discard(keyID: "STS.0")
    #expect(credential.current?.key.id == "STS.1")
    credential.discard(keyID: "STS.1")
    #expect(credential.current == nil)
    #expect(try requestAfterReport(credential, reportStatus: status) == .success("STS.1"))
    credential.discard(keyID: "STS.1")
    #expect(try request(credential) == .success("STS.1"))
  }

  @Test func `a report that gets no answer is followed by the question`() throws {
    let credential = try credential { Self.midnight }
    #expect(try request(credential) == .success("STS.1"))
    credential.discard(keyID: "STS.1")
    var result: Result<String, RoleCredential.Failure>?
    credential.request { result = $0.map(\.key.id) }
    close(try daemon.takeConnection())
    try turn { isAsked || result != nil }
    try answer(200, Self.untilHalfPast)
    try turn { result != nil }
    #expect(result == .success("STS.1"))
  }

  @Test func `a credential taken without a time is judged by the time that comes`() throws {
    var time: UTCTime?
    let credential = try credential { time }
    #expect(try request(credential) == .success("STS.1"))
    time = UTCTime(seconds: Self.midnight.seconds + 1795)
    #expect(credential.current?.key.id == "STS.1")
    time = UTCTime(seconds: Self.midnight.seconds + 1796)
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
