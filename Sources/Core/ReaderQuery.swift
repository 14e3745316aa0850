/// What a reader asks of a role.
package struct ReaderQuery: Hashable, Sendable {
  /// The least remaining life that will do; nil for a plain read, which takes whatever hasn't lapsed.
  package let minTTL: Duration?
  /// When it was asked.
  package let since: Timestamp
  /// Until when the reader is willing to wait; `since` when it isn't.
  package let deadline: Timestamp

  package init(minTTL: Duration?, since: Timestamp, deadline: Timestamp) {
    self.minTTL = minTTL
    self.since = since
    self.deadline = deadline
  }

  /// How much shorter than its DurationSeconds a session may be when it gets to the reader.
  package static let transitSpan = Duration.seconds(60)

  /// The DurationSeconds of a fetch for this reader: a quarter and a minute more than it needs, so that others can share it.
  fileprivate func durationToFetch(_ timing: RoleTiming) -> Duration {
    min(timing.maxDuration, max(RoleTiming.allowedDuration.lowerBound, (minTTL ?? .zero) * 5 / 4 + .seconds(60)))
  }

  /// The longest of whole seconds for which less than `duration` is fetched.
  fileprivate static func longestMinTTL(below duration: Duration) -> Duration {
    .seconds(((duration - .seconds(60)) * 4 / 5).wholeSeconds - 1)
  }

  fileprivate func isMet(byFetchOf duration: Duration) -> Bool { duration - Self.transitSpan >= minTTL ?? .zero }
}

/// When the daemon's rate lets a role's fetches go, at the earliest.
package struct FetchChances: Hashable, Sendable {
  /// The attempt that is queued; nil when none is.
  package let queued: Timestamp?
  /// A reservation that isn't queued yet.
  package let reservation: Timestamp

  package init(queued: Timestamp?, reservation: Timestamp) {
    self.queued = queued
    self.reservation = reservation
  }

  /// As if there were no limit.
  package static let unlimited = FetchChances(queued: nil, reservation: .distantPast)
}

/// What a role can do for a reader at one instant. It changes with every event of the role.
package enum Offer: Hashable, Sendable {
  /// This session lives long enough.
  case session(Session)
  /// No session of the role can be that long; `most` can be had.
  case tooLong(most: Duration)
  /// An attempt that is queued, under way or due in the reader's time may bring it.
  case wait
  /// It takes a fetch of this DurationSeconds: send `reservationRequested` and wait. `joins` when that only makes a fetch longer
  /// that others have requested, so that the limits per reader don't apply.
  case fetch(Duration, joins: Bool)
  /// No attempt can be made in the reader's time: the next one is at `next`. `failure` is what came of the last one, nil when
  /// it didn't fail, so that only the limit of one fetch for a reservation per role and minute is in the way.
  case notInTime(next: Timestamp, failure: Failure?)
  /// The fetch that would bring it waits for its turn, or would have to, and can't be made before `next`: after the reader's time.
  case rateTooLow(next: Timestamp)
  /// The fetch that it waited for failed in a way that another one won't change.
  case refused(Failure)
}

extension RefreshMachine {
  /// The most life that a reader can ask for.
  package var longestMinTTL: Duration { timing.maxDuration - ReaderQuery.transitSpan }

  /// The most life of which it isn't known that STS refuses it, where that is less; `code` is that of the refusal, after which no
  /// fetch for a reader has succeeded.
  package var longestUnrefused: (minTTL: Duration, code: String)? {
    guard let failed = reservations.lastFailed, failed.refuses(failed.duration) else { return nil }
    let ring = timing.duration - ReaderQuery.transitSpan
    let most = max(ring, ReaderQuery.longestMinTTL(below: failed.duration))
    return most < longestMinTTL ? (most, failed.failure.code) : nil
  }

  /// What the role can do for a reader at `now`.
  ///
  /// Any held session that lives long enough will do, of the ring or reserved, whatever the settings are by now.
  /// `chances` is what `HostSchedule.chances` says of the role at `now`.
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
    // No other fetch of such a session would do better than a failing role's own next attempt.
    if query.minTTL == nil || (isMetByRing && lastFailure != nil) {
      // The key's file is watched: an attempt may come at any moment.
      let mayComeSooner = lastFailure?.code == Failure.noAccessKeyCode
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
    // STS grants no more than the role's MaxSessionDuration: what it grants to the ring will do then.
    if isMetByRing, let failed, failed.refuses(duration), !failed.refuses(timing.duration) {
      duration = timing.duration
    }
    if let failed, failed.at >= query.since, failed.isFinal(for: duration) { return .refused(failed.failure) }
    let request = reservations.request
    let earliest = request?.notBefore ?? reservations.earliestFetch(at: now)
    if isMetByRing && nextAttempt <= min(earliest, query.deadline) { return .wait }
    // Who doesn't wait at all may still join those who have just asked.
    let latest = request == nil ? query.deadline : max(query.deadline, now + Reservations.gatherSpan)
    // What was refused isn't tried again in the same minute, and until it is tried again nothing else is known.
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
  /// The code of an attempt that couldn't be signed: no AccessKey is there, and the role tries again as soon as one is.
  package static let noAccessKeyCode = "NoAccessKey"
  /// The code of a DurationSeconds that is more than the role's MaxSessionDuration (STS API reference, AssumeRole).
  package static let durationRefusedCode = "InvalidParameter.DurationSeconds"
}

extension Reservations.FailedFetch {
  /// Whether it showed that so much is more than STS grants.
  fileprivate func refuses(_ duration: Duration) -> Bool {
    [Failure.durationRefusedCode, Failure.grantedLessCode].contains(failure.code) && duration >= self.duration
  }

  /// Whether it makes another fetch of `duration` hopeless.
  fileprivate func isFinal(for duration: Duration) -> Bool {
    failure.code == Failure.durationRefusedCode ? refuses(duration) : failure.kind == .permanent
  }
}
