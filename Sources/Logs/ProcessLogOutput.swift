import Core
import Systemd

/// The log of this process: the journal with fields if stderr is connected to it, otherwise stderr, one readable line each.
package final class ProcessLogOutput: LogOutput {
  private let writesToJournal: Bool
  private var stream = ErrorStream()
  /// Whether lines go to stderr although it is connected to the journal.
  private var isEnding = false

  package init() { writesToJournal = Journal.isConnected }

  /// From now on lines go to stderr, without structured fields. The journal finds an entry's unit by the sending process, and finds
  /// none if that is gone by then: `journalctl -u` would not show the entry. The stream at stderr, which the service manager
  /// created, is assigned to the unit from its beginning (systemd-journald.service(8)).
  package func processEnds() { isEnding = true }

  package func write(_ line: LogLine) -> Bool {
    guard writesToJournal else { return stream.write("\(line.level): \(line.text)\n") }
    // The level in the form that the journal reads from a stream (SyslogLevelPrefix= in systemd.exec(5)).
    if isEnding { return stream.write("<\(line.level.priority)>\(line.text)\n") }
    return JournalEntry(line).send()
  }
}
