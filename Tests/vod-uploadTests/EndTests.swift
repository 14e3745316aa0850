import Core
import Glibc
import Testing
import Upload

@testable import vod_upload

@Suite struct EndTests {
  private static let trouble = UploadResult.Trouble(error: "e", fix: "f")

  private static func counts(_ results: UploadResult...) -> ResultCounts {
    var counts = ResultCounts()
    for result in results { counts.count(result) }
    return counts
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let end: End
    var counts = EndTests.counts(.uploaded, .confirmed, .skipped(.hidden))
    var isWatching = false
    var leftUndone = false
    var couldWrite = true
    let status: Int32
    var testDescription: String { name }
  }

  @Test(arguments: [
    Case(name: "all uploaded", end: .finished, status: 0),
    Case(name: "no file at all", end: .finished, counts: counts(), status: 0),
    Case(name: "one failed", end: .finished, counts: counts(.uploaded, .failed(trouble)), status: 1),
    Case(name: "one not confirmed", end: .finished, counts: counts(.unconfirmed(trouble)), status: 1),
    Case(name: "stdout full", end: .finished, couldWrite: false, status: 1),
    Case(name: "interrupted", end: .signal(SIGINT), status: 130),
    Case(name: "terminated", end: .signal(SIGTERM), status: 143),
    Case(name: "hung up", end: .signal(SIGHUP), status: 129),
    Case(name: "a watch ends by a signal", end: .signal(SIGTERM), isWatching: true, status: 0),
    Case(
      name: "a watch with a failure ends by a signal", end: .signal(SIGTERM), counts: counts(.failed(trouble)),
      isWatching: true, status: 1),
    Case(
      name: "a watch ends before a file began", end: .signal(SIGINT), counts: counts(.notStarted), isWatching: true,
      leftUndone: true, status: 130),
    Case(name: "no daemon", end: .credential(.noDaemon(reason: "r")), counts: counts(.notStarted), status: 3),
    Case(name: "no daemon for a watch", end: .credential(.noDaemon(reason: "r")), isWatching: true, status: 3),
    Case(name: "no credential", end: .credential(.noCredential(reason: "r")), status: 4),
    Case(name: "no role", end: .credential(.noRole), status: 2),
    Case(name: "several roles", end: .credential(.severalRoles(["a", "b"])), status: 2),
    Case(name: "not one's role", end: .credential(.refused(reason: "r")), status: 4),
    Case(name: "journal broken", end: .broken("b", fix: "f"), status: 1),
  ])
  func `each end has its exit status`(_ row: Case) {
    let status = row.end.exitStatus(
      row.counts, isWatching: row.isWatching, leftUndone: row.leftUndone, couldWrite: row.couldWrite)
    #expect(status == row.status)
  }

  @Test func `a file in progress at the end is reported with the reason, and that the next run continues`() {
    #expect(End.finished.trouble() == nil)
    #expect(End.signal(SIGINT).trouble()?.error == "interrupted by SIGINT")
    #expect(End.signal(SIGTERM).trouble()?.fix == "run again; it goes on where it was")
    #expect(End.signal(SIGTERM).trouble(hasBegun: false)?.fix == "run again")
    #expect(End.credential(.noDaemon(reason: "r")).trouble(hasBegun: false)?.fix == "run again")
    let missing = End.credential(.noCredential(reason: "r"))
    #expect(missing.trouble(wait: .seconds(12))?.error == "no credential within 12s (--wait): r")
    #expect(missing.trouble(wait: .zero)?.error == "no credential: r")
    // Nobody waits for what waiting doesn't help.
    #expect(
      End.credential(.refused(reason: "r; ask")).trouble()
        == .init(error: "no credential: r; ask", fix: "run again after that"))
    let several = End.credential(.severalRoles(["reports", "uploader"])).trouble()
    #expect(several?.error == "there are several roles that you may read: reports, uploader")
    #expect(several?.fix == "name one of them with --role")
    #expect(End.credential(.noRole).trouble()?.error == "no credential: there is no role that you may read")
    #expect(End.broken("b", fix: "f").trouble() == .init(error: "b", fix: "f"))
  }
}

extension End {
  /// The same, after a minute of waiting at most.
  fileprivate func trouble(hasBegun: Bool = true) -> UploadResult.Trouble? {
    trouble(hasBegun: hasBegun, wait: .minutes(1))
  }

  fileprivate func trouble(wait: Duration) -> UploadResult.Trouble? { trouble(hasBegun: true, wait: wait) }
}
