/// Which of the held sessions readers get.
extension RefreshMachine {
  /// Publishes the session that expires last, unless it is published already; false if no session is held.
  @discardableResult mutating func publishFreshest(_ effects: inout [RefreshEffect]) -> Bool {
    guard let freshest else { return false }
    guard freshest.id != published else { return true }
    generation += 1
    published = freshest.id
    effects.append(.publish(freshest, generation: generation))
    return true
  }

  /// Drops a session that STS no longer accepts; if it was published, another held one is published at once.
  mutating func condemn(_ id: SessionID, at now: Timestamp, _ effects: inout [RefreshEffect]) {
    if let session = pool.remove(id) {
      nextAttempt = min(nextAttempt, earliestAttempt(at: now))
      let replacement = replace(published: id, &effects)
      effects += [.discard(id), .report(.condemned(session, replacement))]
    } else if let session = reservations.remove(id) {
      let replacement = replace(published: id, &effects)
      effects += [.discard(id), .report(.condemned(session, replacement))]
    }
  }

  private mutating func replace(published id: SessionID, _ effects: inout [RefreshEffect])
    -> RefreshReport.Replacement
  {
    guard published == id else { return .notNeeded }
    if publishFreshest(&effects), let standby = freshest { return .standby(standby, generation: generation) }
    published = nil
    effects.append(.withdraw)
    return .nothing
  }

  /// Drops the sessions that have lapsed. `mayChangeOrder` is whether another one may expire last now, even if none has lapsed.
  mutating func dropLapsed(at now: Timestamp, mayChangeOrder: Bool, _ effects: inout [RefreshEffect]) {
    let ended = pool.removeEnded(at: now, margin: timing.lapseMargin)
    let reserved = reservations.removeEnded(at: now, margin: timing.lapseMargin)
    guard mayChangeOrder || !ended.isEmpty || reserved != nil else { return }
    let before = published
    if publishFreshest(&effects) {
      if published != before, handsOutReservation, let freshest {
        effects.append(.report(.reservationServes(freshest, generation: generation)))
      }
    } else if published != nil {
      published = nil
      effects += [.withdraw, .report(.lapsed)]
    }
    // By a corrected clock, say: a role without failures needn't wait for its next step.
    if !ended.isEmpty && pool.sessions.isEmpty && !history.isFailing {
      nextAttempt = min(nextAttempt, earliestAttempt(at: now))
    }
    for session in ended { effects.append(.discard(session.id)) }
    if let reserved { effects.append(.discard(reserved.id)) }
  }
}
