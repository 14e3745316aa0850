import Core
import Systemd
import Upload

/// What stdout shows of a batch: a block that is drawn again and again on a terminal, else lines of text, or of JSON.
///
/// While nobody reads, lines wait and the rest is left out: the block isn't drawn, and how far uploads are isn't printed.
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

  /// How often it has a use for news of what is on its way.
  var interval: Duration { if case .terminal = style { TerminalProgress.interval } else { .seconds(1) } }

  /// Whether so much waits for its reader that nothing more should be begun; `OutputQueue.onRoom` says when that is over.
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

  /// Shows how the batch ended; `troubled` are the rows of what failed, isn't confirmed or wasn't begun, but not of all.
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

  /// Calls `completion` once everything is written, or can't be.
  func drain(_ completion: @escaping () -> Void) { queue.drain(completion) }

  private func armRedraw() {
    guard case .terminal(let progress) = style, let next = progress.nextRedraw else { return }
    if !alarm.isArmed { alarm.arm(at: next.microseconds) }
  }

  private func redraw() {
    guard case .terminal(var progress) = style else { return }
    // Stopped by Ctrl-S, say: it gets the state of then, not all those before.
    if queue.isBusy { return alarm.arm(at: (scheduler.time + TerminalProgress.interval).microseconds) }
    let text = progress.redraw(on: Terminal.currentSize, at: scheduler.time)
    style = .terminal(progress)
    write(text)
    armRedraw()
  }

  private func write(_ text: String) { write(Array(text.utf8)) }

  private func write(_ bytes: [UInt8]) { queue.write(bytes) }
}
