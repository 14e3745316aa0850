import CloudAPI
import Core

/// Creates the video. The ReferenceId is on the disk before VOD gets it, so that a lost answer never leads to a second
/// video.
extension FileUpload {
  mutating func resume(at now: Timestamp, using generator: inout some RandomNumberGenerator) {
    switch progress.ending {
    case .done(let proof): return end(.uploaded(proof))
    case .damaged(let reason): return end(.damaged(reason: reason))
    case .unconfirmed(let reason) where !options.retriesUnconfirmed: return end(.notConfirmed(reason: reason))
    case .unconfirmed: return resumeUnconfirmed(at: now, using: &generator)
    case nil: break
    }
    if let videoID = progress.videoID {
      emit(.report(.resumed(videoID: videoID, stored: storedBytes)))
      if progress.isCompleting { return confirm(at: now) }
      // The journal may be a copy from before the end.
      phase = .checking
      make(.mezzanine(videoID: videoID))
    } else {
      create(using: &generator)
    }
  }

  /// Looks for the video if an earlier run may have created it.
  private mutating func create(using generator: inout some RandomNumberGenerator) {
    guard let referenceID = progress.referenceID else { return announce(using: &generator) }
    phase = .creating
    createMayHaveHappened = true
    make(.find(referenceID: referenceID))
  }

  private mutating func announce(using generator: inout some RandomNumberGenerator) {
    let referenceID = Self.newReferenceID(using: &generator)
    progress.referenceID = referenceID
    phase = .recordingReference
    emit(.record(.reference(referenceID), isAwaited: true))
  }

  /// A person has checked, and wants another try.
  private mutating func resumeUnconfirmed(at now: Timestamp, using generator: inout some RandomNumberGenerator) {
    progress.ending = nil
    wasUnconfirmed = true
    isInDoubt = progress.videoID != nil
    if let videoID = progress.videoID {
      emit(.report(.resumed(videoID: videoID, stored: storedBytes)))
      if progress.isCompleting { return confirm(at: now) }
      phase = .transferring
      transfer(at: now)
    } else {
      create(using: &generator)
    }
  }

  /// A prefix and 32 hexadecimal digits.
  private static func newReferenceID(using generator: inout some RandomNumberGenerator) -> ReferenceID {
    guard let id = ReferenceID("vod-upload-" + Nonce.make(using: &generator)) else {
      preconditionFailure("a ReferenceId of ours that VOD doesn't take")
    }
    return id
  }

  mutating func recorded(at now: Timestamp, using generator: inout some RandomNumberGenerator) {
    switch phase {
    case .recordingReference:
      phase = .creating
      if let referenceID = progress.referenceID { make(.create(referenceID: referenceID)) }
    case .recordingCompletion:
      phase = .finishing(mayHaveHappened: false)
      finish(at: now)
    default: break
    }
  }

  mutating func granted(
    _ new: Grant, by call: Call, at now: Timestamp, using generator: inout some RandomNumberGenerator
  ) {
    switch phase {
    case .creating: hasVideo(new, by: call, at: now)
    case .transferring, .finishing, .confirming: refreshed(new, at: now, using: &generator)
    default: break
    }
  }

  private mutating func hasVideo(_ new: Grant, by call: Call, at now: Timestamp) {
    let content = new.content
    take(new)
    progress.videoID = content.videoID
    progress.address = content.address
    emit(
      .record(
        .video(
          id: content.videoID, requestID: content.requestID, address: content.address,
          region: content.credential.region), isAwaited: false))
    emit(.report(.created(videoID: content.videoID, requestID: content.requestID, address: content.address)))
    if case .find = call {
      // The journal may be a copy from before the video was known, and this video may be finished.
      phase = .checking
      return make(.mezzanine(videoID: content.videoID))
    }
    phase = .transferring
    transfer(at: now)
  }

  mutating func callFailed(
    _ failed: OngoingCall, _ failure: CallFailure, at now: Timestamp,
    using generator: inout some RandomNumberGenerator
  ) {
    switch failed.call {
    case .create(let referenceID): createFailed(failed, referenceID, failure, at: now, using: &generator)
    case .find(let referenceID): findFailed(failed, referenceID, failure, at: now, using: &generator)
    case .refresh: refreshFailed(failed, failure, at: now, using: &generator)
    case .mezzanine: confirmFailed(failed, failure, at: now, using: &generator)
    case .removeParts: removalFailed(failed, failure, at: now, using: &generator)
    }
  }

  private mutating func createFailed(
    _ failed: OngoingCall, _ referenceID: ReferenceID, _ failure: CallFailure, at now: Timestamp,
    using generator: inout some RandomNumberGenerator
  ) {
    if failure.mayHaveHappened || failure.kind == .referenceTaken {
      createMayHaveHappened = true
      // The person who checked couldn't know the outcome of this request.
      wasUnconfirmed = false
    }
    switch failure.kind {
    // Only VOD knows whether the video exists now.
    case .lost, .referenceTaken:
      again(failed, as: .find(referenceID: referenceID), after: failure, at: now, using: &generator)
    case .throttled, .unreached, .stale, .expired:
      let next = failure.mayHaveHappened ? Call.find(referenceID: referenceID) : failed.call
      again(failed, as: next, after: failure, at: now, using: &generator)
    default: end(.failed(failure))
    }
  }

  private mutating func findFailed(
    _ failed: OngoingCall, _ referenceID: ReferenceID, _ failure: CallFailure, at now: Timestamp,
    using generator: inout some RandomNumberGenerator
  ) {
    switch failure.kind {
    case .unknownVideo:
      createMayHaveHappened = false
      // The count of tries continues, since VOD may alternately know and not know the ReferenceId.
      make(.create(referenceID: referenceID), tries: failed.tries)
    case .throttled, .unreached, .lost, .stale, .expired:
      again(failed, as: failed.call, after: failure, at: now, using: &generator)
    default:
      // A person has checked, and there is no such video.
      if wasUnconfirmed { return make(.create(referenceID: referenceID), tries: failed.tries) }
      // The call is denied, or VOD doesn't accept a ReferenceId here for this account, which its documentation of 2025
      // leaves open.
      let reason =
        "whether CreateUploadVideo made a video isn't known, and RefreshUploadVideo by ReferenceId says \(failure.code)"
      end(recording: .unconfirmed(reason: reason), .notConfirmed(reason: reason))
    }
  }

  /// Makes the call `next` after a wait. If `failed` has been tried too often, ends the file, and the next run
  /// continues.
  mutating func again(
    _ failed: OngoingCall, as next: Call, after failure: CallFailure, at now: Timestamp,
    using generator: inout some RandomNumberGenerator
  ) {
    var tries = failed.tries
    guard retry(&tries, after: failure, at: now, using: &generator) != nil else { return end(.failed(failure)) }
    call = OngoingCall(call: next, attempt: nil, tries: tries)
    goOn(at: now, using: &generator)
  }
}
