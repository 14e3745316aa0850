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
    #expect(WaitCommand.never(status, minTTL: WrittenTime("59min")) == nil)
    #expect(WaitCommand.never(status, minTTL: nil) == nil)
    // A session from before a reload that lowered the limit.
    status.expiresIn = .seconds(7300)
    #expect(WaitCommand.never(status, minTTL: WrittenTime("2h")) == nil)
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
