import CloudAPI
import Core

/// The credential for the file's object: renewed before it expires, one request at a time, and never once the object
/// may be complete.
extension FileUpload {
  /// With less than this left, a credential isn't used for new requests, since a request has to arrive before it
  /// expires.
  private static let margin = Duration.seconds(3)
  /// With less than this left, or a quarter of its lifetime, a credential is renewed while parts continue to use it.
  private static let ahead = Duration.minutes(5)

  mutating func take(_ new: Grant) { grant = new }

  private func margin(of grant: Grant) -> Duration { min(Self.margin, grant.life / 10) }

  /// The remaining lifetime of the credential at `now`, without the margin; zero without a credential.
  private func rest(at now: Timestamp) -> Duration {
    guard let grant else { return .zero }
    return max(.zero, grant.lapses - now - margin(of: grant))
  }

  /// How long one request with `bytes` takes, by the rate of earlier ones; zero before the first.
  private func time(for bytes: Int) -> Duration { rate.map { .seconds(fraction: Double(bytes) / $0) } ?? .zero }

  /// Whether a request with `bytes` ends before the credential expires. A file whose PUT takes longer than a whole
  /// lifetime is sent anyway: OSS checks the credential when a request begins.
  func lasts(for bytes: Int, at now: Timestamp) -> Bool {
    guard let grant else { return false }
    let left = rest(at: now)
    guard left > .zero else { return false }
    return left >= time(for: bytes) || left >= grant.life * 4 / 5 || refreshDenied != nil
  }

  /// How many units the next part may have so that the credential outlives it: the usual number, or fewer, so that a
  /// part takes at most half of a whole lifetime. Nil to renew the credential first.
  func unitsThatFit(_ plan: PartPlan, in gap: UnitGap, at now: Timestamp) -> Int? {
    guard let grant, rest(at: now) > .zero else { return nil }
    var count = min(gap.count, plan.units(in: max(options.partSize, size / 2000)))
    if let rate {
      let halfLife = rate * (grant.life / 2).inSeconds
      count = min(count, plan.units(in: Int(min(halfLife, Double(PartPlan.mostBytes)))))
    }
    if let rate, refreshDenied != nil {
      // The remaining lifetime is used.
      return min(count, plan.units(in: Int(min(rate * rest(at: now).inSeconds, Double(PartPlan.mostBytes)))))
    }
    return lasts(for: count * plan.unit, at: now) ? count : nil
  }

  /// Renews the credential in time for what remains to be sent.
  mutating func refreshAhead(at now: Timestamp) {
    guard let grant, refreshDenied == nil else { return }
    if grant.lapses - now < min(Self.ahead, grant.life / 4) { startRefresh() }
  }

  /// Requests a new credential, unless a request is in progress.
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

  /// The documentation says that the address stays. If it changes, what was sent to the old one is useless.
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

  /// OSS refused the credential: no other request uses it. False if the file has ended because of that.
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
