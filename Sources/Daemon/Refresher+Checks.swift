import Core
package import SessionStore

/// Checks of sessions that readers reported: they wait for room and for a token, behind all refreshes.
extension Refresher {
  /// A check that waits for its turn or is under way; its outcome comes once, unless it is cancelled.
  package final class Check {
    let session: StoredSession
    let completion: (CheckOutcome) -> Void
    /// Who asks STS, once that has begun.
    fileprivate(set) var request: (id: DrawID, checker: any SessionChecking)?

    /// Whether STS is being asked.
    package var hasBegun: Bool { request != nil }

    fileprivate init(_ session: StoredSession, completion: @escaping (CheckOutcome) -> Void) {
      self.session = session
      self.completion = completion
    }
  }

  /// The session of this AccessKeyId that the role holds; nil when it holds none.
  func session(_ accessKeyID: String, of role: KeptRole) -> StoredSession? {
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
    guard let request = check.request else { return }
    request.checker.cancel(request.id)
    check.request = nil
    checksUnderWay -= 1
    pump()
  }

  /// Slow answers to checks mustn't take the requests away that refreshes need.
  private static let mostChecksUnderWay = 4

  /// Starts the checks that have a token; when the next one will have, where it isn't another call's end.
  func startChecks(at now: Timestamp) -> Timestamp? {
    guard let checker else { return nil }
    while let check = waitingChecks.first {
      guard checker.hasRoom, checksUnderWay < Self.mostChecksUnderWay else { return nil }
      guard schedule.takeForCheck(at: now) else { return schedule.nextCheck(at: now) }
      waitingChecks.removeFirst()
      start(check, by: checker)
    }
    return nil
  }

  private func start(_ check: Check, by checker: any SessionChecking) {
    let id = checker.check(check.session) { [unowned self] outcome in
      check.request = nil
      checksUnderWay -= 1
      check.completion(outcome)
      pump()
    }
    check.request = (id, checker)
    checksUnderWay += 1
  }
}
