import Core
import Systemd
import Upload

/// What stdout shows of a batch: a block that is drawn again and again on a terminal, else lines of text, or of JSON.
final class ProgressOutput {
  private enum Style {
    case terminal(TerminalProgress)
    case plain(PlainProgress)
    case json(JSONProgress)
  }

  private let scheduler: any Scheduler
  private let terminal: Terminal?
  private var style: Style
  private var alarm: (any Alarm)!
  /// Whether all was written.
  private(set) var couldWrite = true

  init(
    json: Bool, files: Int, size: Int64, on terminal: Terminal? = Terminal.current, scheduler: any Scheduler
  ) throws(LoopError) {
    self.scheduler = scheduler
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

  func take(_ event: UploadEvent) {
    let now = scheduler.time
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

  /// Shows how the batch ended; `troubled` are the rows of what failed or isn't confirmed.
  func end(_ counts: ResultCounts, troubled: [ReportRow]) {
    alarm.disarm()
    if case .terminal(var progress) = style { write(progress.clear()) }
    if case .json = style {
      return write(JSONProgress.summary(counts, time: UTCTime(seconds: Int64(scheduler.wallSeconds))))
    }
    let width = terminal == nil ? nil : Terminal.currentSize.columns
    let table = FailureTable.render(troubled, width: width, colours: terminal?.wantsColours ?? false)
    let lines = (table.isEmpty ? [] : [""] + table + [""]) + [FailureTable.summary(counts)]
    write(lines.map { "\($0)\n" }.joined())
  }

  private func armRedraw() {
    guard case .terminal(let progress) = style, let next = progress.nextRedraw else { return }
    if !alarm.isArmed { alarm.arm(at: next.microseconds) }
  }

  private func redraw() {
    guard case .terminal(var progress) = style else { return }
    let text = progress.redraw(on: Terminal.currentSize, at: scheduler.time)
    style = .terminal(progress)
    if !text.isEmpty { write(text) }
    armRedraw()
  }

  private func write(_ text: String) { write(Array(text.utf8)) }

  /// Without a reader the uploads go on all the same.
  private func write(_ bytes: [UInt8]) {
    guard couldWrite else { return }
    do throws(Console.WriteError) {
      try Console.write(bytes)
    } catch {
      couldWrite = false
      Console.report("\(error); the uploads go on")
    }
  }
}
