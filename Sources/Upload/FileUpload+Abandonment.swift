package import Core

/// Ends a multipart upload that can't be continued. OSS keeps its parts, at the account's expense, until they are
/// removed.
///
/// The upload's own credential may be allowed to do that (AbortMultipartUpload; whether that of VOD is isn't documented), or the role
/// (DeleteMultipartUpload of VOD). Where neither is, the failure that ends the file says what stays. Nothing is removed once Complete may have
/// been carried out.
extension FileUpload {
  struct Abandonment: Hashable {
    /// The failure with which the file ends.
    let reason: CallFailure
    var abortFailed = false
  }

  /// Removes the parts of a file that an earlier run began and that can't be continued because of `reason`; then ends
  /// with that reason.
  package mutating func abandon(
    because reason: CallFailure, at now: Timestamp, using generator: inout some RandomNumberGenerator
  ) -> [Effect] {
    precondition(phase == .new, "started twice")
    abandon(because: reason, at: now)
    return takeEffects(at: now)
  }

  mutating func abandon(because reason: CallFailure, at now: Timestamp) {
    guard progress.uploadID != nil, !progress.isCompleting, progress.ending == nil else { return end(.failed(reason)) }
    takeBackRequests()
    call = nil
    single = Tries()
    phase = .abandoning(Abandonment(reason: reason))
    removeParts(at: now)
  }

  mutating func removeParts(at now: Timestamp) {
    guard case .abandoning(let abandonment) = phase, running.isEmpty, call == nil, isDue(at: now),
      let uploadID = progress.uploadID, let videoID = progress.videoID
    else { return }
    if !abandonment.abortFailed, lasts(for: 0, at: now) {
      send(.abort(uploadID: uploadID), at: now)
    } else {
      make(.removeParts(videoID: videoID))
    }
  }

  mutating func partsRemoved() {
    guard case .abandoning(let abandonment) = phase else { return }
    forgetUpload()
    end(.failed(abandonment.reason))
  }

  mutating func abortFailed(
    _ failure: CallFailure, at now: Timestamp, using generator: inout some RandomNumberGenerator
  ) {
    guard case .abandoning(var abandonment) = phase else { return }
    switch failure.kind {
    case .noSuchUpload: return partsRemoved()
    case .throttled, .unreached, .lost, .stale:
      var tries = single
      if retry(&tries, after: failure, at: now, using: &generator) != nil {
        single = tries
        return
      }
    default: break
    }
    abandonment.abortFailed = true
    phase = .abandoning(abandonment)
    removeParts(at: now)
  }

  mutating func removalFailed(
    _ failed: OngoingCall, _ failure: CallFailure, at now: Timestamp,
    using generator: inout some RandomNumberGenerator
  ) {
    guard case .abandoning(let abandonment) = phase else { return }
    switch failure.kind {
    // VOD can't find the parts any more.
    case .unknownVideo: return end(.failed(abandonment.reason))
    case .throttled, .unreached, .lost, .stale, .expired:
      var tries = failed.tries
      if retry(&tries, after: failure, at: now, using: &generator) != nil {
        call = OngoingCall(call: failed.call, attempt: nil, tries: tries)
        return goOn(at: now, using: &generator)
      }
    default: break
    }
    guard storedBytes > 0 else { return end(.failed(abandonment.reason)) }
    let remedy = failure.kind == .denied ? "allow vod:DeleteMultipartUpload" : failure.code
    end(
      .failed(
        abandonment.reason.adding(
          "\(ByteCount.text(Int64(storedBytes))) of its parts stay in OSS (\(remedy), and run again to have them removed)"
        ))
    )
  }
}
