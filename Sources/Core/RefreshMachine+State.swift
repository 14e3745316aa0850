/// A role's state as readers and operators see it.
extension RefreshMachine {
  /// The session that plain reads get: the one of the pool that expires last, or the reserved one while the pool is empty.
  package var freshest: Session? { pool.freshest ?? reservations.session }

  /// The number of that session.
  package var freshestID: SessionID? { pool.freshestID ?? reservations.session?.id }

  /// Whether plain reads get the reserved session.
  package var handsOutReservation: Bool { published != nil && published == reservations.session?.id }

  /// When the session that plain reads get expires, if no other comes; nil if there is none.
  var servedUntil: Timestamp? { pool.lastEnd ?? reservations.session?.expires }

  /// The session of the pool that was fetched last.
  package var latest: Session? { pool.sessions.max { $0.sent < $1.sent } }

  /// The longer session that readers requested; nil if there is none.
  package var reserved: Session? { reservations.session }

  /// How long readers would still get at least the floor if STS stopped answering now; zero if they already get less.
  package func headroom(at now: Timestamp) -> Duration {
    guard let end = servedUntil else { return .zero }
    return max(.zero, end - timing.floor - now)
  }

  /// The session fetched last, if STS grants so much less than requested that even successful refreshes don't keep the floor; else
  /// nil, also while refreshes fail.
  package var sessionBelowFloor: Session? {
    guard history.streak == nil, let latest, latest.granted + ServerClock.lifetimeSlack < latest.asked else {
      return nil
    }
    // Its remaining lifetime if the next step comes as late as possible.
    let (life, floor) = (latest.granted.inSeconds, timing.floor.inSeconds)
    return life - 1.1 * timing.stepSeconds(life: life, floor: floor) < floor ? latest : nil
  }

  /// The attempt that is queued or under way.
  package var attempt: Attempt? { flight.attempt }

  /// Whether the call of an attempt has been made and has had no outcome yet.
  package var isUnderWay: Bool { if case .underWay = flight { true } else { false } }

  /// The sessions of the pool, in the order in which they were issued.
  package var pooled: [Session] { pool.sessions }

  /// The session that plain reads get, after the last event; nil if they get none.
  package var publishedID: SessionID? { published }

  /// Every session that is held: after its `hold` and before its `discard`.
  package var heldSessions: [SessionID] {
    var ids = pool.sessions.map(\.id)
    if let reserved = reservations.session { ids.append(reserved.id) }
    return ids
  }

  package func holds(_ id: SessionID) -> Bool { pool.holds(id) || reservations.session?.id == id }

  /// Whether the first attempt has had an outcome, success or failure.
  package var hasHadOutcome: Bool { !history.isUntried }
  package var lastSuccess: Timestamp? { history.lastSuccess }
  /// Why the latest attempt failed; nil after a success.
  package var lastFailure: Failure? { history.streak?.latest }
  package var failingSince: Timestamp? { history.streak?.since }
  /// Whether the refresh fails in a way that a person has to look at: the failure is permanent, or repeats for longer than
  /// `surviveOutage`, or repeats with no headroom left.
  package func failsLastingly(at now: Timestamp) -> Bool {
    guard let streak = history.streak else { return false }
    switch streak.latest.kind {
    case .permanent: return true
    // The first such failure is retried at once with a renewed identity.
    case .identityLapsed where streak.failures > 1: return true
    default:
      return streak.failures > 1 && (now - streak.since > timing.surviveOutage || headroom(at: now) == .zero)
    }
  }

  /// When the latest attempt failed; nil after a success.
  package var failedAt: Timestamp? { history.streak?.latestAt }
}
