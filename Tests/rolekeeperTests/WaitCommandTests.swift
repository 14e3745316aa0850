import Core
import Testing
import Wire

@testable import rolekeeper

@Suite struct WaitCommandTests {
  private func role(_ state: RoleState, _ seconds: Int64?, reserved: Int64? = nil) -> RoleStatus {
    RoleStatus(
      name: "a", state: state, expiresIn: seconds.map { .seconds($0) },
      reservation: reserved.map {
        ReservationStatus(duration: .hours(3), expiresAt: nil, expiresIn: .seconds($0), uids: [])
      })
  }

  @Test(arguments: RoleState.allCases)
  func `a role is ready when a reader gets a credential`(state: RoleState) {
    #expect(WaitCommand.isReady(role(state, 1), minTTL: nil) == state.hasSession)
  }

  /// It waited to the end, and ended with "not now".
  @Test func `a life that the role can't have is refused, and one that it has isn't`() throws {
    var status = role(.valid, 3000)
    status.maxTTL = .seconds(3540)
    let refusal = try #require(WaitCommand.never(status, minTTL: WrittenTime("2h")))
    #expect(refusal.exitStatus == 1)
    #expect("\(refusal)".hasPrefix("role 'a': '--min-ttl' is 2h, but at most 59min can be had"))
    status.maxTTLCode = "InvalidParameter.DurationSeconds"
    let bySTS = try #require(WaitCommand.never(status, minTTL: WrittenTime("2h")))
    #expect(bySTS.exitStatus == 1 && "\(bySTS)".contains("STS refused more: InvalidParameter.DurationSeconds"))
    #expect(WaitCommand.never(status, minTTL: WrittenTime("59min")) == nil)
    #expect(WaitCommand.never(status, minTTL: nil) == nil)
    // A session from before a reload that lowered the limit.
    status.expiresIn = .seconds(7300)
    #expect(WaitCommand.never(status, minTTL: WrittenTime("2h")) == nil)
  }

  /// It sat out its time for a role that doesn't exist.
  @Test func `what fails until somebody changes something isn't waited for`() throws {
    var status = role(.waiting, nil)
    status.lastError = LastError(
      Failure(.permanent, code: "EntityNotExist.Role", httpStatus: 404, requestID: "5F2C", advice: "create it"),
      since: nil)
    #expect(WaitCommand.hopeless(status, minTTL: nil) == nil, "an attempt is due or under way, after a reload say")
    status.nextRefreshIn = .seconds(290)
    let refusal = try #require(WaitCommand.hopeless(status, minTTL: nil))
    #expect(refusal.exitStatus == 1)
    #expect(
      "\(refusal)" == """
        role 'a': the last attempt failed: EntityNotExist.Role: create it (request 5F2C)
        the daemon tries again by itself in 4min50s
        """)
    for failure in [
      Failure(.transient, code: "Connect", advice: "look"),
      Failure(.permanent, code: Failure.noAccessKeyCode, advice: "its file is watched"),
    ] {
      status.lastError = LastError(failure, since: nil)
      #expect(WaitCommand.hopeless(status, minTTL: nil) == nil)
    }
    status = role(.failing, 3000)
    status.nextRefreshIn = .seconds(290)
    status.lastError = LastError(Failure(.permanent, code: "EntityNotExist.Role", advice: "create it"), since: nil)
    #expect(WaitCommand.hopeless(status, minTTL: nil) == nil, "readers have one")
    #expect(WaitCommand.hopeless(status, minTTL: WrittenTime("55min"))?.exitStatus == 1)
  }

  /// It said that the daemon had too much to do, where the user had too many connections open.
  @Test func `why the daemon wouldn't say how a role is, is repeated`() {
    var problem = Problem(.tooManyReservations, detail: "this user has too many connections open")
    problem.type = "about:blank"
    let busy = Refusal(problem, httpStatus: 429)
    #expect(
      WaitCommand.reason(nil, of: "a", busy: busy) == "role 'a': this user has too many connections open")
  }

  @Test func `who waited in vain learns what is in the way`() {
    #expect(WaitCommand.reason(role(.waiting, nil), of: "a") == "role 'a': no attempt to fetch a session has ended yet")
    #expect(
      WaitCommand.reason(role(.valid, 60, reserved: 90), of: "a") == "role 'a': its longest session lasts 1min30s")
    var failing = role(.lapsed, nil)
    failing.lastError = LastError(
      Failure(.permanent, code: "NoPermission", httpStatus: 403, requestID: "5F2C", advice: "allow it"), since: nil)
    #expect(
      WaitCommand.reason(failing, of: "a")
        == "role 'a': the last attempt failed: NoPermission: allow it (request 5F2C)")
  }

  @Test func `with a least life it is ready when the pool or a reservation has it`() {
    let least = Duration.seconds(1800)
    #expect(!WaitCommand.isReady(role(.valid, 1799), minTTL: least))
    #expect(WaitCommand.isReady(role(.valid, 1800), minTTL: least))
    #expect(WaitCommand.isReady(role(.valid, 60, reserved: 1800), minTTL: least))
    #expect(!WaitCommand.isReady(role(.valid, 60, reserved: 1799), minTTL: least))
    #expect(!WaitCommand.isReady(role(.lapsed, nil), minTTL: least))
    #expect(!WaitCommand.isReady(role(.lapsed, nil, reserved: 1799), minTTL: nil), "plain reads get nothing")
  }
}
