import CloudAPI
import Core

/// The request that completes the object, and what happens if its answer is lost.
extension FileUpload {
  /// How long VOD is asked whether it has the file: OSS continues a Complete after the client has disconnected
  /// (CompleteMultipartUpload).
  private static let confirmation = Duration.seconds(60)
  private static let firstPoll = Duration.seconds(2)
  private static let longestPoll = Duration.seconds(15)

  /// Sends the PUT or Complete, unless it is in progress or waits for a retry.
  mutating func finish(at now: Timestamp) {
    guard case .finishing(let mayHaveHappened) = phase, running.isEmpty, isDue(at: now) else { return }
    guard lasts(for: 0, at: now) else {
      // With another credential, the request could overwrite a finished video.
      return mayHaveHappened ? confirm(at: now) : startRefresh()
    }
    if let uploadID = progress.uploadID {
      send(.complete(uploadID: uploadID, parts: progress.parts.sorted { $0.number < $1.number }), at: now)
    } else {
      send(.put, at: now)
    }
  }

  /// The CRC of the whole object; `sent` is that of a single PUT.
  private func wholeCRC(sent: CRC64) -> CRC64 {
    guard progress.uploadID != nil else { return sent }
    return progress.parts.sorted { $0.number < $1.number }
      .reduce(CRC64()) { CRC64.combine($0, $1.crc, lengthOfB: Int($1.length)) }
  }

  mutating func finished(_ request: RunningRequest, _ answer: Answer, at now: Timestamp) {
    guard let crc = answer.crc else {
      guard options.allowsMissingCRC else {
        // The next run asks VOD.
        return end(
          .failed(
            CallFailure(
              .refused, code: "NoCRC", detail: "OSS took the file, but named no CRC64 to prove that it is whole",
              requestID: answer.requestID,
              remedy: "let the role call GetMezzanineInfo, and run again to ask VOD whether it has the file")))
      }
      return end(recording: .done(.unproven), .uploaded(.unproven))
    }
    let whole = wholeCRC(sent: answer.sentCRC)
    guard crc == whole else {
      let reason = "the stored object has CRC64 \(crc), the file \(whole)"
      return end(recording: .damaged(reason: reason), .damaged(reason: reason))
    }
    if request.request == .put {
      measure(request, bytes: size, at: now)
      emit(.report(.partStored(bytes: size)))
    }
    end(recording: .done(.checked), .uploaded(.checked))
  }

  mutating func finishFailed(
    _ request: RunningRequest, _ failure: CallFailure, at now: Timestamp,
    using generator: inout some RandomNumberGenerator
  ) {
    guard case .finishing(let lostBefore) = phase else { return }
    let mayHaveHappened = lostBefore || failure.mayHaveHappened
    // The person who checked couldn't know the outcome of this request.
    if failure.mayHaveHappened { wasUnconfirmed = false }
    phase = .finishing(mayHaveHappened: mayHaveHappened)
    switch failure.kind {
    case .throttled, .unreached, .lost, .stale: finishAgain(failure, mayHaveHappened, at: now, using: &generator)
    case .objectExists: objectExists(at: now)
    case _ where mayHaveHappened: confirm(at: now)
    // VOD says that it waits for the file, and the user wants it.
    case .noSuchUpload where reopenings > 0 && wasUnconfirmed: restart(failure, at: now)
    case .noSuchUpload where reopenings > 0 || wasUnconfirmed:
      endUnconfirmed("OSS knows the upload no more, so it was completed or aborted")
    // The upload was completed or aborted, which the answer doesn't distinguish. libcurl may have sent the request
    // twice.
    case .noSuchUpload: confirm(at: now)
    case .expired, .keyUnknown:
      // If no other credential can be had, the next run needn't ask VOD.
      takeBackCompletion()
      phase = .transferring
      if credentialRefused(failure, at: now) { transfer(at: now) }
    case .damaged: finishAgain(failure, false, at: now, using: &generator)
    case .invalidPart where progress.uploadID != nil: sendAllAgain(failure, at: now)
    default: endRefused(failure, at: now)
    }
  }

  /// The object is there, by a run that this journal doesn't know of, or by a request of this one whose answer was lost.
  mutating func objectExists(at now: Timestamp) {
    foundObject = true
    confirm(at: now)
  }

  private mutating func finishAgain(
    _ failure: CallFailure, _ mayHaveHappened: Bool, at now: Timestamp,
    using generator: inout some RandomNumberGenerator
  ) {
    var tries = single
    if retry(&tries, after: failure, at: now, using: &generator) != nil {
      single = tries
      goOn(at: now, using: &generator)
    } else if mayHaveHappened {
      confirm(at: now)
    } else {
      endRefused(failure, at: now)
    }
  }

  /// Records that the announced completion wasn't carried out.
  mutating func takeBackCompletion() {
    guard progress.isCompleting, !isInDoubt else { return }
    progress.isCompleting = false
    emit(.record(.refused, isAwaited: false))
  }

  /// Ends the file, with a completion that wasn't carried out: the next run continues from here, and needn't ask VOD.
  mutating func endRefused(_ failure: CallFailure, at now: Timestamp) {
    takeBackCompletion()
    if failure.kind == .fileChanged { abandon(because: failure, at: now) } else { end(.failed(failure)) }
  }

  // MARK: VOD's word on it

  /// Asks VOD whether the video is finished.
  mutating func confirm(at now: Timestamp) {
    guard let videoID = progress.videoID else { return }
    takeBackRequests()
    single = Tries()
    phase = .confirming(since: now)
    emit(.report(.confirming))
    make(.mezzanine(videoID: videoID))
  }

  mutating func confirmed(by info: MezzanineInfo, at now: Timestamp) {
    guard let videoID = progress.videoID, phase == .checking || isConfirming else { return }
    if info.isFinished {
      if let stored = info.fileSize, stored != Int64(size) {
        return endUnconfirmed("\(Self.otherFile) \(stored) bytes, this one has \(size)")
      }
      return end(recording: .done(.confirmed), .uploaded(.confirmed))
    }
    if info.isDeleted, !wasUnconfirmed { return endUnconfirmed("VOD says that the video's file was deleted") }
    guard case .confirming(let since) = phase else {
      // Another state may be that of a video that could be overwritten.
      keepsObject = !info.waitsForFile
      return begin(at: now)
    }
    let elapsed = now - since
    guard elapsed < Self.confirmation, !info.isFinal else {
      // In another state, the video could be overwritten.
      guard info.waitsForFile || wasUnconfirmed else {
        return endUnconfirmed("VOD says that the video is '\(info.status)'")
      }
      // VOD may notice the object much later. Only an upload that it has given up, or that a person has looked at, may be replaced.
      keepsObject = !info.isFinal && !wasUnconfirmed
      if foundObject, keepsObject {
        return endUnconfirmed("OSS has an object there already, and VOD still waits for the file")
      }
      if info.waitsForFile { isInDoubt = false }
      return reopen(videoID)
    }
    let wait = min(Self.longestPoll, max(Self.firstPoll, elapsed), Self.confirmation - elapsed)
    call = OngoingCall(call: .mezzanine(videoID: videoID), attempt: nil, tries: Tries(due: now + wait))
  }

  /// Sends the completion again, after the parts that are missing.
  mutating func sendMissing(at now: Timestamp) {
    let isPut = progress.uploadID == nil && (progress.isCompleting || !isMultipart)
    let isStored = isPut || storedBytes == size
    phase = isStored ? .finishing(mayHaveHappened: false) : .transferring
    isStored ? finish(at: now) : transfer(at: now)
  }

  var isConfirming: Bool { if case .confirming = phase { true } else { false } }

  private mutating func begin(at now: Timestamp) {
    phase = .transferring
    transfer(at: now)
  }

  /// VOD still waits for the file, so a new credential is safe as long as `keepsObject` is right.
  private mutating func reopen(_ videoID: String) {
    reopenings += 1
    guard reopenings < options.tries else {
      return end(
        .failed(
          CallFailure(
            .lost, code: "NoAnswerToComplete", detail: "VOD still waits for the file, however often it was completed",
            remedy: "run again")))
    }
    grant = nil
    make(.refresh(videoID: videoID))
  }

  mutating func confirmFailed(
    _ failed: OngoingCall, _ failure: CallFailure, at now: Timestamp,
    using generator: inout some RandomNumberGenerator
  ) {
    switch failure.kind {
    case .throttled, .unreached, .lost, .stale, .expired:
      again(failed, as: failed.call, after: failure, at: now, using: &generator)
    case .unknownVideo: end(.failed(failure))
    case _ where phase == .checking:
      if failure.kind == .denied { emit(.report(.checkDenied(failure))) }
      // The journal may be a copy from before an end that nobody can be asked for: then OSS has the object.
      keepsObject = true
      begin(at: now)
    // A person has checked, and VOD waits for the file.
    case _ where wasUnconfirmed: sendMissing(at: now)
    default:
      let why = foundObject ? "OSS has an object there already" : "the answer that completes the upload was lost"
      endUnconfirmed("\(why), and GetMezzanineInfo says \(failure.code)")
    }
  }

  private mutating func endUnconfirmed(_ reason: String) {
    end(recording: .unconfirmed(reason: reason), .notConfirmed(reason: reason))
  }
}
