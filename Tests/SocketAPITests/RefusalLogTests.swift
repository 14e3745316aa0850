import Core
import HTTPServer
import Logs
import TestSupport
import Testing

@testable import SocketAPI

/// Which users are logged, and how often.
@Suite struct RefusalLogTests {
  private let clock = VirtualScheduler()
  private let lines = LogRecorder()
  private let log: RefusalLog

  init() throws {
    let sources = UserNames.Sources(local: { $0 == 1000 ? "anna" : "user\($0)" }, remote: { _ in nil })
    let callers = CallerLog(
      log: lines.log, names: try UserNames(scheduler: clock, sources: sources),
      program: { pid, _ in pid == 7 ? "/usr/bin/curl" : nil })
    log = try RefusalLog(scheduler: clock, callers: callers)
  }

  @Test func `a refused user is logged at once, and then summed up`() {
    let role = RoleName("uploader")!
    for _ in 0..<3 { log.note(.role(role), uid: 1000, pid: 7) }
    log.note(.connection(.userConnections), uid: 1001, pid: 8)
    #expect(
      lines.all == [
        "warning: request refused pid=7 program=/usr/bin/curl role=uploader uid=1000 user=anna",
        "warning: request refused pid=8 reason=user_connections uid=1001 user=user1001",
      ])
    clock.advance(by: .seconds(60))
    #expect(
      lines.all.dropFirst(2) == [
        "warning: more requests refused in the last minute count=2 role=uploader uid=1000 user=anna"
      ])
  }

  @Test func `an accept flood is logged, and again while it goes on`() {
    log.note(.acceptFlood, uid: 1000, pid: 7)
    log.note(.acceptFlood, uid: 1000, pid: 8)
    clock.advance(by: .seconds(60))
    #expect(
      lines.all == [
        "warning: accept flood: one user opens connections faster than they can be accepted pid=7 program=/usr/bin/curl uid=1000 user=anna",
        "warning: accept flood continues uid=1000 user=anna",
      ])
  }

  @Test func `a user refused for thousands of objects hides no other user`() {
    for number in 0..<2000 { log.note(.path("/\(number)"), uid: 1000, pid: 7) }
    #expect(lines.all.count == 1025)
    #expect(
      lines.all.last
        == "warning: further refused requests are counted, not logged one by one pid=7 program=/usr/bin/curl uid=1000 user=anna"
    )
    log.note(.connection(.malformed), uid: 1001, pid: 8)
    #expect(lines.all.last == "warning: request refused pid=8 reason=malformed uid=1001 user=user1001")
  }
}
