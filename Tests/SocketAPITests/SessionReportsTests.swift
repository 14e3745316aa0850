import CloudAPI
import Core
import Logs
import Refresh
import RefreshBench
import SocketAPI
import TestSupport
import Testing
import Wire

/// Readers' reports of dead sessions, with a cloud whose answers the test gives.
@Suite struct SessionReportsTests {
  private let bench: Bench
  private let reports: SessionReports
  private let role: ManagedRole

  init() throws {
    let bench = try Bench()
    self.bench = bench
    reports = try SessionReports(
      scheduler: bench.scheduler, refresher: bench.refresher, log: LogRecorder().log)
    role = bench.add("a")
    bench.grantAll()
    bench.advance(.minutes(17))
    bench.grantAll()
  }

  private static func failure(_ code: String, _ kind: Failure.Kind = .permanent) -> Failure {
    Failure(kind, code: code, httpStatus: 400, advice: "look")
  }

  private final class Answers {
    var results: [SessionCheckResult] = []
  }

  @discardableResult
  private func report(_ id: String, into answers: Answers) -> Bool {
    reports.report(id, of: role) { answers.results.append($0) }
  }

  @Test func `a dead session is replaced by its standby in the same turn, before the answer`() throws {
    let inUse = try #require(role.current)
    var inUseWhenAnswered: String?
    let isHeld = reports.report(inUse.session.accessKeyID, of: role) { [role] result in
      #expect(result.result == .condemned && result.code == "InvalidAccessKeyId.NotFound")
      inUseWhenAnswered = role.current?.session.accessKeyID
    }
    #expect(isHeld)
    #expect(bench.cloud.checks.map(\.accessKeyID) == [inUse.session.accessKeyID])
    bench.cloud.answerCheck(.condemned(Self.failure("InvalidAccessKeyId.NotFound")))
    #expect(inUseWhenAnswered == "STS.1")
    #expect(role.current?.generation == inUse.generation.map { $0 + 1 })
    #expect(bench.cloud.waiting.count == 1, "a new session is fetched")
  }

  @Test func `the standby has its secrets`() throws {
    report("STS.2", into: Answers())
    bench.cloud.answerCheck(.condemned(Self.failure("InvalidSecurityToken.Expired")))
    let document = try #require(role.current?.document)
    document.withBytes { bytes in
      let text = bytes.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
      #expect(text.contains(#""AccessKeySecret":"secret1","SecurityToken":"token1""#))
    }
  }

  @Test func `a session that STS accepts stays`() throws {
    let answers = Answers()
    report("STS.2", into: answers)
    bench.cloud.answerCheck(.inUse)
    #expect(answers.results.map(\.result) == [.inUse])
    #expect(role.current?.session.accessKeyID == "STS.2" && bench.cloud.waiting.isEmpty)
  }

  @Test func `a session that couldn't be checked stays`() throws {
    let answers = Answers()
    report("STS.2", into: answers)
    bench.cloud.answerCheck(.unchecked(Self.failure("Throttling.User")))
    #expect(answers.results.map(\.result) == [.unchecked] && answers.results.first?.code == "Throttling.User")
    #expect(role.current?.session.accessKeyID == "STS.2" && bench.cloud.waiting.isEmpty)
    // The reason, and when another report leads to another check.
    #expect(answers.results.first?.advice?.isEmpty == false)
    #expect(answers.results.first?.retryAfter == .seconds(30))
    bench.advance(.milliseconds(9500))
    report("STS.2", into: answers)
    #expect(answers.results.last?.retryAfter == .seconds(21))
  }

  @Test func `of a session that couldn't be checked somebody else is notified, once, and of no other`() {
    var notes: [String] = []
    reports.unchecked = { notes.append("\($1) \($0)") }
    let answers = Answers()
    report("STS.2", into: answers)
    bench.cloud.answerCheck(.unchecked(Self.failure("Connect", .transient)))
    report("STS.2", into: answers)
    #expect(notes == ["a STS.2"])
    report("STS.1", into: answers)
    bench.cloud.answerCheck(.inUse)
    bench.advance(.seconds(31))
    report("STS.2", into: answers)
    bench.cloud.answerCheck(.condemned(Self.failure("InvalidAccessKeyId.NotFound")))
    #expect(notes == ["a STS.2"] && answers.results.count == 4)
  }

  @Test func `a session that isn't held isn't checked`() {
    let answers = Answers()
    #expect(!report("STS.77", into: answers) && !report("", into: answers))
    bench.add("b")
    bench.grantAll()
    #expect(!report("STS.3", into: answers), "another role's")
    #expect(bench.cloud.checks.isEmpty && answers.results.isEmpty)
  }

  @Test func `a session is checked at most once in 30 s, whoever reports it`() {
    let answers = Answers()
    for _ in 0..<3 { report("STS.2", into: answers) }
    #expect(bench.cloud.checks.count == 1 && answers.results.isEmpty)
    bench.cloud.answerCheck(.inUse)
    #expect(answers.results.count == 3)
    bench.advance(.seconds(29))
    report("STS.2", into: answers)
    #expect(answers.results.count == 4 && bench.cloud.checks.count == 1)
    bench.advance(.seconds(2))
    report("STS.2", into: answers)
    #expect(answers.results.count == 4 && bench.cloud.checks.count == 2)
  }

  /// The last result was repeated for 30 s, for a session that nobody had any more.
  @Test func `all reports during a check get its result, and then the session isn't held`() {
    let answers = Answers()
    for _ in 0..<2 { report("STS.2", into: answers) }
    bench.cloud.answerCheck(.condemned(Self.failure("InvalidAccessKeyId.NotFound")))
    #expect(answers.results.map(\.result) == [.condemned, .condemned])
    #expect(!report("STS.2", into: answers))
    report("STS.1", into: answers)
    bench.cloud.answerCheck(.inUse)
    // The pool of two has had two newer ones by then.
    for _ in 0..<2 {
      bench.grantAll()
      bench.refresher.send(.refreshRequested, to: role)
    }
    #expect(!report("STS.1", into: answers), "it was checked, but it isn't held any more")
    #expect(bench.cloud.checks.count == 2 && answers.results.count == 3)
  }

  @Test func `a check without an answer ends within ten seconds, and the session stays`() {
    let answers = Answers()
    report("STS.2", into: answers)
    bench.advance(.seconds(5))
    report("STS.2", into: answers)
    reports.endOverdueChecks()
    #expect(answers.results.isEmpty)
    bench.advance(.milliseconds(4100))
    reports.endOverdueChecks()
    #expect(answers.results.map(\.result) == [.unchecked, .unchecked])
    #expect(bench.cloud.cancelled == bench.cloud.checks.map(\.id))
    #expect(role.current?.session.accessKeyID == "STS.2")
  }

  @Test func `without a standby nothing is handed out until a new session is there`() {
    let answers = Answers()
    for id in ["STS.2", "STS.1"] {
      report(id, into: answers)
      bench.cloud.answerCheck(.condemned(Self.failure("InvalidAccessKeyId.NotFound")))
      bench.advance(.milliseconds(1))
    }
    #expect(role.current == nil)
    bench.grantAll()
    #expect(role.current?.generation == 4)
  }

  @Test func `a session that was replaced while it was checked changes nothing`() {
    let answers = Answers()
    report("STS.1", into: answers)
    bench.advance(.minutes(17))
    bench.grantAll()
    let inUse = role.current?.session.accessKeyID
    bench.cloud.answerCheck(.condemned(Self.failure("InvalidAccessKeyId.NotFound")))
    #expect(answers.results.map(\.result) == [.condemned])
    #expect(role.current?.session.accessKeyID == inUse && bench.cloud.waiting.isEmpty)
  }

  struct Verdict: CustomTestStringConvertible {
    let code: String
    let condemns: Bool

    var testDescription: String { code }
  }

  @Test(arguments: [
    Verdict(code: "InvalidAccessKeyId.NotFound", condemns: true),
    Verdict(code: "InvalidAccessKeyId.Inactive", condemns: true),
    Verdict(code: "InvalidSecurityToken.Expired", condemns: true),
    Verdict(code: "InvalidSecurityToken.MismatchWithAccessKey", condemns: true),
    Verdict(code: "InvalidSecurityTokenX", condemns: false),
    Verdict(code: "SignatureDoesNotMatch", condemns: false),
    Verdict(code: "InvalidTimeStamp.Expired", condemns: false),
    Verdict(code: "NoPermission", condemns: false),
    Verdict(code: "Throttling.User", condemns: false),
    Verdict(code: "InternalError", condemns: false),
    Verdict(code: "AnswerNotJSON", condemns: false),
  ])
  func `only an answer about the session itself condemns it`(_ row: Verdict) {
    let outcome = CheckOutcome(.refused(Self.failure(row.code)))
    if case .condemned = outcome { #expect(row.condemns) } else { #expect(!row.condemns) }
  }
}

/// Checks beside refreshes: they use what is left of the rate.
@Suite struct CheckRateTests {
  private func reports(_ bench: Bench) throws -> SessionReports {
    try SessionReports(
      scheduler: bench.scheduler, refresher: bench.refresher, log: LogRecorder().log)
  }

  @Test func `a check waits for a token behind the refreshes, and is given up if none comes`() throws {
    let bench = try Bench(rate: 0.1, burst: 2)
    let reports = try reports(bench)
    let role = bench.add("a")
    bench.grantAll()
    for name in ["b", "c", "d"] { bench.add(name) }
    #expect(bench.cloud.waiting.count == 1, "c and d wait for tokens")
    var results: [SessionCheckResult] = []
    let isHeld = reports.report("STS.1", of: role) { results.append($0) }
    #expect(isHeld)
    bench.advance(.seconds(9))
    reports.endOverdueChecks()
    #expect(bench.cloud.checks.isEmpty)
    #expect(results.map(\.result) == [.unchecked] && results.first?.checkedAt == nil)
    #expect(results.first?.advice?.contains("requests_per_second") == true && results.first?.retryAfter == nil)
    let isHeldStill = reports.report("STS.1", of: role) { results.append($0) }
    #expect(isHeldStill && results.count == 1, "it wasn't checked: it may be tried again")
  }

  /// The 30 s counted from the report, so they were over soon after a check that had to wait for its turn.
  @Test func `the 30 s count from the check`() throws {
    let bench = try Bench(rate: 0.5, burst: 2)
    let reports = try reports(bench)
    let role = bench.add("a")
    bench.grantAll()
    for name in ["b", "c", "d"] { bench.add(name) }
    var results: [SessionCheckResult] = []
    func report() { #expect(reports.report("STS.1", of: role) { results.append($0) }) }
    report()
    while bench.cloud.checks.isEmpty && bench.cloud.orders.count < 9 {
      bench.advance(.milliseconds(500))
      bench.grantAll()
    }
    let began = bench.now
    bench.cloud.answerCheck(.inUse)
    #expect(results.map(\.result) == [.inUse])
    while bench.now - began < .seconds(29) { bench.advance(.seconds(1)) }
    report()
    #expect(results.count == 2 && bench.cloud.checks.count == 1)
    bench.advance(.seconds(2))
    report()
    #expect(results.count == 2 && bench.cloud.checks.count == 2)
  }

  /// Each report was answered with `unchecked`.
  @Test func `a check gets its turn beside forty failing roles`() throws {
    let bench = try Bench(rate: 0.5, burst: 20)
    let reports = try reports(bench)
    let role = bench.add("a")
    bench.grantAll()
    for number in 1...40 { bench.add("bad\(number)") }
    func step() {
      bench.advance(.milliseconds(500))
      for id in bench.cloud.waiting { bench.fail(id, .permanent, code: "EntityNotExist.Role") }
    }
    for _ in 0..<400 where bench.refresher.rolesWithoutOutcome > 0 || bench.refresher.queued < 6 { step() }
    #expect(bench.refresher.rolesWithoutOutcome == 0 && bench.refresher.queued >= 6, "their retries wait")
    var results: [SessionCheckResult] = []
    let isHeld = reports.report("STS.1", of: role) { results.append($0) }
    #expect(isHeld)
    for _ in 0..<17 { step() }
    #expect(bench.cloud.checks.map(\.accessKeyID) == ["STS.1"])
    bench.cloud.answerCheck(.inUse)
    #expect(results.map(\.result) == [.inUse])
  }

  @Test func `at most four checks are under way at once`() throws {
    let bench = try Bench()
    let reports = try reports(bench)
    let roles = (1...6).map { bench.add("role\($0)") }
    bench.grantAll()
    let held = roles.enumerated().filter { number, role in reports.report("STS.\(number + 1)", of: role) { _ in } }
    #expect(held.count == 6)
    #expect(bench.cloud.checks.count == 4)
    bench.cloud.answerCheck(.inUse)
    #expect(bench.cloud.checks.count == 5)
  }
}
