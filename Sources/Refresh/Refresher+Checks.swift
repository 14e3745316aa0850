package import Core
package import SessionStore
import Systemd

/// Checks of sessions that readers reported: they wait for room and for their turn (`FetchQueue`).
extension Refresher {
  /// A check that waits for its turn or is under way; its outcome comes once, unless it is cancelled.
  package final class Check {
    let session: StoredSession
    let completion: (CheckOutcome) -> Void
    /// Who asks STS, while that is under way.
    fileprivate(set) var request: (id: CallID, checker: any SessionChecker)?
    /// When STS was asked; nil while it hasn't been.
    package fileprivate(set) var began: Timestamp?

    fileprivate init(_ session: StoredSession, completion: @escaping (CheckOutcome) -> Void) {
      self.session = session
      self.completion = completion
    }
  }

  /// The session of this AccessKeyId that the role holds; nil when it holds none.
  package func session(_ accessKeyID: String, of role: ManagedRole) -> StoredSession? {
    role.machine.heldSessions.lazy.compactMap { self.sessions[$0] }.first { $0.accessKeyID == accessKeyID }
  }

  /// Asks STS whether a session is still good, as soon as its turn comes.
  package func check(_ session: StoredSession, completion: @escaping (CheckOutcome) -> Void) -> Check {
    let check = Check(session, completion: completion)
    waitingChecks.append(check)
    pump()
    return check
  }

  package func cancel(_ check: Check) {
    waitingChecks.removeAll { $0 === check }
    if let request = check.request {
      request.checker.cancel(request.id)
      check.request = nil
      checksUnderWay -= 1
    }
    pump()
  }

  /// Slow answers to checks mustn't take the requests away that refreshes need.
  private static let mostChecksUnderWay = 4

  /// Starts the checks whose turn it is, and lets the queue know whether one more waits.
  func startChecks(at now: Timestamp) {
    while let checker, let check = waitingChecks.first, checker.hasRoom, checksUnderWay < Self.mostChecksUnderWay {
      schedule.setCheckWaits(true)
      guard schedule.takeForCheck(at: now) else { return }
      waitingChecks.removeFirst()
      start(check, by: checker)
    }
    schedule.setCheckWaits(false)
  }

  private func start(_ check: Check, by checker: any SessionChecker) {
    let id = checker.check(check.session) { [unowned self] outcome in
      check.request = nil
      checksUnderWay -= 1
      if case .unchecked(let failure) = outcome, case .throttled = failure.kind {
        schedule.checkThrottled(at: scheduler.time)
      }
      check.completion(outcome)
      pump()
    }
    check.request = (id, checker)
    check.began = scheduler.time
    checksUnderWay += 1
  }
}
