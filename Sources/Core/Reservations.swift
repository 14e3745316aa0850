/// What a role has beside its ring for readers who need a longer session: the longest one drawn, and the wish for another.
struct Reservations: Sendable {
  private(set) var session: Session?
  /// The DurationSeconds of the draw that readers wait for; nil when nobody does.
  private(set) var wanted: Duration?
  private var lastDraw: Timestamp?

  private static let drawInterval = Duration.seconds(60)
  /// The least DurationSeconds there is (STS API reference, AssumeRole).
  private static let leastDuration = Duration.seconds(900)

  /// Notes a reader's wish; the longest one counts.
  mutating func want(_ duration: Duration) { wanted = max(wanted ?? .zero, duration) }

  /// The draw that readers wait for is queued.
  mutating func drawQueued(at now: Timestamp) { lastDraw = now }

  mutating func judge(by clock: ServerClock) { session?.judge(by: clock) }

  /// Takes out the session of this number, after which another may be drawn at once; nil when it isn't there.
  mutating func remove(_ id: SessionID) -> Session? {
    guard let session, session.id == id else { return nil }
    self.session = nil
    lastDraw = nil
    return session
  }

  mutating func dropLapsed(at now: Timestamp, margin: Duration, _ effects: inout [RefreshEffect]) {
    guard let session, session.expires - margin <= now else { return }
    self.session = nil
    effects.append(.discard(session.id))
  }

  // MARK: - Outcomes of a draw

  mutating func succeed(_ attempt: Attempt, with new: Session, at now: Timestamp, _ effects: inout [RefreshEffect]) {
    // Somebody may have asked for a longer one meanwhile.
    if let wanted, wanted <= attempt.duration { self.wanted = nil }
    keep(new, &effects)
    if new.granted + ServerClock.lifetimeSlack < new.asked { tell(.grantedLess(new.expires - now), &effects) }
  }

  mutating func fail(because failure: Failure, _ effects: inout [RefreshEffect]) {
    wanted = nil
    tell(failure, &effects)
  }

  /// Keeps the longer of what there is and what came.
  private mutating func keep(_ new: Session, _ effects: inout [RefreshEffect]) {
    if let session, session.expires >= new.expires {
      effects.append(.discard(new.id))
      return
    }
    effects.append(.hold(new))
    if let session { effects.append(.discard(session.id)) }
    session = new
    effects += [.offerReserved(new), .report(.reserved(new))]
  }

  private func tell(_ failure: Failure, _ effects: inout [RefreshEffect]) {
    effects += [.failReservation(failure), .report(.reservationFailed(failure))]
  }

  // MARK: - What readers are told

  /// How a wish for `minTTL` can be met, beside a ring whose longest session is `freshest` and a draw for `underWay`.
  func answer(
    minTTL: Duration, at now: Timestamp, freshest: Session?, underWay: Duration?, timing: RoleTiming
  ) -> RefreshMachine.Reservation {
    let least = max(minTTL, timing.lapseMargin + .microseconds(1))
    for candidate in [freshest, session] {
      if let candidate, candidate.expires - now >= least { return .ready(candidate) }
    }
    let most = timing.maxDuration - .seconds(60)
    guard minTTL <= most else { return .tooLong(most: most) }
    if [underWay, wanted].contains(where: { $0.map { $0 - .seconds(60) >= minTTL } ?? false }) { return .underWay }
    if let lastDraw, now - lastDraw < Self.drawInterval { return .tooSoon(wait: lastDraw + Self.drawInterval - now) }
    return .draw(min(timing.maxDuration, max(Self.leastDuration, minTTL * 5 / 4 + .seconds(60))))
  }
}

extension RefreshMachine {
  /// How a reader's wish for at least `minTTL` of remaining life can be met.
  package enum Reservation: Hashable, Sendable {
    case ready(Session)
    /// A draw under way will do: wait for it.
    case underWay
    /// It takes a draw of this DurationSeconds: `.reservationRequested`, after the limits per reader have been asked.
    case draw(Duration)
    /// No session can be that long; `most` can be had.
    case tooLong(most: Duration)
    /// One draw per role and minute; the next may be asked for after `wait`.
    case tooSoon(wait: Duration)
  }
}
