import CloudAPI
import Core

/// The credential for the file's object: asked for ahead of its end, one request at a time, and never once the object may be complete.
extension FileUpload {
  /// With less than this left a credential isn't used for anything new: the request has to arrive while it lives.
  private static let margin = Duration.seconds(3)
  /// With less than this left, or a quarter of its life, it is renewed while parts go on with it.
  private static let ahead = Duration.minutes(5)

  mutating func take(_ new: Grant) { grant = new }

  private func margin(of grant: Grant) -> Duration { min(Self.margin, grant.life / 10) }

  /// What is left of the credential at `now`, without the margin; zero without one.
  private func rest(at now: Timestamp) -> Duration {
    guard let grant else { return .zero }
    return max(.zero, grant.lapses - now - margin(of: grant))
  }

  /// How long one request takes for `bytes`, by those before it; nothing before the first.
  private func time(for bytes: Int) -> Duration { rate.map { .seconds(fraction: Double(bytes) / $0) } ?? .zero }

  /// Whether a request of `bytes` ends before the credential does. A file whose PUT takes longer than a whole life is sent all the same:
  /// OSS looks at the credential as a request begins.
  func lasts(for bytes: Int, at now: Timestamp) -> Bool {
    guard let grant else { return false }
    let left = rest(at: now)
    guard left > .zero else { return false }
    return left >= time(for: bytes) || left >= grant.life * 4 / 5 || refreshDenied != nil
  }

  /// How many units of a part the credential outlives: as many as usual, or fewer, so that a part takes no more than half of a whole life;
  /// nil to renew it first.
  func unitsThatFit(_ plan: PartPlan, in gap: UnitGap, at now: Timestamp) -> Int? {
    guard let grant, rest(at: now) > .zero else { return nil }
    var count = min(gap.count, plan.units(in: max(options.partSize, size / 2000)))
    if let rate {
      let halfLife = rate * (grant.life / 2).inSeconds
      count = min(count, plan.units(in: Int(min(halfLife, Double(PartPlan.mostBytes)))))
    }
    if let rate, refreshDenied != nil {
      // What is left is made use of.
      return min(count, plan.units(in: Int(min(rate * rest(at: now).inSeconds, Double(PartPlan.mostBytes)))))
    }
    return lasts(for: count * plan.unit, at: now) ? count : nil
  }

  /// Renews the credential in time for what is still to be sent.
  mutating func refreshAhead(at now: Timestamp) {
    guard let grant, refreshDenied == nil else { return }
    if grant.lapses - now < min(Self.ahead, grant.life / 4) { startRefresh() }
  }

  /// Asks for a new credential unless that is under way.
  mutating func startRefresh() {
    guard call == nil, let videoID = progress.videoID else { return }
    make(.refresh(videoID: videoID))
  }

  mutating func refreshed(_ new: Grant, at now: Timestamp, using generator: inout some RandomNumberGenerator) {
    emit(.report(.refreshed(requestID: new.content.requestID)))
    take(new)
    refreshDenied = nil
    if let address = progress.address, address != new.content.address { moved(to: new) }
    if isConfirming { sendMissing(at: now) } else { goOn(at: now, using: &generator) }
  }

  /// The documentation says that the address stays; should it change, what was sent to the old one is of no use.
  private mutating func moved(to new: Grant) {
    takeBackCompletion()
    progress.address = new.content.address
    emit(
      .record(
        .video(
          id: new.content.videoID, requestID: new.content.requestID, address: new.content.address,
          region: new.content.credential.region), isAwaited: false))
    if progress.uploadID != nil { forgetUpload() }
    switch phase {
    case .finishing, .confirming: phase = .transferring
    default: break
    }
  }

  mutating func refreshFailed(
    _ failed: OngoingCall, _ failure: CallFailure, at now: Timestamp,
    using generator: inout some RandomNumberGenerator
  ) {
    let isNeeded = rest(at: now) == .zero
    switch failure.kind {
    case .throttled, .unreached, .lost, .stale, .expired:
      var tries = failed.tries
      if retry(&tries, after: failure, at: now, using: &generator) == nil {
        guard !isNeeded else { return end(.failed(failure)) }
        // Until the credential lapses there is time.
        tries.due = now + RetryDelay.longest
      }
      call = OngoingCall(call: failed.call, attempt: nil, tries: tries)
    default:
      guard !isNeeded else { return end(.failed(failure)) }
      emit(.report(.refreshDenied(failure)))
      refreshDenied = failure
    }
    goOn(at: now, using: &generator)
  }

  /// OSS refused the credential: nothing else is sent with it. False when the file has ended of that.
  mutating func credentialRefused(_ failure: CallFailure, at now: Timestamp) -> Bool {
    lapses += 1
    if failure.kind == .keyUnknown { unknownKeys += 1 }
    // An unknown key may be an expired one. The second time, with a new credential, it is what it says.
    if unknownKeys > 1 || lapses >= options.tries {
      end(.failed(failure))
      return false
    }
    takeBackRequests()
    grant = nil
    if let denied = refreshDenied {
      end(.failed(denied))
      return false
    }
    return true
  }
}
