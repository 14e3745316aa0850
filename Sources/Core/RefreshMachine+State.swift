/// What readers and operators see of a role.
extension RefreshMachine {
  /// The session that plain reads get: the one of the ring that lives longest, or the reserved one while the ring has none.
  package var freshest: Session? { ring.freshest ?? reservations.session }

  /// The number of that session.
  package var freshestID: SessionID? { ring.freshestID ?? reservations.session?.id }

  /// Whether what plain reads get is the reserved session.
  package var handsOutReservation: Bool { published != nil && published == reservations.session?.id }

  /// When plain reads have nothing any more, as things are; nil when they have nothing now.
  var servedUntil: Timestamp? { ring.lastEnd ?? reservations.session?.expires }

  /// The session of the pool that was fetched last.
  package var latest: Session? { ring.sessions.max { $0.sent < $1.sent } }

  /// The longer session that readers asked for; nil when there is none.
  package var reserved: Session? { reservations.session }

  /// How long readers would go on getting at least the floor if STS died now; zero when they get less already.
  package func headroom(at now: Timestamp) -> Duration {
    guard let end = servedUntil else { return .zero }
    return max(.zero, end - timing.floor - now)
  }

  /// The session fetched last, where STS grants so much less than is asked that refreshes alone, however well they go, don't keep the
  /// floor; nil where they do, and while they fail.
  package var sessionBelowFloor: Session? {
    guard history.streak == nil, let latest, latest.granted + ServerClock.lifetimeSlack < latest.asked else {
      return nil
    }
    // As long as it takes to the next step at most, by which time another one is there.
    let step = timing.refreshAfter.inSeconds / Double(timing.pool) * 1.1
    let leastLife = latest.granted.inSeconds - step * min(1, latest.granted.inSeconds / timing.duration.inSeconds)
    return leastLife < timing.floor.inSeconds ? latest : nil
  }

  /// The attempt that is queued or under way.
  package var attempt: Attempt? { flight.attempt }

  /// Whether the call of an attempt has been made and has had no outcome yet.
  package var isUnderWay: Bool { if case .underWay = flight { true } else { false } }

  /// Every session that it holds: those whose `hold` has come and whose `discard` hasn't.
  package var heldSessions: [SessionID] {
    var ids = ring.sessions.map(\.id)
    if let reserved = reservations.session { ids.append(reserved.id) }
    return ids
  }

  package func holds(_ id: SessionID) -> Bool { ring.holds(id) || reservations.session?.id == id }

  /// How many sessions it holds.
  package var heldCount: Int { ring.sessions.count + (reservations.session == nil ? 0 : 1) }

  /// Whether the first attempt has had an outcome, of whatever kind.
  package var hasHadOutcome: Bool { !history.isUntried }
  package var lastSuccess: Timestamp? { history.lastSuccess }
  /// Why the latest attempt failed; nil after a success.
  package var lastFailure: Failure? { history.streak?.latest }
  package var failingSince: Timestamp? { history.streak?.since }
  /// Whether the refresh fails in a way that waiting doesn't fix, so that a person has to look: for a reason that somebody has to
  /// remove, for longer than `surviveOutage`, or repeatedly with the floor reached.
  package func failsLastingly(at now: Timestamp) -> Bool {
    guard let streak = history.streak else { return false }
    switch streak.latest.kind {
    case .permanent: return true
    // The first is tried again at once with a renewed identity.
    case .identityLapsed where streak.failures > 1: return true
    default:
      return streak.failures > 1 && (now - streak.since > timing.surviveOutage || headroom(at: now) == .zero)
    }
  }

  /// When the latest attempt failed; nil after a success.
  package var failedAt: Timestamp? { history.streak?.latestAt }
}
