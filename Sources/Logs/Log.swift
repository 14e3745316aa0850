package import Core

/// The daemon's log: the code that decides what an event means writes it here, once.
///
/// There is one for the process, and it stays on the loop's thread.
package final class Log {
  /// The lowest level that is logged; a reload may change it.
  package var level: LogLevel
  private let output: any LogOutput
  /// Lines lost since the last accepted one.
  private var unreported = 0
  /// Lost lines that have been reported.
  private var reported = 0

  package init(to output: any LogOutput, level: LogLevel = .notice) {
    self.output = output
    self.level = level
  }

  /// How many lines were lost because their reader was behind.
  package var linesLost: Int { reported + unreported }

  /// Logs an event. `raised` is a higher level than the event's own, for a line that somebody has to act on.
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

  /// To be called before the last lines of a process that ends right after them.
  package func processEnds() { output.processEnds() }

  /// Reports the number of lost lines before the first line that is accepted again.
  private func reportLost() {
    guard unreported > 0 else { return }
    let event = LogEvent.logLinesLost
    guard output.write(LogLine(event, [.count(unreported)], level: event.level)) else { return }
    reported += unreported
    unreported = 0
  }
}

/// The destination of log lines.
package protocol LogOutput: AnyObject {
  /// Writes a line, without ever waiting; false if it wasn't accepted.
  func write(_ line: LogLine) -> Bool
  /// Notifies the output that only the process's last lines follow.
  func processEnds()
}
