import Core
import Systemd
import Upload

/// The output of a batch on stdout: on a terminal a block that is redrawn, otherwise lines of text or JSON.
///
/// While nobody reads, lines are kept and progress is left out: the block isn't drawn, and progress events aren't
/// printed.
final class ProgressOutput {
  private enum Style {
    case terminal(TerminalProgress)
    case plain(PlainProgress)
    case json(JSONProgress)
  }

  private let scheduler: any Scheduler
  private let queue: OutputQueue
  private let terminal: Terminal?
  private var style: Style
  private var alarm: (any Alarm)!

  init(
    _ queue: OutputQueue, json: Bool, files: Int, size: Int64, on terminal: Terminal? = Terminal.current,
    scheduler: any Scheduler
  ) throws(LoopError) {
    self.scheduler = scheduler
    self.queue = queue
    self.terminal = terminal
    let now = scheduler.time
    if json {
      style = .json(JSONProgress())
    } else if let terminal, !terminal.isDumb {
      style = .terminal(
        TerminalProgress(files: files, size: size, on: terminal.size, colours: terminal.wantsColours, at: now))
    } else {
      style = .plain(PlainProgress(files: files, size: size, at: now))
    }
    alarm = try scheduler.timer(accuracy: 10_000) { [unowned self] in redraw() }
  }

  /// The minimum interval of progress events that it can use.
  var interval: Duration { if case .terminal = style { TerminalProgress.interval } else { .seconds(1) } }

  /// Whether so much output is waiting that nothing more should be started; `OutputQueue.onRoom` is called when that
  /// ends.
  var isFull: Bool {
    if case .terminal(let progress) = style, progress.pendingBytes >= OutputQueue.most { return true }
    return queue.isFull
  }

  /// Whether all was written.
  var couldWrite: Bool { queue.failure == nil && !queue.isBusy }

  func take(_ event: UploadEvent) {
    let now = scheduler.time
    if case .progress = event, queue.isFull, terminal == nil { return }
    switch style {
    case .terminal(var progress):
      progress.take(event, at: now)
      style = .terminal(progress)
      armRedraw()
    case .plain(var progress):
      let lines = progress.lines(for: event, at: now)
      style = .plain(progress)
      if !lines.isEmpty { write(lines.map { "\($0)\n" }.joined()) }
    case .json(var progress):
      let line = progress.line(for: event, at: now, time: UTCTime(seconds: Int64(scheduler.wallSeconds)))
      style = .json(progress)
      if let line { write(line) }
    }
  }

  /// The batch has more files than before.
  func grow(toFiles files: Int, size: Int64) {
    switch style {
    case .terminal(var progress):
      progress.grow(toFiles: files, size: size)
      style = .terminal(progress)
      armRedraw()
    case .plain(var progress):
      progress.grow(toFiles: files, size: size)
      style = .plain(progress)
    case .json: break
    }
  }

  /// Shows the result of the batch; `troubled` are the rows of files that failed, aren't confirmed or weren't started,
  /// up to a limit.
  func end(_ counts: ResultCounts, troubled: [ReportRow]) {
    alarm.disarm()
    if case .terminal(var progress) = style { write(progress.clear()) }
    if case .json = style {
      return write(JSONProgress.summary(counts, time: UTCTime(seconds: Int64(scheduler.wallSeconds))))
    }
    let width = terminal == nil ? nil : Terminal.currentSize.columns
    let table = FailureTable.render(troubled, width: width, colours: terminal?.wantsColours ?? false)
    let end = table + FailureTable.rest(counts, besides: troubled)
    let lines = (end.isEmpty ? [] : [""] + end + [""]) + [FailureTable.summary(counts)]
    write(lines.map { "\($0)\n" }.joined())
  }

  /// Calls `completion` when everything is written, or can't be.
  func drain(_ completion: @escaping () -> Void) { queue.drain(completion) }

  private func armRedraw() {
    guard case .terminal(let progress) = style, let next = progress.nextRedraw else { return }
    if !alarm.isArmed { alarm.arm(at: next.microseconds) }
  }

  private func redraw() {
    guard case .terminal(var progress) = style else { return }
    // For example, the terminal was stopped by Ctrl-S: when it continues, it gets only the state at that time.
    if queue.isBusy { return alarm.arm(at: (scheduler.time + TerminalProgress.interval).microseconds) }
    let text = progress.redraw(on: Terminal.currentSize, at: scheduler.time)
    style = .terminal(progress)
    write(text)
    armRedraw()
  }

  private func write(_ text: String) { write(Array(text.utf8)) }

  private func write(_ bytes: [UInt8]) { queue.write(bytes) }
}
