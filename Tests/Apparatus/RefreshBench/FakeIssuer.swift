import CloudAPI
import Core
package import Refresh
package import SessionStore
package import Settings

/// A cloud whose answers a test gives by hand.
package final class FakeIssuer: SessionIssuer, SessionChecker {
  package init() {}

  package private(set) var orders: [(id: CallID, order: SessionRequest)] = []
  package private(set) var cancelled: [CallID] = []
  package private(set) var identityRenewals = 0
  package var room = 16
  private var pending: [CallID: (IssueOutcome) -> Void] = [:]
  private var issued: UInt64 = 0

  package var hasRoom: Bool { pending.count < room }
  package var waiting: [CallID] { pending.keys.sorted { $0.number < $1.number } }

  package func issue(_ order: SessionRequest, completion: @escaping (IssueOutcome) -> Void) -> CallID {
    issued += 1
    let id = CallID(number: issued)
    orders.append((id, order))
    pending[id] = completion
    return id
  }

  package func cancel(_ call: CallID) {
    cancelled.append(call)
    pending[call] = nil
    pendingChecks[call] = nil
  }

  package private(set) var saidThatMoreWait: [Bool] = []

  package func moreWait(_ areWaiting: Bool) { saidThatMoreWait.append(areWaiting) }

  package private(set) var checks: [(id: CallID, accessKeyID: String)] = []
  private var pendingChecks: [CallID: (CheckOutcome) -> Void] = [:]

  package func check(_ session: StoredSession, completion: @escaping (CheckOutcome) -> Void) -> CallID {
    issued += 1
    let id = CallID(number: issued)
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

  package func answer(_ id: CallID, _ outcome: IssueOutcome) {
    pending.removeValue(forKey: id)?(outcome)
    answered()
  }
}
