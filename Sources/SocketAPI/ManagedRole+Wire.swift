package import CloudAPI
package import Core
import Refresh
package import Wire

extension ManagedRole {
  /// The role's status at `now`, as readers and operators see it; without its files and its source. `signer` is the owner of the
  /// signing key, which may have become known after a failure that is about that.
  package func status(at now: Timestamp, clock: ServerClock, signer: CallerIdentity? = nil) -> RoleStatus {
    let serving = isValid(at: now) ? current : nil
    let next = machine.nextAttempt > now ? machine.nextAttempt : nil
    let refusal = machine.longestUnrefused
    var status = RoleStatus(
      name: name.description, state: state(at: now), accessKeyID: serving?.session.accessKeyID,
      expiresAt: serving?.session.expiration, expiresIn: serving.map { max(.zero, $0.session.expires - now) },
      headroom: machine.headroom(at: now), generation: generation,
      nextRefreshAt: next.map { clock.now(at: $0) }, nextRefreshIn: next.map { $0 - now },
      lastSuccessAt: machine.lastSuccess.map { clock.calendar(at: $0) },
      lastError: machine.lastFailure.map { failure in
        LastError(
          failure.naming(signer), since: machine.failingSince.map { clock.calendar(at: $0) },
          at: machine.failedAt.map { clock.calendar(at: $0) }
        )
      },
      needsAttention: machine.failsLastingly(at: now), reservation: reservation(at: now),
      maxTTL: refusal?.minTTL ?? machine.longestMinTTL, maxTTLCode: refusal?.code)
    status.shortSessions = shortSessions
    return status
  }

  package var shortSessions: ShortSessions? {
    machine.sessionBelowFloor.map {
      ShortSessions(granted: $0.granted, asked: $0.asked, floor: machine.timing.floor)
    }
  }

  private func reservation(at now: Timestamp) -> ReservationStatus? {
    guard let session = machine.reserved, session.expires - machine.timing.lapseMargin > now else { return nil }
    return ReservationStatus(
      duration: session.asked, expiresAt: session.expiration, expiresIn: session.expires - now,
      uids: Array(handouts.holders(of: session.id).prefix(ReservationStatus.mostUIDs)))
  }

  func event(
    _ kind: RoleEvent.Kind, at now: Timestamp, clock: ServerClock, output: OutputStatus? = nil
  ) -> RoleEvent {
    let serving = serving(at: now)
    var event = RoleEvent(
      time: clock.now(at: now), kind: kind, role: name.description, state: state(at: now),
      generation: generation, accessKeyID: serving?.accessKeyID,
      expiresAt: serving?.expiration, code: machine.lastFailure?.code, output: output)
    (event.scope, event.uid) = (key.scope?.description, key.uid)
    return event
  }

  package func state(at now: Timestamp) -> RoleState {
    guard let session = serving(at: now) else { return hasHadSession ? .lapsed : .waiting }
    if current?.isBelowFloor(at: now) ?? (now >= session.expires - machine.timing.floor) { return .belowFloor }
    return machine.lastFailure == nil ? .valid : .failing
  }
}
