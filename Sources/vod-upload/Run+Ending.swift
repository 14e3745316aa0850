import CommandInterface
import Core
import Systemd
import Upload

/// The end of a run: files in progress are stopped, the journal is closed, and the results are reported.
extension Run {
  /// What was found on the way to the end.
  struct Ending {
    var counts = ResultCounts()
    /// Whether files were in progress, waited for their turn, or hadn't settled.
    var leftUndone = false
    /// Whether the journal and the report were written.
    var couldWrite = true
    /// The messages for stderr, after the table.
    var messages: [String] = []

    /// Whether work remains, as far as is known before the files are counted. `isBusy` is whether the batch is busy, or
    /// hasn't started.
    static func leavesUndone(_ watch: WatchedInput?, isBusy: Bool) -> Bool {
      // The files of the first list aren't known yet.
      isBusy || watch.map { !$0.hasListed } ?? false
    }
  }

  /// How long the reader of the output is waited for after a signal, since the run has to end within a second.
  private static let longestEnding = Duration.milliseconds(500)

  func finish() {
    guard let end, ending == nil else { return }
    let isUrgent = if case .signal = end { true } else { false }
    var ending = Ending()
    ending.leftUndone = Ending.leavesUndone(watch, isBusy: batch.map { $0.isBusy || !$0.hasStarted } ?? true)
    let isListed = batch != nil && watch?.hasListed != false
    let files = stopped(end)
    close(&ending, isUrgent: isUrgent)
    ending.counts = files.counts
    ending.leftUndone = ending.leftUndone || ending.counts.notStarted > 0
    output.end(ending.counts, troubled: files.troubledRows(in: journal))
    if isListed { write(files, &ending, isUrgent: isUrgent) } else { explainMissingList(&ending) }
    explain(end, &ending)
    self.ending = ending
    let words = ending.messages.flatMap { Console.lines($0) }
    // In this order, since both may be the same terminal.
    output.drain { [unowned self] in
      errors.write(words)
      errors.drain { [unowned self] in leave() }
    }
  }

  /// Stops the batch; returns all files with their results.
  private func stopped(_ end: End) -> BatchFiles {
    let (waiting, gone) = (watch?.waiting ?? InputList(), watch?.gone ?? [])
    watch = nil
    if let trouble = end.trouble(hasBegun: true, wait: arguments.wait) { batch?.stop(trouble) }
    batch?.addUnsettled(waiting, settle: arguments.settle)
    var files = batch?.files ?? BatchFiles(InputList())
    files.addUnstarted(gone)
    return files
  }

  /// If `isUrgent`, a slow disk isn't waited for where that is safe: a signal has to end the run within a second.
  private func close(_ ending: inout Ending, isUrgent: Bool) {
    do throws(JournalError) {
      try journal.close(isUrgent: isUrgent)
    } catch {
      ending.couldWrite = false
      // The journal's failure may be the reason for the end.
      if case .broken = end { return }
      ending.messages.append("\(error)\(error.fix.map { "; \($0)" } ?? "")")
    }
  }

  /// Nothing is known of the files yet: a report would lack what a former one has.
  private func explainMissingList(_ ending: inout Ending) {
    let left = report.map { "; report '\($0.path)' isn't written, and a former one stays as it is" } ?? ""
    ending.messages.append("the files weren't listed yet\(left)")
  }

  private func write(_ files: BatchFiles, _ ending: inout Ending, isUrgent: Bool) {
    guard let report else { return }
    do throws(ReportFile.Failure) {
      let rows = (0..<files.count).lazy.map { [journal] in files.row(at: $0, in: journal!) }
      try report.write(rows, isUrgent: isUrgent)
      guard let failure = journal.readFailure else { return }
      ending.couldWrite = false
      ending.messages.append("report '\(report.path)': it lacks what can't be read any more: \(failure)")
    } catch {
      ending.couldWrite = false
      ending.messages.append("\(error); the next run with this journal writes it, and uploads nothing twice")
    }
  }

  /// Explains on stderr why the run ended, unless the files' results do.
  private func explain(_ end: End, _ ending: inout Ending) {
    switch end {
    case .finished: return
    case .signal where !arguments.watched.isEmpty && !ending.leftUndone && missingCredential == nil: return
    case .signal, .credential, .broken:
      if let missingCredential, case .signal = end { ending.messages.append("no credential: \(missingCredential)") }
      if let trouble = end.trouble(hasBegun: batch?.hasStarted == true, wait: arguments.wait) {
        ending.messages.append("\(trouble.error); \(trouble.fix)")
      }
    }
  }

  /// From now on, the reader of the output is waited for no longer than a signal allows.
  func limitEnding() {
    guard !endingLimit.isArmed else { return }
    endingLimit.arm(at: (loop.time + Self.longestEnding).microseconds)
  }

  /// Ends the loop.
  func leave() {
    guard let end, let ending else { return limitEnding() }
    loop.exit(code: exitStatus(end, ending))
  }

  private func exitStatus(_ end: End, _ ending: Ending) -> CInt {
    let isWatching = !arguments.watched.isEmpty
    // Everything was done, except that the output wasn't read.
    if let signal, end == .finished, !output.couldWrite { return ExitStatus.of(signal: signal) }
    var end = end
    if case .signal = end, isWatching, let missingCredential { end = .credential(missingCredential) }
    return end.exitStatus(
      ending.counts, isWatching: isWatching, leftUndone: ending.leftUndone,
      couldWrite: ending.couldWrite && output.couldWrite)
  }
}
