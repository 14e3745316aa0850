import CloudAPI
import Core
import Systemd

/// How a file is taken up: by what the journal says of it, under whatever name.
extension Batch {
  /// Has the journal know a file by another name that was listed behind it, too, as long as it is what it was.
  func noteName(at index: Int) {
    // What can't be read is reported where it is needed.
    guard let file = files.duplicate(at: index), let match = try? journal.match(file), let number = match.number else {
      return
    }
    if case .moved = match { journal.noteMoved(number, to: file) }
    files.note(index, journalNumber: number)
  }

  func upload(_ file: VideoFile, _ index: Int) throws(UploadResult.Trouble) {
    // It needn't be there any more.
    if let number = journal.finished(file), entryInHand(number) == nil {
      _ = noteTakenUp(number, as: index)
      noteKnown(number, at: index)
      report(.finished(file: index, files.result(at: index), seconds: 0))
      return starter.schedule()
    }
    let source: SourceFile
    do throws(CallFailure) {
      source = try SourceFile(path: file.resolvedPath, followsLink: file.wasNamed)
      // Whatever its name stands for by now, it has to be what was listed.
      if let change = file.identity.changeInRun(to: source.identity) { throw SourceFile.changed(change) }
    } catch {
      guard let reason = reasonToPassOver(file, error) else { throw UploadResult.Trouble(error) }
      end(index, .skipped(reason), after: .zero)
      return starter.schedule()
    }
    let match = try match(file)
    // A watched file that was moved away and back, or got another name, is found again.
    if let known = match.number, let other = entryInHand(known) {
      if case .moved = match { journal.noteMoved(known, to: file) }
      running[other]?.task.file.path = file.resolvedPath
      end(index, .skipped(files.note(index, sameAs: other)), after: .zero)
      return starter.schedule()
    }
    if case .changed(let number, let how) = match {
      return try abandon(file, source, index, number, because: SourceFile.changed(how))
    }
    let (number, progress) = try takeUp(file, match, index)
    files.note(index, journalNumber: number)
    let former = noteTakenUp(number, as: index)
    if case .done(let proof)? = progress.ending {
      end(index, UploadResult(proof), after: .zero)
      return starter.schedule()
    }
    let details = try details(of: file, isNeeded: progress.videoID == nil)
    let task = try add(source, details, progress, index, number)
    running[index]?.former = former
    task.start()
  }

  /// Has the entry show what the journal has of it: its video, and its end where that was good.
  func noteKnown(_ number: Int, at index: Int) {
    files.note(index, journalNumber: number)
    guard let proof = journal.state.entries[number].outcome?.proof else { return }
    files.note(index, UploadResult(proof), seconds: 0)
  }

  /// Notes files that were seen, and hadn't been unchanged for `settle`, after `stop`. What is finished needn't settle.
  package func addUnsettled(_ entries: some Sequence<InputEntry>, settle: Duration) {
    for entry in entries {
      files.addUnsettled(CollectionOfOne(entry), settle: settle)
      let index = files.count - 1
      guard let file = files.file(at: index), let number = journal.known(file) else { continue }
      if let other = entryInHand(number) {
        files.note(index, .skipped(files.note(index, sameAs: other)), seconds: 0)
      } else {
        noteKnown(number, at: index)
      }
    }
  }

  /// Returns as which entry it was taken up before.
  private func noteTakenUp(_ number: Int, as index: Int) -> Int? {
    while takenUp.count <= number { takenUp.append(-1) }
    defer { takenUp[number] = Int32(index) }
    return takenUp[number] >= 0 ? Int(takenUp[number]) : nil
  }

  /// The entry as which this run uploads the file, or has finished it.
  private func entryInHand(_ number: Int) -> Int? {
    if let running = running.first(where: { $0.value.number == number }) { return running.key }
    guard takenUp.indices.contains(number), takenUp[number] >= 0, journal.state.entries[number].isFinished else {
      return nil
    }
    return Int(takenUp[number])
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
      guard case .changed(let number, _) = match else { return match }
      let entry = journal.state.entries[number]
      // VOD has never heard of that version.
      if !entry.hasReference, !entry.hasVideo { return .new }
      // Names that were passed on: this one's file of before is there under another.
      return files.hasElsewhere(entry.identity, than: file.resolvedPath) ? .new : match
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
      journal.noteMoved(number, to: file)
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
    noteRefused(source.identity, number)
    files.note(index, journalNumber: number)
    if case .done? = try progress(of: number).ending { throw try replaced(number, reason) }
    let entry = journal.state.entries[number]
    guard entry.identity.inode == source.identity.inode, entry.outcome != .unconfirmed,
      journal.state.uploads[number] != nil, !running.values.contains(where: { $0.number == number })
    else { throw left(number, reason) }
    let progress = try progress(of: number)
    let details = try details(of: file, isNeeded: false)
    let task = try add(source, details, progress, index, number)
    task.abandon(because: reason)
  }

  /// Has the journal know a version that isn't uploaded, whatever it is called later.
  private func noteRefused(_ identity: FileIdentity, _ number: Int) {
    guard journal.state.entries[number].identity.changeInRun(to: identity) != nil,
      journal.state.refusal(of: identity) == nil
    else { return }
    journal.append(.changed(number, identity))
  }

  /// Of a file whose former version is uploaded, with the VideoId of that.
  private func replaced(_ number: Int, _ reason: CallFailure) throws(UploadResult.Trouble) -> UploadResult.Trouble {
    let video = try progress(of: number).videoID.map { " (VideoId \($0))" } ?? ""
    return UploadResult.Trouble(
      error: "\(reason.text); this version isn't uploaded: an earlier one already is\(video)",
      fix: "to upload it too, name another journal")
  }

  /// Of a file whose former version may be uploaded, or has left something behind.
  private func left(_ number: Int, _ reason: CallFailure) -> UploadResult.Trouble {
    let entry = journal.state.entries[number]
    if entry.outcome == .unconfirmed || entry.completing != nil {
      return UploadResult.Trouble(
        error: "\(reason.text); whether an earlier version is uploaded isn't known",
        fix: "look for the video in VOD's console; to upload this version too, name another journal")
    }
    let bytes = journal.state.uploads[number]?.parts.reduce(0) { $0 + $1.length } ?? 0
    guard bytes > 0 else { return UploadResult.Trouble(reason) }
    return UploadResult.Trouble(
      reason.adding("\(ByteCount.text(bytes)) of the earlier version's parts stay in OSS"))
  }

  private func progress(of number: Int) throws(UploadResult.Trouble) -> FileUpload.Progress {
    let state: FileState
    do throws(JournalError) { state = try journal.state(of: number) } catch { throw UploadResult.Trouble(error) }
    guard let progress = FileUpload.Progress(state) else {
      throw UploadResult.Trouble(
        error: "the journal holds an address or parts that the file can't have", fix: "upload it with another journal")
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
}
