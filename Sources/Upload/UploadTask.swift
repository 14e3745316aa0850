package import CloudAPI
import Core
package import Systemd

/// One file in progress: carries out the effects of its `FileUpload`, and feeds the outcomes back.
package final class UploadTask {
  package let file: SourceFile
  private let details: VideoDetails
  private let cloud: any UploadCloud
  private let recorder: any UploadRecorder
  private let scheduler: any Scheduler
  private let notice: (FileUpload.Notice) -> Void
  private let ended: (FileUpload.Outcome) -> Void

  private var upload: FileUpload
  private var chance: any RandomNumberGenerator
  private var call: AnyObject?
  private var requests: [FileUpload.Attempt: any SentRequest] = [:]
  private var alarm: (any Alarm)!

  /// `ended` is called once, as the last call, and may release the task. If the task is released earlier, its requests
  /// are cancelled, and `ended` isn't called.
  package init(
    _ file: SourceFile, details: VideoDetails, progress: FileUpload.Progress, options: FileUpload.Options,
    scheduler: any Scheduler, cloud: any UploadCloud, recorder: any UploadRecorder,
    chance: any RandomNumberGenerator, notice: @escaping (FileUpload.Notice) -> Void,
    ended: @escaping (FileUpload.Outcome) -> Void
  ) throws(LoopError) {
    self.file = file
    self.details = details
    self.scheduler = scheduler
    self.cloud = cloud
    self.recorder = recorder
    self.chance = chance
    self.notice = notice
    self.ended = ended
    upload = FileUpload(size: file.size, progress: progress, options: options)
    alarm = try scheduler.timer(accuracy: 10_000) { [unowned self] in handle(.timer) }
  }

  package func start() {
    let effects = upload.start(at: scheduler.time, using: &chance)
    perform(effects)
  }

  /// Instead of `start`: removes what an earlier run has stored of a file that can't be continued, and ends with
  /// `reason`.
  package func abandon(because reason: CallFailure) {
    let effects = upload.abandon(because: reason, at: scheduler.time, using: &chance)
    perform(effects)
  }

  /// Whether it only asks VOD from time to time.
  package var isWaitingForVOD: Bool { upload.isWaitingForVOD }

  /// Ends what is on its way, of which nobody hears any more.
  package func interrupt() -> FileUpload.Continuation {
    let interruption = upload.interrupt(mayBeWhole: requests.values.contains { $0.mayBeWhole })
    call = nil
    requests = [:]
    alarm.disarm()
    perform(interruption.effects)
    return interruption.next
  }

  /// The number of bytes stored in OSS or being sent.
  package var bytesSent: Int { upload.storedBytes + requests.values.reduce(0) { $0 + $1.bytesSent } }

  package var videoID: String? { upload.progress.videoID }
  /// The bucket's region in UploadAuth; nil if it has none, or if there is no credential now.
  var region: String? { upload.grant?.content.credential.region }
  package var referenceID: ReferenceID? { upload.progress.referenceID }

  private func handle(_ event: FileUpload.Event) {
    // The last effect may release this object.
    withExtendedLifetime(self) {
      let effects = upload.handle(event, at: scheduler.time, using: &chance)
      perform(effects)
    }
  }

  private func perform(_ effects: [FileUpload.Effect]) {
    for effect in effects {
      switch effect {
      case .record(let record, let isAwaited):
        recorder.record(record, isDurable: isAwaited ? { [weak self] in self?.handle(.recorded) } : nil)
      case .call(let next, let attempt): make(next, attempt)
      case .send(let request, let attempt): send(request, attempt)
      case .cancelRequests: requests = [:]
      case .wake(let time?): alarm.arm(at: time.microseconds)
      case .wake(nil): alarm.disarm()
      case .report(let notice): self.notice(notice)
      case .end(let outcome):
        call = nil
        requests = [:]
        alarm.disarm()
        ended(outcome)
      }
    }
  }

  private func make(_ next: FileUpload.Call, _ attempt: FileUpload.Attempt) {
    call = cloud.make(next, for: details) { [unowned self] result in
      switch result {
      case .success(.grant(let grant)): handle(.granted(grant, attempt))
      case .success(.mezzanine(let info)): handle(.mezzanine(info, attempt))
      case .success(.partsRemoved): handle(.partsRemoved(attempt))
      case .failure(let failure): handle(.callFailed(failure.of(next), attempt))
      }
    }
  }

  private func send(_ request: FileUpload.Request, _ attempt: FileUpload.Attempt) {
    guard let grant = upload.grant else { return }
    requests[attempt] = cloud.send(request, of: file, with: grant, keepingObject: upload.keepsObject) {
      [unowned self] result in
      requests[attempt] = nil
      switch result {
      case .success(let answer): handle(.stored(answer, attempt))
      case .failure(let failure): handle(.storeFailed(failure, attempt))
      }
    }
  }
}
