import Core
import RefreshBench
import Settings
import TestSupport
import Testing

@testable import SocketAPI
@testable import Refresh

/// What the journal says of a role, and that it says nothing that nobody has looked at.
@Suite struct ReportLogTests {
  private let recorder = LogRecorder()
  private let bench: Bench
  private let role: ManagedRole

  init() throws {
    bench = try Bench()
    role = bench.add("a")
  }

  private func log(_ report: RefreshReport) -> String {
    recorder.log.write(report, of: role, at: bench.now)
    return recorder.all.last ?? ""
  }

  private static let failure = Failure(.transient, code: "Connect", advice: "look")

  /// It said "keeping the credential there is" where there was none.
  @Test func `a failure says that a credential is kept only where there is one`() {
    let report = RefreshReport.failing(Self.failure, next: bench.now + .seconds(5))
    #expect(log(report).hasPrefix("warning: refresh failed, no valid credential"))
    bench.grantAll()
    #expect(log(report).hasPrefix("warning: refresh failed, keeping the current credential"))
  }

  /// It said next=0, as if there were none.
  @Test(arguments: [(0, 1), (1, 1), (999, 1), (1000, 1), (1001, 2), (29_500, 30)])
  func `the next attempt is a second away or more`(milliseconds: Int, seconds: Int) {
    let next = bench.now + .milliseconds(milliseconds)
    #expect(log(.failing(Self.failure, next: next)).contains(" next=\(seconds)"))
    #expect(
      log(.stillFailing(Self.failure, failures: 3, since: bench.now, next: next)).contains(" next=\(seconds)"))
  }

  /// It said that the refresh works again, for a role that had never had a session.
  @Test func `a role's first session after failures isn't said to work again`() {
    #expect(
      log(.recovered(failures: 3, since: bench.now, isFirst: true))
        .hasPrefix("notice: first session of the role fetched, after earlier failures"))
    #expect(log(.recovered(failures: 3, since: bench.now, isFirst: false)).hasPrefix("notice: refresh works again"))
  }

  @Test func `a credential that was refreshed is no news for who reads notices`() throws {
    bench.grantAll()
    let session = try #require(role.machine.freshest)
    #expect(log(.refreshed(session, generation: 1)).hasPrefix("info: credential refreshed"))
  }

  /// It was logged as reserved and as failed.
  @Test func `a reserved session that is shorter than asked for is logged as that`() {
    let less = Failure(.permanent, code: Failure.grantedLessCode, advice: "compare")
    #expect(log(.reservationFailed(less)).hasPrefix("warning: STS granted a shorter session than a reader asked for"))
    #expect(log(.reservationFailed(Self.failure)).hasPrefix("warning: longer session for a reader not fetched"))
  }

  // MARK: - The answer to a reader without a credential

  /// It said that a session was being fetched, whether or not one was.
  @Test func `a fetch is reported to a reader only while there is one`() throws {
    #expect(role.whyNothingIsValid(at: bench.now) == "a session is being fetched")
    bench.cloud.room = 1
    let other = bench.add("b")
    #expect(other.whyNothingIsValid(at: bench.now) == "the next attempt waits for its turn")
  }

  /// It said "STS: Connect", though STS had never been reached.
  @Test func `a reader learns what failed, and when it is tried again`() throws {
    bench.fail(bench.cloud.waiting[0], .permanent, code: "NoAccessKey")
    let said = role.whyNothingIsValid(at: bench.now)
    #expect(said.hasPrefix("the last attempt failed: NoAccessKey: look; the next attempt is in "))
    #expect(!said.contains("STS") && !said.contains("in 0s"))
  }
}
