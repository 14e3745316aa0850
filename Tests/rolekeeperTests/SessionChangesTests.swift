import Core
import Testing
import Wire

@testable import rolekeeper

/// Which events `watch` prints, and when its command runs.
@Suite struct SessionChangesTests {
  private func event(_ id: String?, _ generation: UInt64 = 1, _ kind: RoleEvent.Kind = .rotated) -> RoleEvent {
    RoleEvent(
      time: UTCTime("2026-01-02T03:04:05Z"), kind: kind, role: "a", state: id == nil ? .lapsed : .valid,
      generation: generation, accessKeyID: id, expiresAt: id == nil ? nil : UTCTime("2026-01-02T04:04:05Z"))
  }

  @Test func `a session is new once, whatever else happens to its role`() {
    var changes = SessionChanges()
    #expect(changes.isNew(event(nil, 0, .snapshot)) == false, "there is no session yet")
    #expect(changes.isNew(event("STS.1")) && !changes.isNew(event("STS.1", 1, .changed)))
    #expect(!changes.isNew(event(nil, 1, .changed)) && !changes.isNew(event("STS.1", 1, .output)))
    #expect(changes.isNew(event("STS.2", 2)) == true)
  }

  @Test func `a rotation that was missed is seen in the next stream's snapshot`() {
    var changes = SessionChanges(after: "STS.1")
    #expect(changes.isNew(event("STS.1", 1, .snapshot)) == false)
    // Without a hand-over, generations may skip numbers while the session is another one.
    #expect(changes.isNew(event("STS.9", 65, .snapshot)) == true)
  }

  @Test func `one run at a time, and one more for all that came meanwhile`() {
    var queue = RunQueue()
    #expect(queue.add(event("STS.1", 1))?.generation == 1)
    #expect(queue.add(event("STS.2", 2)) == nil && queue.add(event("STS.3", 3)) == nil)
    #expect(queue.runEnded()?.generation == 3 && queue.isRunning)
    #expect(queue.runEnded() == nil && !queue.isRunning)
    #expect(queue.add(event("STS.4", 4))?.generation == 4)
  }

  @Test func `a line and the variables of a run say role, generation and expiration`() {
    let session = event("STS.1", 7)
    #expect(WatchCommand.line(session) == "2026-01-02T03:04:05Z role 'a': generation 7, expires 2026-01-02T04:04:05Z\n")
    let variables = WatchCommand.variables(session)
    #expect(variables.map(\.name) == ["ROLEKEEPER_ROLE", "ROLEKEEPER_GENERATION", "ROLEKEEPER_EXPIRATION"])
    #expect(variables.map(\.value) == ["a", "7", "2026-01-02T04:04:05Z"])
  }
}
