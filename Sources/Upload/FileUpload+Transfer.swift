import Core

/// The file's bytes on their way to OSS: in one PUT, or in parts under one upload id.
extension FileUpload {
  var isMultipart: Bool { progress.uploadID != nil || size > options.largestPut }

  private var plan: PartPlan? {
    if let unit = progress.unit { return PartPlan(size: size, unit: unit) }
    return size > 0 ? PartPlan(size: size) : nil
  }

  /// Sends what can be sent.
  mutating func transfer(at now: Timestamp) {
    guard isMultipart else { return prepareCompletion(bytes: size, at: now) }
    guard let plan else {
      return end(
        .failed(
          CallFailure(
            .refused, code: "FileTooLarge", detail: "OSS takes 48.8 TB at most, in 10,000 parts of 5 GB",
            remedy: "split the file, or leave it out")))
    }
    guard progress.uploadID != nil else { return initiate(at: now) }
    sendParts(plan, at: now)
  }

  private mutating func initiate(at now: Timestamp) {
    guard running.isEmpty, isDue(at: now) else { return }
    guard lasts(for: 0, at: now) else { return startRefresh() }
    send(.initiate, at: now)
  }

  /// Whether the single request that failed may be sent again.
  func isDue(at now: Timestamp) -> Bool { single.due.map { $0 <= now } ?? true }

  private mutating func sendParts(_ plan: PartPlan, at now: Timestamp) {
    guard let uploadID = progress.uploadID else { return }
    var left = gaps ?? UnitGaps(plan, stored: progress.parts)
    while running.count < options.partsAtOnce, let gap = left.next(at: now) {
      guard let count = unitsThatFit(plan, in: gap, at: now) else {
        // What is on its way goes on with the credential that it began with.
        startRefresh()
        break
      }
      left.take(count, of: gap)
      let part = UnitGap(first: gap.first, count: count, failures: gap.failures)
      send(
        .part(number: gap.first + 1, uploadID: uploadID, range: plan.range(first: gap.first, count: count)), gap: part,
        at: now)
    }
    gaps = left
    if !left.isEmpty {
      refreshAhead(at: now)
    } else if running.isEmpty {
      prepareCompletion(bytes: 0, at: now)
    }
  }

  /// Has `completing` written, before what completes the object is sent.
  private mutating func prepareCompletion(bytes: Int, at now: Timestamp) {
    // A refresh that is on its way mustn't arrive after what completes the object.
    if let call, call.attempt != nil { return }
    guard lasts(for: bytes, at: now) else { return startRefresh() }
    call = nil
    progress.isCompleting = true
    single = Tries()
    phase = .recordingCompletion
    emit(.record(.completing(isMultipart: isMultipart), isAwaited: true))
  }

  mutating func stored(
    _ request: RunningRequest, _ answer: Answer, at now: Timestamp, using generator: inout some RandomNumberGenerator
  ) {
    switch request.request {
    case .initiate: initiated(request, answer, at: now, using: &generator)
    case .part(let number, _, let range):
      partStored(request, number, range, answer, at: now, using: &generator)
    case .put, .complete: finished(request, answer, at: now)
    case .abort: partsRemoved()
    }
  }

  private mutating func initiated(
    _ request: RunningRequest, _ answer: Answer, at now: Timestamp,
    using generator: inout some RandomNumberGenerator
  ) {
    guard let uploadID = answer.uploadID, let plan else {
      let failure = CallFailure(
        .lost, code: "NoUploadId", detail: "OSS's answer names no upload id", requestID: answer.requestID)
      return storeFailed(request, failure, at: now, using: &generator)
    }
    (lapses, unknownKeys) = (0, 0)
    single = Tries()
    progress.uploadID = uploadID
    progress.unit = plan.unit
    emit(.record(.upload(id: uploadID, unit: plan.unit), isAwaited: false))
    transfer(at: now)
  }

  private mutating func partStored(
    _ request: RunningRequest, _ number: Int, _ range: Range<Int>, _ answer: Answer, at now: Timestamp,
    using generator: inout some RandomNumberGenerator
  ) {
    // If OSS names no CRC of a part, that of the whole object is checked.
    guard let etag = answer.etag, answer.crc.map({ $0 == answer.sentCRC }) ?? true else {
      let failure =
        answer.etag == nil
        ? CallFailure(
          .damaged, code: "NoETag", detail: "OSS's answer names no ETag of the part", requestID: answer.requestID)
        : CallFailure(
          .damaged, code: "CRCMismatch", detail: "OSS stored other bytes than those that were sent",
          requestID: answer.requestID)
      return storeFailed(request, failure, at: now, using: &generator)
    }
    (lapses, unknownKeys) = (0, 0)
    measure(request, bytes: range.count, at: now)
    let part = FinishedPart(unit: number - 1, range: range, etag: etag, crc: answer.sentCRC)
    progress.parts.append(part)
    emit(.record(.part(part), isAwaited: false))
    emit(.report(.partStored(bytes: range.count)))
    transfer(at: now)
  }

  /// In bytes.
  private static var leastMeasured: Int { 64 * 1024 }

  mutating func measure(_ request: RunningRequest, bytes: Int, at now: Timestamp) {
    // Of a few bytes the time is that of the request, not of the bytes.
    guard bytes >= Self.leastMeasured else { return }
    let seconds = max((now - request.begun).inSeconds, 0.001)
    let latest = Double(bytes) / seconds
    rate = rate.map { $0 * 0.7 + latest * 0.3 } ?? latest
  }

  /// A part whose credential lapsed on the way may have been too large for it.
  private mutating func tookLong(_ request: RunningRequest, at now: Timestamp) {
    guard let grant, let gap = request.gap, let unit = progress.unit, now - request.begun > grant.life / 2 else {
      return
    }
    let most = Double(gap.count * unit) / (now - request.begun).inSeconds
    rate = min(rate ?? most, most / 2)
  }

  mutating func storeFailed(
    _ request: RunningRequest, _ failure: CallFailure, at now: Timestamp,
    using generator: inout some RandomNumberGenerator
  ) {
    switch request.request {
    case .initiate: initiateFailed(failure, at: now, using: &generator)
    case .part: partFailed(request, failure, at: now, using: &generator)
    case .put, .complete: finishFailed(request, failure, at: now, using: &generator)
    case .abort: abortFailed(failure, at: now, using: &generator)
    }
  }

  private mutating func initiateFailed(
    _ failure: CallFailure, at now: Timestamp, using generator: inout some RandomNumberGenerator
  ) {
    switch failure.kind {
    case .expired, .keyUnknown:
      if credentialRefused(failure, at: now) { transfer(at: now) }
    case .objectExists: objectExists(at: now)
    // A second upload id harms nothing: the first has no parts.
    case .throttled, .unreached, .lost, .stale, .damaged: waitForSingle(failure, at: now, using: &generator)
    default: end(.failed(failure))
    }
  }

  /// Tries the initiate, PUT or Complete again after a wait; false when it was tried often enough, which ends the file.
  mutating func waitForSingle(
    _ failure: CallFailure, at now: Timestamp, using generator: inout some RandomNumberGenerator
  ) {
    var tries = single
    guard retry(&tries, after: failure, at: now, using: &generator) != nil else { return end(.failed(failure)) }
    single = tries
    goOn(at: now, using: &generator)
  }

  private mutating func partFailed(
    _ request: RunningRequest, _ failure: CallFailure, at now: Timestamp,
    using generator: inout some RandomNumberGenerator
  ) {
    switch failure.kind {
    case .expired, .keyUnknown:
      giveBack(request)
      tookLong(request, at: now)
      if credentialRefused(failure, at: now) { transfer(at: now) }
    case .throttled, .unreached, .lost, .stale, .damaged, .invalidPart:
      guard var gap = request.gap else { return }
      var tries = Tries(failures: gap.failures)
      let numbered = failure.ofPart(gap.first + 1)
      guard let due = retry(&tries, after: numbered, at: now, using: &generator) else { return end(.failed(failure)) }
      gap.failures = tries.failures
      gap.due = due
      gaps?.giveBack(gap)
      transfer(at: now)
    case .noSuchUpload: restart(failure, at: now)
    case .fileChanged: abandon(because: failure, at: now)
    default: end(.failed(failure))
    }
  }

  /// OSS knows the upload id no more, before Complete was sent: all begins again under another.
  mutating func restart(_ failure: CallFailure, at now: Timestamp) {
    restarts += 1
    guard restarts < options.tries else { return end(.failed(failure)) }
    takeBackCompletion()
    forgetUpload()
    phase = .transferring
    emit(.report(.restarted))
    transfer(at: now)
  }

  /// OSS doesn't have the parts as the journal has them: all are sent again under the same upload id, so that none is left behind.
  mutating func sendAllAgain(_ failure: CallFailure, at now: Timestamp) {
    restarts += 1
    guard restarts < options.tries, let uploadID = progress.uploadID, let unit = progress.unit else {
      return endRefused(failure, at: now)
    }
    takeBackCompletion()
    progress.parts = []
    gaps = nil
    single = Tries()
    emit(.record(.upload(id: uploadID, unit: unit), isAwaited: false))
    emit(.report(.retrying(failure, in: .zero)))
    phase = .transferring
    transfer(at: now)
  }

  mutating func forgetUpload() {
    takeBackRequests()
    progress.uploadID = nil
    progress.unit = nil
    progress.parts = []
    gaps = nil
    single = Tries()
    emit(.record(.restarted, isAwaited: false))
  }

  /// Ends what is on its way to OSS, to be sent again.
  mutating func takeBackRequests() {
    guard !running.isEmpty else { return }
    emit(.cancelRequests)
    for request in running.values { giveBack(request) }
    running = [:]
  }

  private mutating func giveBack(_ request: RunningRequest) {
    if let gap = request.gap { gaps?.giveBack(gap) }
  }
}
