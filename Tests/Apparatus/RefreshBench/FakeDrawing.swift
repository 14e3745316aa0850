import CloudAPI
import Core
package import Refresh
package import SessionStore
package import Settings

/// A cloud whose answers a test gives by hand.
package final class FakeDrawing: SessionDrawing, SessionChecking {
  package private(set) var orders: [(id: DrawID, order: DrawOrder)] = []
  package private(set) var cancelled: [DrawID] = []
  package private(set) var identityRenewals = 0
  package var room = 16
  private var pending: [DrawID: (DrawOutcome) -> Void] = [:]
  private var drawn: UInt64 = 0

  package var hasRoom: Bool { pending.count < room }
  package var waiting: [DrawID] { pending.keys.sorted { $0.number < $1.number } }

  package func draw(_ order: DrawOrder, completion: @escaping (DrawOutcome) -> Void) -> DrawID {
    drawn += 1
    let id = DrawID(number: drawn)
    orders.append((id, order))
    pending[id] = completion
    return id
  }

  package func cancel(_ draw: DrawID) {
    cancelled.append(draw)
    pending[draw] = nil
    pendingChecks[draw] = nil
  }

  package private(set) var saidThatMoreWait: [Bool] = []

  package func moreWait(_ areWaiting: Bool) { saidThatMoreWait.append(areWaiting) }

  package private(set) var checks: [(id: DrawID, accessKeyID: String)] = []
  private var pendingChecks: [DrawID: (CheckOutcome) -> Void] = [:]

  package func check(_ session: StoredSession, completion: @escaping (CheckOutcome) -> Void) -> DrawID {
    drawn += 1
    let id = DrawID(number: drawn)
    checks.append((id, session.accessKeyID))
    pendingChecks[id] = completion
    return id
  }

  /// Answers the latest check.
  package func answerCheck(_ outcome: CheckOutcome) {
    checks.last.flatMap { pendingChecks.removeValue(forKey: $0.id) }?(outcome)
    answered()
  }

  /// What nobody will answer any more holds whoever asked.
  package func dropPending() {
    pending = [:]
    pendingChecks = [:]
  }

  package func renewIdentity(of role: RoleSettings) { identityRenewals += 1 }

  /// Called when an answer has had its effects.
  package var answered: () -> Void = {}

  package func answer(_ id: DrawID, _ outcome: DrawOutcome) {
    pending.removeValue(forKey: id)?(outcome)
    answered()
  }
}
