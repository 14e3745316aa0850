package import Core

/// The daemon's log: whoever decides what an event means writes it here, once.
///
/// There is one for the process, and it stays on the loop's thread.
package final class Log {
  /// What is logged at least; a reload may change it.
  package var level: LogLevel
  private let output: any LogOutput
  /// Lines that nobody took since the last one that was taken.
  private var unreported = 0
  /// Those that were reported.
  private var reported = 0

  package init(to output: any LogOutput, level: LogLevel = .notice) {
    self.output = output
    self.level = level
  }

  /// How many lines were lost since whoever reads them was behind.
  package var linesLost: Int { reported + unreported }

  /// Logs an event. `raised` is the level of one that somebody has to act on, although the event's own is lower.
  package func write(
    _ event: LogEvent, _ fields: @autoclosure () -> [LogField] = [], raisedTo raised: LogLevel? = nil
  ) {
    let level = max(event.level, raised ?? event.level)
    guard self.level <= level else { return }
    reportLost()
    if !output.write(LogLine(event, fields(), level: level)) { unreported += 1 }
  }

  /// Whether the event would be logged.
  package func takes(_ event: LogEvent) -> Bool { level <= event.level }

  /// To be called before the last lines of a process that ends at once.
  package func processEnds() { output.processEnds() }

  /// Reports how many lines are missing before the first that is taken again.
  private func reportLost() {
    guard unreported > 0 else { return }
    let event = LogEvent.logLinesLost
    guard output.write(LogLine(event, [.count(unreported)], level: event.level)) else { return }
    reported += unreported
    unreported = 0
  }
}

/// Where lines go.
package protocol LogOutput: AnyObject {
  /// Takes a line, without ever waiting; false when nobody took it.
  func write(_ line: LogLine) -> Bool
  /// Only the last lines of the process follow.
  func processEnds()
}
