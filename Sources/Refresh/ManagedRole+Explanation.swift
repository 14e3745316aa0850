package import Core

extension ManagedRole {
  /// Half a sentence on why a role has no valid session, from known facts only. `nextAttempt` is the machine's own unless given.
  package func whyNothingIsValid(at now: Timestamp, nextAttempt: Timestamp? = nil) -> String {
    let next = nextStep(at: now, nextAttempt ?? machine.nextAttempt)
    guard let failure = machine.lastFailure else { return next }
    // Not "STS refused": many codes are ours, for failures on the way there.
    return "the last attempt failed: \(failure.code): \(failure.advice); \(next)"
  }

  /// The next step towards a session.
  private func nextStep(at now: Timestamp, _ nextAttempt: Timestamp) -> String {
    let isForPool = machine.attempt?.purpose == .pool
    if isForPool && machine.isUnderWay { return "a session is being fetched" }
    if isForPool || nextAttempt <= now { return "the next attempt waits for its turn" }
    return "the next attempt is in \((nextAttempt - now + .milliseconds(999)).text)"
  }
}
