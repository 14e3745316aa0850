/// A reader's request for a role's session.
package struct ReaderQuery: Hashable, Sendable {
  /// The minimum remaining lifetime; nil for a plain read, which takes any session that hasn't lapsed.
  package let minTTL: Duration?
  /// When the request came.
  package let since: Timestamp
  /// Until when the reader waits; `since` if it doesn't wait.
  package let deadline: Timestamp

  package init(minTTL: Duration?, since: Timestamp, deadline: Timestamp) {
    self.minTTL = minTTL
    self.since = since
    self.deadline = deadline
  }

  /// How much of its DurationSeconds a session may have lost by the time it reaches the reader.
  package static let transitSpan = Duration.seconds(60)

  /// The DurationSeconds of a fetch for this reader: a quarter and a minute more than it needs, so that others can share the session.
  fileprivate func durationToFetch(_ timing: RoleTiming) -> Duration {
    min(timing.maxDuration, max(RoleTiming.allowedDuration.lowerBound, (minTTL ?? .zero) * 5 / 4 + .seconds(60)))
  }

  /// The largest `minTTL`, in whole seconds, whose `durationToFetch` is less than `duration`.
  fileprivate static func longestMinTTL(below duration: Duration) -> Duration {
    .seconds(((duration - .seconds(60)) * 4 / 5).wholeSeconds - 1)
  }

  fileprivate func isMet(byFetchOf duration: Duration) -> Bool { duration - Self.transitSpan >= minTTL ?? .zero }
}

/// The earliest times at which the daemon's rate lets a role's fetches start.
package struct FetchChances: Hashable, Sendable {
  /// For the attempt that is queued; nil if none is.
  package let queued: Timestamp?
  /// For a reservation that isn't queued yet.
  package let reservation: Timestamp

  package init(queued: Timestamp?, reservation: Timestamp) {
    self.queued = queued
    self.reservation = reservation
  }

  /// No limit.
  package static let unlimited = FetchChances(queued: nil, reservation: .distantPast)
}

/// What a role can do for a reader at one instant. It changes with every event of the role.
package enum Offer: Hashable, Sendable {
  /// This session's remaining lifetime is long enough.
  case session(Session)
  /// The role can't provide that lifetime; `most` is the most it can.
  case tooLong(most: Duration)
  /// An attempt that is queued, under way or due before the reader's deadline may bring the session.
  case wait
  /// It takes a fetch of this DurationSeconds: send `reservationRequested` and wait. `joins` if others have already requested a fetch,
  /// which this one only makes longer, so that the limits per reader don't apply.
  case fetch(Duration, joins: Bool)
  /// No attempt can be made before the reader's deadline: the next one is at `next`. `failure` is that of the last attempt (for a
  /// reservation, if it takes one). nil if that didn't fail: then the limit of one fetch for a reservation per role and minute is in
  /// the way, or a wait that STS requested when a fetch for the pool failed.
  case notInTime(next: Timestamp, failure: Failure?)
  /// The rate limit delays the fetch, queued or not, to `next`, which is after the reader's deadline.
  case rateTooLow(next: Timestamp)
  /// The fetch failed since the reader asked and would fail again, or STS refused such a duration before and it can't be tried again
  /// now.
  case refused(Failure)
}

extension RefreshMachine {
  /// The largest `minTTL` that a reader can request.
  package var longestMinTTL: Duration { longestLife - ReaderQuery.transitSpan }

  /// Of a tier's role, what its latest session lived when it was issued.
  private var longestLife: Duration {
    guard timing.isOfTier, let latest else { return timing.maxDuration }
    return .seconds(latest.expiration.seconds - latest.issued.seconds)
  }

  /// The largest `minTTL` that STS isn't known to refuse, with the code of its refusal; nil if STS didn't refuse the duration of
  /// the latest fetch for a reader, or if the limit isn't less than `longestMinTTL`.
  package var longestUnrefused: (minTTL: Duration, code: String)? {
    guard let failed = reservations.lastFailed, failed.refuses(failed.duration) else { return nil }
    let pool = timing.duration - ReaderQuery.transitSpan
    let most = max(pool, ReaderQuery.longestMinTTL(below: failed.duration))
    return most < longestMinTTL ? (most, failed.failure.code) : nil
  }

  /// What the role can do for a reader at `now`.
  ///
  /// Any held session with enough remaining lifetime will do, of the pool or reserved, also one fetched under earlier settings.
  /// `chances` is the result of `HostSchedule.chances` for the role at `now`.
  package func offer(to query: ReaderQuery, at now: Timestamp, chances: FetchChances = .unlimited) -> Offer {
    let least = max(query.minTTL ?? .zero, timing.lapseMargin + .microseconds(1))
    if let freshest, freshest.expires - now >= least { return .session(freshest) }
    if let reserved, reserved.expires - now >= least { return .session(reserved) }
    if let minTTL = query.minTTL {
      guard minTTL <= longestMinTTL else { return .tooLong(most: longestMinTTL) }
    }
    return offerOfAttempt(query, chances, at: now)
  }

  private func offerOfAttempt(_ query: ReaderQuery, _ chances: FetchChances, at now: Timestamp) -> Offer {
    if let attempt, query.isMet(byFetchOf: attempt.duration) {
      if !isUnderWay, let queued = chances.queued, queued > query.deadline { return .rateTooLow(next: queued) }
      return .wait
    }
    let isMetByRing = query.isMet(byFetchOf: timing.duration)
    // For a failing role, a reservation of the pool's duration would do no better than its own next attempt, and a tier takes none.
    if query.minTTL == nil || timing.isOfTier || (isMetByRing && lastFailure != nil) {
      // The key's file is watched: an attempt may come at any moment.
      let mayComeSooner = [Failure.noAccessKeyCode, Failure.sourceNotReadyCode].contains(lastFailure?.code)
      if nextAttempt <= query.deadline || mayComeSooner { return .wait }
      return .notInTime(next: nextAttempt, failure: lastFailure)
    }
    return offerOfReservation(query, isMetByRing: isMetByRing, chances, at: now)
  }

  private func offerOfReservation(
    _ query: ReaderQuery, isMetByRing: Bool, _ chances: FetchChances, at now: Timestamp
  ) -> Offer {
    let failed = reservations.lastFailed
    var duration = query.durationToFetch(timing)
    // STS refuses this duration (the role's MaxSessionDuration), but grants the pool's, which is enough.
    if isMetByRing, let failed, failed.refuses(duration), !failed.refuses(timing.duration) {
      duration = timing.duration
    }
    if let failed, failed.at >= query.since, failed.isFinal(for: duration) { return .refused(failed.failure) }
    let request = reservations.request
    let earliest = request?.notBefore ?? reservations.earliestFetch(at: now)
    if isMetByRing && nextAttempt <= min(earliest, query.deadline) { return .wait }
    // A reader that doesn't wait may still join a request that was made just now.
    let latest = request == nil ? query.deadline : max(query.deadline, now + Reservations.gatherSpan)
    // A refused duration isn't tried again in the same minute, and the refusal stands until it is.
    if let failed, failed.refuses(duration),
      reservations.earliestFetch(at: now) > now || max(earliest, chances.reservation) > latest
    {
      return .refused(failed.failure)
    }
    guard earliest <= latest else { return .notInTime(next: earliest, failure: failed?.failure) }
    guard chances.reservation <= latest else { return .rateTooLow(next: max(earliest, chances.reservation)) }
    if let request, query.isMet(byFetchOf: request.duration) { return .wait }
    return .fetch(duration, joins: request != nil)
  }
}

extension Failure {
  /// The code of an attempt that couldn't be signed: there is no AccessKey, and the role tries again as soon as there is one.
  package static let noAccessKeyCode = "NoAccessKey"
  /// The code of an attempt for which no request was made, since the source has no temporary credential at present.
  package static let sourceNotReadyCode = "SourceNotReady"
  /// The code of a longer session than a tier's live.
  package static let noReservationCode = "NoReservation"
  /// A source's identity token can't be read.
  package static let identityTokenFileCode = "IdentityTokenFile"

  /// Whether nothing could be sent, since the source has nobody to sign: it says nothing about STS.
  package var isOfSource: Bool {
    [Self.noAccessKeyCode, Self.sourceNotReadyCode, Self.identityTokenFileCode].contains(code)
  }
  /// The code of a DurationSeconds that is more than the role's MaxSessionDuration (STS API reference, AssumeRole).
  package static let durationRefusedCode = "InvalidParameter.DurationSeconds"
}

extension Reservations.FailedFetch {
  /// Whether it shows that STS doesn't grant `duration`.
  fileprivate func refuses(_ duration: Duration) -> Bool {
    [Failure.durationRefusedCode, Failure.grantedLessCode].contains(failure.code) && duration >= self.duration
  }

  /// Whether another fetch of `duration` would fail too.
  fileprivate func isFinal(for duration: Duration) -> Bool {
    failure.code == Failure.durationRefusedCode ? refuses(duration) : failure.kind == .permanent
  }
}
