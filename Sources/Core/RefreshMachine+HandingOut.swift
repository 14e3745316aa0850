/// Which of the held sessions readers get.
extension RefreshMachine {
  /// Hands out the session that lives longest, where another one or none was handed out; false when there is none.
  @discardableResult mutating func publishFreshest(_ effects: inout [RefreshEffect]) -> Bool {
    guard let freshest else { return false }
    guard freshest.id != published else { return true }
    generation += 1
    published = freshest.id
    effects.append(.publish(freshest, generation: generation))
    return true
  }

  /// Drops a session that the cloud no longer knows; its standby takes its place in this turn.
  mutating func condemn(_ id: SessionID, at now: Timestamp, _ effects: inout [RefreshEffect]) {
    if let session = ring.remove(id) {
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

  /// Drops what has ended. `mayChangeOrder` is whether another session may live longest now, though none has ended.
  mutating func dropLapsed(at now: Timestamp, mayChangeOrder: Bool, _ effects: inout [RefreshEffect]) {
    let ended = ring.removeEnded(at: now, margin: timing.lapseMargin)
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
    // By a corrected clock, say: a role without failures has nothing to wait for.
    if !ended.isEmpty && ring.sessions.isEmpty && !history.isFailing {
      nextAttempt = min(nextAttempt, earliestAttempt(at: now))
    }
    for session in ended { effects.append(.discard(session.id)) }
    if let reserved { effects.append(.discard(reserved.id)) }
  }
}
