package import Core

/// The upload of one file, from its ReferenceId to the proof that its object is whole: events in, effects out.
///
/// ```
/// ReferenceId written ─▶ CreateUploadVideo ─▶ parts ──▶ `completing` written ─▶ Complete ─▶ done
///        │  answer lost         ▲                ▲ │                            │  answer lost
///        ▼                      │ unknown        │ ▼                            ▼
///    RefreshUploadVideo by ReferenceId        RefreshUploadVideo            GetMezzanineInfo ─▶ done | not confirmed
/// ```
///
/// It never waits: it returns effects, and outcomes come in as events. Two rules keep a finished video from being
/// overwritten. After Complete or the single PUT may have been carried out, the credential isn't renewed until VOD has
/// reported that the video is still uploading. And after a lost answer, a video isn't created again until VOD has
/// reported that it doesn't know the ReferenceId.
package struct FileUpload {
  /// In bytes.
  package let size: Int
  let options: Options
  package internal(set) var progress: Progress
  /// The credential and address for requests to OSS; nil before the first, and after it has expired.
  package internal(set) var grant: Grant?

  var phase = Phase.new
  var call: OngoingCall?
  /// Set if RefreshUploadVideo isn't allowed.
  var refreshDenied: CallFailure?
  var running: [Attempt: RunningRequest] = [:]
  var gaps: UnitGaps?
  /// The rate of one request, in bytes per second; before the first one has ended, the expected rate or nil.
  var rate: Double?
  /// The number of consecutive refusals of the credential.
  var lapses = 0
  /// Those among them that didn't know the key.
  var unknownKeys = 0
  var restarts = 0
  /// Whether VOD may have created a video that isn't known here.
  var createMayHaveHappened = false
  /// Whether an earlier run left the file unconfirmed and a person has checked since; until an answer of this run is
  /// lost.
  var wasUnconfirmed = false
  /// Whether an earlier run may have created the video, which a person has checked but VOD hasn't reported. Then no
  /// record of that is revoked.
  var isInDoubt = false
  /// Whether the journal has it as not confirmed (`JournalState`), so that the next run leaves it alone.
  private var isWrittenAsUnconfirmed = false
  private var hasWrittenVideo = false
  /// Whether an object that is there already stays as it is: where it may be the whole file, which VOD hasn't noticed or can't be asked for.
  package internal(set) var keepsObject = false
  /// Whether there was one.
  var foundObject = false
  /// How often VOD said that it still waits for a file whose completion had been sent.
  var reopenings = 0
  /// The tries of initiate, PUT or Complete, of which at most one is sent at a time.
  var single = Tries()
  private var serial = 0
  private var wake: Timestamp?
  private var effects: [Effect] = []

  enum Phase: Hashable {
    case new
    case recordingReference
    /// CreateUploadVideo is called, or VOD is asked for the video of a ReferenceId.
    case creating
    /// Before anything is sent, VOD is asked whether a video that an earlier run created is finished.
    case checking
    case transferring
    case recordingCompletion
    /// The PUT or Complete is in progress. `mayHaveHappened` is set once an answer was lost.
    case finishing(mayHaveHappened: Bool)
    /// VOD is asked whether the video is finished, since `since`.
    case confirming(since: Timestamp)
    /// The parts of an upload that can't be continued are being removed.
    case abandoning(Abandonment)
    case ended
  }

  /// The number of consecutive failures, and when the next try is due.
  struct Tries: Hashable {
    var failures = 0
    /// Throttled calls don't count as failures.
    var throttles = 0
    var due: Timestamp?
  }

  struct OngoingCall {
    var call: Call
    /// Nil while it waits for the next try.
    var attempt: Attempt?
    var tries = Tries()
  }

  struct RunningRequest {
    var request: Request
    var begun: Timestamp
    var gap: UnitGap?
  }

  /// `progress` is what earlier runs recorded about the file.
  package init(size: Int, progress: Progress = Progress(), options: Options = Options()) {
    precondition(size >= 0 && options.tries > 0 && options.partsAtOnce > 0, "an upload of nothing")
    self.size = size
    self.options = options
    self.progress = progress
    if case .unconfirmed? = progress.ending { isWrittenAsUnconfirmed = true }
    hasWrittenVideo = progress.videoID != nil
    rate = options.expectedRate
  }

  package var hasEnded: Bool { phase == .ended }

  /// Whether it only asks VOD from time to time.
  package var isWaitingForVOD: Bool { isConfirming }

  /// The number of bytes in the parts that OSS has.
  package var storedBytes: Int { progress.parts.reduce(0) { $0 + Int($1.length) } }

  /// Starts, or continues where an earlier run ended.
  package mutating func start(
    at now: Timestamp, using generator: inout some RandomNumberGenerator
  ) -> [Effect] {
    precondition(phase == .new, "started twice")
    resume(at: now, using: &generator)
    return takeEffects(at: now)
  }

  package mutating func handle(
    _ event: Event, at now: Timestamp, using generator: inout some RandomNumberGenerator
  ) -> [Effect] {
    switch event {
    case .recorded: recorded(at: now, using: &generator)
    case .granted(let grant, let attempt):
      if let ended = endCall(attempt) { granted(grant, by: ended.call, at: now, using: &generator) }
    case .mezzanine(let info, let attempt):
      if endCall(attempt) != nil { confirmed(by: info, at: now) }
    case .partsRemoved(let attempt):
      if endCall(attempt) != nil { partsRemoved() }
    case .callFailed(let failure, let attempt):
      if let call = endCall(attempt) { callFailed(call, failure, at: now, using: &generator) }
    case .stored(let answer, let attempt):
      if let request = running.removeValue(forKey: attempt) { stored(request, answer, at: now, using: &generator) }
    case .storeFailed(let failure, let attempt):
      if let request = running.removeValue(forKey: attempt) {
        storeFailed(request, failure, at: now, using: &generator)
      }
    case .timer:
      wake = nil
      goOn(at: now, using: &generator)
    }
    return takeEffects(at: now)
  }

  /// Ends it where it is, for the next run to go on; nothing else is to be done with it. `mayBeWhole` is whether a request that is on its way
  /// may have been sent whole.
  package mutating func interrupt(mayBeWhole: Bool) -> (next: Continuation, effects: [Effect]) {
    let isCompleting =
      switch phase {
      case .finishing(let mayHaveHappened): mayHaveHappened || mayBeWhole || reopenings > 0
      // Not sent yet.
      case .recordingCompletion: false
      default: progress.isCompleting
      }
    if !isCompleting { takeBackCompletion() }
    phase = .ended
    defer { effects = [] }
    if isWrittenAsUnconfirmed { return (.staysUnconfirmed, effects) }
    return (isCompleting ? .asksVOD : .goesOn, effects)
  }

  /// Does what is due.
  mutating func goOn(at now: Timestamp, using generator: inout some RandomNumberGenerator) {
    if let waiting = call, waiting.attempt == nil, waiting.tries.due.map({ $0 <= now }) ?? true {
      make(waiting.call, tries: waiting.tries)
    }
    switch phase {
    case .transferring: transfer(at: now)
    case .finishing: finish(at: now)
    case .abandoning: removeParts(at: now)
    default: break
    }
  }

  // MARK: What the parts of this machine do it with

  mutating func emit(_ effect: Effect) {
    if case .record(let record, _) = effect { note(record) }
    effects.append(effect)
  }

  /// As the journal takes it.
  private mutating func note(_ record: Record) {
    switch record {
    case .refused: isWrittenAsUnconfirmed = false
    case .video: if !hasWrittenVideo { isWrittenAsUnconfirmed = false }
    case .ended(.unconfirmed): isWrittenAsUnconfirmed = true
    case .ended(.done), .ended(.damaged): isWrittenAsUnconfirmed = false
    default: break
    }
    if case .video = record { hasWrittenVideo = true }
  }

  /// What a person can do with a file that the next run leaves alone.
  static let staysUnconfirmed = "it stays not confirmed: run again with --retry-unconfirmed"

  mutating func nextAttempt() -> Attempt {
    serial += 1
    return Attempt(serial: serial)
  }

  /// Makes a call to VOD; there must be none in progress.
  mutating func make(_ next: Call, tries: Tries = Tries()) {
    let attempt = nextAttempt()
    call = OngoingCall(call: next, attempt: attempt, tries: tries)
    emit(.call(next, attempt))
  }

  mutating func send(_ request: Request, gap: UnitGap? = nil, at now: Timestamp) {
    let attempt = nextAttempt()
    running[attempt] = RunningRequest(request: request, begun: now, gap: gap)
    emit(.send(request, attempt))
  }

  mutating func end(_ outcome: Outcome) {
    if !running.isEmpty { emit(.cancelRequests) }
    if phase == .creating, case .failed = outcome, !createMayHaveHappened {
      // No video exists, so the next run starts from the beginning, even if it may not search for one.
      progress.referenceID = nil
      emit(.record(.refused, isAwaited: false))
    }
    running = [:]
    call = nil
    grant = nil
    phase = .ended
    guard case .failed(let failure) = outcome, options.retriesUnconfirmed, isWrittenAsUnconfirmed else {
      return emit(.end(outcome))
    }
    emit(.end(.failed(failure.adding(Self.staysUnconfirmed))))
  }

  mutating func end(recording ending: Ending, _ outcome: Outcome) {
    emit(.record(.ended(ending), isAwaited: false))
    end(outcome)
  }

  private mutating func endCall(_ attempt: Attempt) -> OngoingCall? {
    guard let ended = call, ended.attempt == attempt else { return nil }
    call = nil
    return ended
  }

  mutating func takeEffects(at now: Timestamp) -> [Effect] {
    let next = nextDue(after: now)
    if next != wake {
      wake = next
      emit(.wake(next))
    }
    defer { effects = [] }
    return effects
  }

  private func nextDue(after now: Timestamp) -> Timestamp? {
    let times = [
      call.flatMap { $0.attempt == nil ? $0.tries.due : nil }, running.isEmpty ? single.due : nil,
      phase == .transferring ? gaps?.nextDue(after: now) : nil,
    ]
    return times.compactMap { $0 }.filter { $0 > now }.min()
  }
}
