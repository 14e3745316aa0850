package import CloudAPI
import Core
package import Systemd

/// Uploads files, a few at a time, and records the progress of each in the journal.
package final class Batch {
  package struct Options: Sendable {
    /// The maximum number of files in progress, except those that only wait for VOD to report their outcome.
    package var jobs = 4
    package var upload = FileUpload.Options()
    /// The interval between two `progress` events of a file.
    package var reportInterval = Duration.milliseconds(200)

    package init() {}
  }

  /// Returns the parameters of CreateUploadVideo for a file. Throws the reason why there are none.
  package typealias Details = (VideoFile) throws(UploadResult.Trouble) -> VideoDetails

  let options: Options
  let journal: BatchJournal
  let cloud: any UploadCloud
  let scheduler: any Scheduler
  let details: Details
  let chance: () -> any RandomNumberGenerator
  let report: (UploadEvent) -> Void
  private let ended: () -> Void

  package internal(set) var files: BatchFiles
  private var next = 0
  var running: [Int: Running] = [:]
  private var alarm: (any Alarm)!
  var starter: (any Deferral)!
  /// Whether more files may come, so that none left to begin isn't the end.
  var isOpen: Bool
  package private(set) var hasStarted = false
  private var hasEnded = false
  /// Whether this run has reported that VOD can't be asked about files of an earlier run.
  private var hasNotedDeniedCheck = false
  /// The entries before this index have been started, or reported as not uploaded.
  private var looked = 0
  /// While it is set, no file is started, and no entry is reported as not uploaded; files in progress continue.
  package var isPaused = false {
    didSet { if oldValue, !isPaused { starter.schedule() } }
  }
  /// As which entry this run has taken up a file last, by its number in the journal; -1 for none.
  var takenUp: [Int32] = []
  /// Hashes of what the sidecars of files that were begun are called without `.json`; only where more files may come.
  private var describedNames: Set<Int> = []
  /// Limited because each file that waits for VOD is held open.
  private static let mostWaiting = 64

  struct Running {
    let task: UploadTask
    /// The file's number in the journal.
    let number: Int
    let begun: Timestamp
    /// As which entry this run has taken it up before, with another end.
    var former: Int?
    var reported = 0
  }

  /// `ended` is called once, from a later turn of the loop than `start`, when no file is in progress and none is left;
  /// with `isOpen` not before `close`.
  package init(
    _ list: InputList, isOpen: Bool = false, options: Options, journal: BatchJournal, cloud: any UploadCloud,
    scheduler: any Scheduler, chance: @escaping () -> any RandomNumberGenerator = { SystemRandomNumberGenerator() },
    details: @escaping Details, report: @escaping (UploadEvent) -> Void, ended: @escaping () -> Void
  ) throws(LoopError) {
    files = BatchFiles(list)
    self.isOpen = isOpen
    self.options = options
    self.journal = journal
    self.cloud = cloud
    self.scheduler = scheduler
    self.chance = chance
    self.details = details
    self.report = report
    self.ended = ended
    alarm = try scheduler.timer(accuracy: 20_000) { [unowned self] in reportProgress() }
    starter = scheduler.deferred { [unowned self] in startNext() }
  }

  /// Reports entries that aren't uploaded, and starts the first files.
  package func start() {
    hasStarted = true
    alarm.arm(at: (scheduler.time + options.reportInterval).microseconds)
    starter.schedule()
  }

  /// Adds entries that have appeared in a watched directory.
  package func add(_ entries: some Sequence<InputEntry>) {
    for entry in entries {
      files.add(isLateSidecar(entry) ? InputEntry(path: entry.path, content: .skipped(.lateSidecar)) : entry)
    }
    starter.schedule()
  }

  private func isLateSidecar(_ entry: InputEntry) -> Bool {
    guard entry.content == .skipped(.sidecar), let video = Sidecar.subject(of: entry.path) else { return false }
    return describedNames.contains(JournalState.hash(of: video))
  }

  /// Whether a file is in progress.
  package var isBusy: Bool { !running.isEmpty }

  /// No more files will come.
  package func close() {
    isOpen = false
    starter.schedule()
  }

  /// Ends all files in progress with `trouble`. Files that haven't been started stay as they are. `ended` isn't called.
  package func stop(_ trouble: UploadResult.Trouble) {
    hasEnded = true
    alarm.disarm()
    let stopped = running
    running = [:]
    for (index, one) in stopped.sorted(by: { $0.key < $1.key }) {
      var trouble = trouble
      switch one.task.interrupt() {
      case .goesOn: break
      case .asksVOD: trouble.fix += "; as OSS may have the whole file, the next run asks VOD first (GetMezzanineInfo)"
      case .staysUnconfirmed: trouble.fix = "\(FileUpload.staysUnconfirmed); the journal has how far it came"
      }
      end(index, .failed(trouble), after: scheduler.time - one.begun)
    }
    // What an earlier run finished needs no turn.
    var index = next
    while let unstarted = files.nextFile(from: index) {
      index = unstarted + 1
      if let file = files.file(at: unstarted), let number = journal.known(file) { noteKnown(number, at: unstarted) }
    }
  }

  private func startNext() {
    // Without a journal no file is started; the owner of the batch stops it when the journal fails.
    guard hasStarted, !hasEnded, journal.failure == nil, reportPassedOver() else { return }
    while hasRoom, !isPaused, journal.failure == nil, let index = files.nextFile(from: next) {
      next = index + 1
      begin(index)
      guard !hasEnded else { return }
    }
    if running.isEmpty, !isOpen, files.nextFile(from: next) == nil {
      hasEnded = true
      alarm.disarm()
      ended()
    }
  }

  /// Reports entries that aren't uploaded; false if that has to wait.
  private func reportPassedOver() -> Bool {
    while looked < files.count {
      guard !isPaused else { return false }
      if files.file(at: looked) == nil { report(.passedOver(files.entry(at: looked))) }
      looked += 1
    }
    return true
  }

  private var hasRoom: Bool {
    running.count < options.jobs
      || running.count < options.jobs + Self.mostWaiting
        && running.values.count { !$0.task.isWaitingForVOD } < options.jobs
  }

  private func begin(_ index: Int) {
    guard let file = files.file(at: index) else { return noteName(at: index) }
    report(.started(file: index, path: file.path, size: file.identity.size))
    if isOpen { describedNames.formUnion(Sidecar.subjects(of: file.path).map(JournalState.hash(of:))) }
    do throws(UploadResult.Trouble) {
      try upload(file, index)
    } catch {
      end(index, .failed(error), after: .zero)
      starter.schedule()
    }
  }

  func taskEnded(_ index: Int, _ number: Int, _ outcome: FileUpload.Outcome) {
    guard let one = running.removeValue(forKey: index) else { return }
    if case .failed(let failure) = outcome {
      let isChanged = failure.kind == .fileChanged
      let now = isChanged ? FileIdentity(following: one.task.file.path) : nil
      journal.append(isChanged ? .changed(number, now) : .failed(number, code: failure.code))
    }
    let result = UploadResult(outcome)
    end(index, result, after: scheduler.time - one.begun)
    if let former = one.former, result.isSuccess, files.result(at: former).trouble != nil {
      settle(former, asUploaded: index)
    }
    starter.schedule()
  }

  /// Of a file that failed under another name, which it lost meanwhile.
  private func settle(_ former: Int, asUploaded index: Int) {
    files.note(former, .skipped(files.note(former, sameAs: index)), seconds: 0)
    let (old, new) = (files.entry(at: former).path, files.entry(at: index).path)
    report(.note("'\(old)' failed after it was renamed; it is uploaded as '\(new)'"))
  }

  func end(_ index: Int, _ result: UploadResult, after span: Duration) {
    files.note(index, result, seconds: span.inSeconds)
    report(.finished(file: index, result, seconds: span.inSeconds))
  }

  private func reportProgress() {
    for (index, one) in running.sorted(by: { $0.key < $1.key }) {
      let bytes = one.task.bytesSent
      guard bytes != one.reported else { continue }
      running[index]?.reported = bytes
      report(.progress(file: index, bytes: Int64(bytes)))
    }
    alarm.arm(at: (scheduler.time + options.reportInterval).microseconds)
  }

  func take(_ notice: FileUpload.Notice, of index: Int) {
    switch notice {
    case .created(let videoID, let requestID, let address):
      report(
        .created(
          file: index,
          VideoRecord(
            videoID: videoID, requestID: requestID ?? "", bucket: address.bucket, endpoint: address.endpoint,
            key: address.key, region: running[index]?.task.region)))
    case .resumed(_, let stored): report(.resumed(file: index, bytes: Int64(stored)))
    case .refreshed(let requestID): report(.refreshed(file: index, requestID: requestID ?? ""))
    case .refreshDenied(let failure):
      report(
        .note(
          "RefreshUploadVideo isn't allowed (\(failure.text)); the upload has until its credential expires", file: index
        ))
    case .retrying(let failure, let wait):
      report(.retried(file: index, part: failure.part, call: failure.call, error: failure.text, wait: wait))
    case .throttled(let failure, let wait): report(.throttled(code: failure.code, wait: wait))
    case .restarted: report(.restarted(file: index))
    case .confirming:
      report(.note("asking VOD whether it has the file", file: index))
      // Another file may start meanwhile.
      starter.schedule()
    case .checkDenied(let failure): noteDeniedCheck(failure)
    case .partStored: break
    }
  }

  /// Once a run: it is the same for each file that is continued.
  private func noteDeniedCheck(_ failure: CallFailure) {
    guard !hasNotedDeniedCheck else { return }
    hasNotedDeniedCheck = true
    report(
      .note(
        "GetMezzanineInfo isn't allowed (\(failure.text)); unfinished files of an earlier run are continued, but one "
          + "that is already in OSS ends as not confirmed"))
  }

  /// Writes of one file's way into the journal.
  final class FileRecorder: UploadRecorder {
    private let journal: BatchJournal
    private let number: Int

    init(_ journal: BatchJournal, _ number: Int) {
      self.journal = journal
      self.number = number
    }

    func record(_ record: FileUpload.Record, isDurable: (() -> Void)?) {
      let position = journal.append(JournalRecord(record, of: number))
      guard let isDurable else {
        // Parts take a while, and the video should be on the disk by their end: then a signal needn't wait for that.
        if case .upload = record { journal.sync(upTo: position) { _ in } }
        return
      }
      // If the journal fails, the batch ends.
      journal.sync(upTo: position) { error in if error == nil { isDurable() } }
    }
  }
}
