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
