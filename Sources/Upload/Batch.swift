package import CloudAPI
import Core
package import Systemd

/// Uploads files, a few at a time, and remembers in the journal how far each has come.
package final class Batch {
  package struct Options: Sendable {
    /// How many files are on their way at once, without those that only wait for VOD to say what became of them.
    package var jobs = 4
    package var upload = FileUpload.Options()
    /// How often `progress` is reported of what is on its way.
    package var reportInterval = Duration.milliseconds(200)

    package init() {}
  }

  /// The parameters of CreateUploadVideo for a file. Throws what is wrong with that.
  package typealias Details = (VideoFile) throws(UploadResult.Trouble) -> VideoDetails

  private let options: Options
  private let journal: BatchJournal
  private let cloud: any UploadCloud
  private let scheduler: any Scheduler
  private let details: Details
  private let chance: () -> any RandomNumberGenerator
  private let report: (UploadEvent) -> Void
  private let ended: () -> Void

  package private(set) var files: BatchFiles
  private var next = 0
  private var running: [Int: Running] = [:]
  private var alarm: (any Alarm)!
  private var starter: (any Deferral)!
  /// Whether more files may come, so that none left to begin isn't the end.
  private var isOpen: Bool
  package private(set) var hasStarted = false
  private var hasEnded = false
  /// Of the entries before it those that aren't uploaded have been reported.
  private var looked = 0
  /// While it is set nothing new is begun, and nothing passed over is reported; what is on its way goes on.
  package var isPaused = false {
    didSet { if oldValue, !isPaused { starter.schedule() } }
  }
  /// Whether this run has taken up a file, by its number in the journal.
  private var isTakenUp: [Bool] = []
  /// Hashes of what the sidecars of files that were begun are called without `.json`; only where more files may come.
  private var describedNames: Set<Int> = []
  /// As each of those that wait for VOD has its file open.
  private static let mostWaiting = 64

  private struct Running {
    let task: UploadTask
    /// The file's number in the journal.
    let number: Int
    let begun: Timestamp
    var reported = 0
  }

  /// `ended` is called once, from a later turn of the loop than `start`, when no file is on its way and none is left; with `isOpen` not before
  /// `close`.
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

  /// Reports what isn't uploaded, and begins.
  package func start() {
    hasStarted = true
    alarm.arm(at: (scheduler.time + options.reportInterval).microseconds)
    starter.schedule()
  }

  /// Takes up what has appeared in a watched directory.
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

  /// Whether a file is on its way.
  package var isBusy: Bool { !running.isEmpty }

  /// No more files will come.
  package func close() {
    isOpen = false
    starter.schedule()
  }

  /// Ends everything that is on its way; `trouble` is what becomes of those files. Those that haven't begun are left. `ended` isn't called.
  package func stop(_ trouble: UploadResult.Trouble) {
    hasEnded = true
    alarm.disarm()
    let stopped = running
    running = [:]
    for (index, one) in stopped.sorted(by: { $0.key < $1.key }) {
      var trouble = trouble
      if one.task.interrupt() {
        trouble.fix += "; as OSS may have the whole file, the next run asks VOD first (GetMezzanineInfo)"
      }
      end(index, .failed(trouble), after: scheduler.time - one.begun)
    }
  }

  private func startNext() {
    // Without a journal nothing is begun; whoever listens to its failure stops the batch.
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

  /// Reports what isn't uploaded; false when that has to wait.
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
    guard let file = files.file(at: index) else { return }
    report(.started(file: index, path: file.path, size: file.identity.size))
    if isOpen { describedNames.formUnion(Sidecar.subjects(of: file.path).map(JournalState.hash(of:))) }
    do throws(UploadResult.Trouble) {
      try upload(file, index)
    } catch {
      end(index, .failed(error), after: .zero)
      starter.schedule()
    }
  }

  private func upload(_ file: VideoFile, _ index: Int) throws(UploadResult.Trouble) {
    let source: SourceFile
    do throws(CallFailure) {
      source = try SourceFile(path: file.resolvedPath, followsLink: true)
      // Whatever its name stands for by now, it has to be what was listed.
      if let change = file.identity.change(to: source.identity) { throw SourceFile.changed(change) }
    } catch {
      guard let reason = reasonToPassOver(file, error) else { throw UploadResult.Trouble(error) }
      end(index, .skipped(reason), after: .zero)
      return starter.schedule()
    }
    let match = try match(file)
    // A watched file that was moved away and back, or got another name, is found again.
    if let known = match.number, isInHand(known) {
      if case .moved = match { journal.append(.moved(known, file)) }
      end(index, .skipped(.duplicate), after: .zero)
      return starter.schedule()
    }
    if case .changed(let number, let how) = match {
      return try abandon(file, source, index, number, because: SourceFile.changed(how))
    }
    let (number, progress) = try takeUp(file, match, index)
    files.note(index, journalNumber: number)
    noteTakenUp(number)
    if case .done(let proof)? = progress.ending {
      end(index, UploadResult(proof), after: .zero)
      return starter.schedule()
    }
    let details = try details(of: file, isNeeded: progress.videoID == nil)
    let task = try add(source, details, progress, index, number)
    task.start()
  }

  private func noteTakenUp(_ number: Int) {
    while isTakenUp.count <= number { isTakenUp.append(false) }
    isTakenUp[number] = true
  }

  /// Whether this run uploads the file, or has finished it.
  private func isInHand(_ number: Int) -> Bool {
    if isTakenUp.indices.contains(number), isTakenUp[number], journal.state.entries[number].isFinished { return true }
    return running.values.contains { $0.number == number }
  }

  /// Has a task for the file, which isn't begun yet.
  private func add(
    _ source: SourceFile, _ details: VideoDetails, _ progress: FileUpload.Progress, _ index: Int, _ number: Int
  ) throws(UploadResult.Trouble) -> UploadTask {
    let recorder = FileRecorder(journal, number)
    do throws(LoopError) {
      let task = try UploadTask(
        source, details: details, progress: progress, options: options.upload, scheduler: scheduler, cloud: cloud,
        recorder: recorder, chance: chance(), notice: { [unowned self] in take($0, of: index) },
        ended: { [unowned self] in taskEnded(index, number, $0) })
      running[index] = Running(task: task, number: number, begun: scheduler.time)
      return task
    } catch {
      throw UploadResult.Trouble(error: "\(error)", fix: "raise the limit of open files (ulimit -n), and run again")
    }
  }

  /// Why a file of a watched directory isn't begun after all; nil where that is an error. One that has changed is given out again once it
  /// has come to rest, and one that was renamed is found by its new name.
  private func reasonToPassOver(_ file: VideoFile, _ failure: CallFailure) -> SkipReason? {
    guard isOpen else { return nil }
    if failure.kind == .fileChanged { return .changed }
    return SourceFile.isGone(file.resolvedPath) ? .gone : nil
  }

  private func match(_ file: VideoFile) throws(UploadResult.Trouble) -> BatchJournal.Match {
    do throws(JournalError) {
      let match = try journal.match(file)
      // Names that were passed on: this one's file of before is there under another.
      if case .changed(let number, _) = match,
        files.hasElsewhere(journal.state.entries[number].identity, than: file.resolvedPath)
      {
        return .new
      }
      return match
    } catch {
      throw UploadResult.Trouble(error)
    }
  }

  /// The file's number in the journal, and what that says of it.
  private func takeUp(
    _ file: VideoFile, _ match: BatchJournal.Match, _ index: Int
  ) throws(UploadResult.Trouble) -> (Int, FileUpload.Progress) {
    switch match {
    case .new: return (journal.begin(file), FileUpload.Progress())
    case .same(let number): return (number, try progress(of: number))
    case .moved(let number, let name):
      let progress = try progress(of: number)
      journal.append(.moved(number, file))
      let video = progress.videoID.map { " (VideoId \($0))" } ?? ""
      report(.note("taken up before as '\(name)'\(video)", file: index))
      return (number, progress)
    case .changed: preconditionFailure("a file that changed is taken up")
    }
  }

  /// Ends a file that isn't what the journal has. What OSS has got of that is removed, unless it may still lie somewhere under another name.
  private func abandon(
    _ file: VideoFile, _ source: SourceFile, _ index: Int, _ number: Int, because reason: CallFailure
  ) throws(UploadResult.Trouble) {
    if case .done? = try progress(of: number).ending { throw try replaced(index, number, reason) }
    let entry = journal.state.entries[number]
    guard entry.identity.inode == source.identity.inode, entry.outcome != .unconfirmed,
      journal.state.uploads[number] != nil, !running.values.contains(where: { $0.number == number })
    else { throw UploadResult.Trouble(reason) }
    let progress = try progress(of: number)
    files.note(index, journalNumber: number)
    let details = try details(of: file, isNeeded: false)
    let task = try add(source, details, progress, index, number)
    task.abandon(because: reason)
  }

  /// Of a file whose former version is uploaded, with the VideoId of that.
  private func replaced(
    _ index: Int, _ number: Int, _ reason: CallFailure
  ) throws(UploadResult.Trouble) -> UploadResult.Trouble {
    files.note(index, journalNumber: number)
    let video = try progress(of: number).videoID.map { " (VideoId \($0))" } ?? ""
    return UploadResult.Trouble(
      error: "\(reason.text); this version isn't uploaded: an earlier one already is\(video)",
      fix: "to upload it too, name another journal")
  }

  private func progress(of number: Int) throws(UploadResult.Trouble) -> FileUpload.Progress {
    let state: FileState
    do throws(JournalError) { state = try journal.state(of: number) } catch { throw UploadResult.Trouble(error) }
    guard let progress = FileUpload.Progress(state) else {
      throw UploadResult.Trouble(
        error: "the journal holds an address that VOD can't have given", fix: "upload it with another journal")
    }
    return progress
  }

  private func details(of file: VideoFile, isNeeded: Bool) throws(UploadResult.Trouble) -> VideoDetails {
    do throws(UploadResult.Trouble) {
      return try details(file)
    } catch {
      // A video that is there isn't made again, whatever its description says by now.
      guard !isNeeded, let plain = try? VideoDetails(VideoDetails.Draft(title: "-", fileName: "-.mp4")) else {
        throw error
      }
      return plain
    }
  }

  private func taskEnded(_ index: Int, _ number: Int, _ outcome: FileUpload.Outcome) {
    guard let one = running.removeValue(forKey: index) else { return }
    if case .failed(let failure) = outcome {
      journal.append(failure.kind == .fileChanged ? .changed(number) : .failed(number, code: failure.code))
    }
    end(index, UploadResult(outcome, videoID: one.task.videoID), after: scheduler.time - one.begun)
    starter.schedule()
  }

  private func end(_ index: Int, _ result: UploadResult, after span: Duration) {
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

  private func take(_ notice: FileUpload.Notice, of index: Int) {
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
      // Another may go on meanwhile.
      starter.schedule()
    // The file goes on as the journal has it. One whose last request was interrupted ends as not confirmed, and says so by itself.
    case .checkDenied, .partStored: break
    }
  }

  /// Writes of one file's way into the journal.
  private final class FileRecorder: UploadRecorder {
    private let journal: BatchJournal
    private let number: Int

    init(_ journal: BatchJournal, _ number: Int) {
      self.journal = journal
      self.number = number
    }

    func record(_ record: FileUpload.Record, isDurable: (() -> Void)?) {
      let position = journal.append(JournalRecord(record, of: number))
      guard let isDurable else { return }
      // After a failure of the journal the batch ends.
      journal.sync(upTo: position) { error in if error == nil { isDurable() } }
    }
  }
}
