/// Sessions of a role that an earlier process of the daemon held.
package struct HeldSessions: Hashable, Sendable {
  /// In the order in which they were issued.
  package var pool: [Session]
  /// The longer one that readers requested.
  package var reserved: Session?
  /// The one that readers got under the machine's generation; nil if they get another from now on.
  package var published: SessionID?

  package init(pool: [Session] = [], reserved: Session? = nil, published: SessionID? = nil) {
    self.pool = pool
    self.reserved = reserved
    self.published = published
  }
}

extension RefreshMachine {
  /// Resumes with those of the sessions that are still valid. Without any it starts as a new role does.
  mutating func resume(
    _ held: HeldSessions, at now: Timestamp, using generator: inout some RandomNumberGenerator,
    _ effects: inout [RefreshEffect]
  ) {
    for session in held.pool {
      guard isGood(session, at: now) else {
        effects.append(.discard(session.id))
        continue
      }
      effects.append(.hold(session))
      if let replaced = pool.add(session) { effects.append(.discard(replaced.id)) }
    }
    if let reserved = held.reserved {
      effects.append(isGood(reserved, at: now) ? .hold(reserved) : .discard(reserved.id))
      if isGood(reserved, at: now) { reservations.resume(reserved) }
    }
    if let published = held.published { pool.prefer(published) }
    // Readers already know it under this generation.
    if let freshest, freshest.id == held.published {
      published = freshest.id
      effects.append(.publish(freshest, generation: generation))
    }
    guard let latest else {
      nextAttempt = now
      return
    }
    _ = history.noteSuccess(at: latest.sent)
    nextAttempt = max(now, latest.sent + jitteredStep(after: latest, using: &generator))
  }

  private func isGood(_ session: Session, at now: Timestamp) -> Bool { session.expires - timing.lapseMargin > now }
}
