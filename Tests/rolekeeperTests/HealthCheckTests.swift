import Core
import Testing
import Wire

@testable import rolekeeper

@Suite struct HealthCheckTests {
  private func role(_ name: String, _ state: RoleState, source: RoleSource? = nil) -> RoleStatus {
    RoleStatus(name: name, state: state, source: source)
  }

  private static let failing = RoleSource(
    name: "main", state: .keyNotTaken,
    error: LastError(
      Failure(.permanent, code: "InvalidAccessKeyId.NotFound", advice: "put a good key there"), since: nil))

  @Test func `what is wrong with the source of two roles is one reason, and degrades both`() {
    let health = HealthCheck.health(of: [
      role("a", .valid, source: Self.failing), role("b", .valid, source: Self.failing),
    ])
    #expect(health.status == .degraded)
    #expect(
      health.reasons.map(\.detail) == [
        "source 'main': new AccessKey not taken, the old one signs: InvalidAccessKeyId.NotFound: put a good key there"
      ])
  }

  /// A new key's error read as if the key in use had failed.
  @Test(arguments: SourceState.allCases)
  func `what is wrong with a source says which key it is about`(_ state: SourceState) throws {
    var source = Self.failing
    source.state = state
    let trouble = try #require(source.trouble)
    #expect(trouble.contains("new AccessKey") == (state == .keyNotTaken))
    #expect(trouble.contains("the AccessKey in use") == (state == .refused))
    let detail = RoleDetail.render(
      role("a", .valid, source: source), on: Terminal(width: nil, wantsColours: false), userName: { "\($0)" })
    #expect(detail.contains("new AccessKey: InvalidAccessKeyId.NotFound") == (state == .keyNotTaken))
    let table = StatusTable.render(
      [role("a", .valid, source: source)], report: nil, on: Terminal(width: nil, wantsColours: false),
      userName: { "\($0)" })
    #expect(table.contains(trouble) == (state != .working))
  }

  /// "… keep one for all requests try again in 1s".
  @Test func `what has several lines is one sentence`() {
    let problem = Problem(.tooManyReservations, detail: "close some or keep one", retryAfter: .seconds(1))
    let text = "\(Refusal(problem, httpStatus: 429))"
    #expect(HealthCheck.oneLine(text) == "close some or keep one; try again in 1s")
    #expect(HealthCheck.oneLine("refused:\nx:1: a\nx:2: b") == "refused: x:1: a; x:2: b")
  }

  @Test func `a role without a credential weighs more than its source`() {
    let health = HealthCheck.health(of: [role("a", .valid, source: Self.failing), role("b", .lapsed)])
    #expect(health.status == .failing && health.reasons.map(\.kind) == [.noSession, .source])
    let working = RoleSource(name: "main", state: .working)
    #expect(HealthCheck.health(of: [role("a", .failing, source: working)]).status == .ok)
  }
}
