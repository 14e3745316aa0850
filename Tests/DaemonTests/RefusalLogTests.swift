import Core
import HTTPServer
import Logging
import Synchronization
import Systemd
import Testing

@testable import Daemon

/// Who is named in the journal, and how often.
@Suite struct RefusalLogTests {
  /// What was logged: each line its phrase, then its fields in the order of their names.
  private final class Lines: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }

    func add(_ line: String) { lines.withLock { $0.append(line) } }
  }

  private struct Recorder: LogHandler {
    let lines: Lines
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      let fields = (event.metadata ?? [:]).sorted { $0.key < $1.key }
      lines.add(fields.reduce(into: "\(event.message)") { $0 += " \($1.key)=\($1.value)" })
    }
  }

  private let loop: EventLoop
  private let lines = Lines()
  private let log: RefusalLog

  init() throws {
    loop = try EventLoop()
    let logger = Logger(label: "test") { [lines] _ in Recorder(lines: lines) }
    let sources = UserNames.Sources(local: { $0 == 1000 ? "anna" : "user\($0)" }, remote: { _ in nil })
    let callers = CallerLog(
      logger: logger, names: try UserNames(loop: loop, sources: sources),
      program: { pid, _ in pid == 7 ? "/usr/bin/curl" : nil })
    log = try RefusalLog(loop: loop, logger: logger, callers: callers, interval: .milliseconds(10))
  }

  /// Turns the loop until so many lines are there.
  private func turn(until count: Int) throws {
    let end = EventLoop.bootTime() + 10_000_000
    while lines.all.count < count, EventLoop.bootTime() < end { try loop.runOnce(timeout: .milliseconds(100)) }
  }

  @Test func `who is refused is named at once, and then summed up`() throws {
    let role = RoleName("uploader")!
    for _ in 0..<3 { log.note(.role(role), uid: 1000, pid: 7) }
    log.note(.connection(.userConnections), uid: 1001, pid: 8)
    #expect(
      lines.all == [
        "refused pid=7 program=/usr/bin/curl role=uploader uid=1000 user=anna",
        "refused pid=8 reason=user_connections uid=1001 user=user1001",
      ])
    try turn(until: 3)
    #expect(lines.all.dropFirst(2) == ["refused again in the last minute count=2 role=uploader uid=1000 user=anna"])
  }

  @Test func `who fills the listener's queue is named, and again while it goes on`() throws {
    log.note(.crowding, uid: 1000, pid: 7)
    log.note(.crowding, uid: 1000, pid: 8)
    try turn(until: 2)
    #expect(
      lines.all == [
        "connects faster than connections are taken in pid=7 program=/usr/bin/curl uid=1000 user=anna",
        "goes on connecting faster than connections are taken in uid=1000 user=anna",
      ])
  }

  @Test func `a user who is refused at thousands of things hides nobody else`() throws {
    for number in 0..<2000 { log.note(.path("/\(number)"), uid: 1000, pid: 7) }
    #expect(lines.all.count == 1025)
    #expect(
      lines.all.last == "refused for too many roles and paths to list pid=7 program=/usr/bin/curl uid=1000 user=anna")
    log.note(.connection(.malformed), uid: 1001, pid: 8)
    #expect(lines.all.last == "refused pid=8 reason=malformed uid=1001 user=user1001")
  }
}
