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
    if isEnding { return stream.write("<\(Self.priority(line.level))>\(line.text)\n") }
    var entry = JournalEntry()
    entry.add("MESSAGE", line.text)
    entry.add("MESSAGE_ID", line.event.id)
    entry.add("PRIORITY", String(Self.priority(line.level)))
    for field in line.fields {
      entry.add("ROLEKEEPER_\(field.name.rawValue.uppercased())", field.value)
      // As the service manager's own entries on a unit have it (systemd.journal-fields(7)), so that one search finds both.
      if field.name == .unit { entry.add("UNIT", field.value) }
    }
    return entry.send()
  }

  /// The level as a number of syslog(3).
  private static func priority(_ level: LogLevel) -> Int {
    switch level {
    case .error: 3
    case .warning: 4
    case .notice: 5
    case .info: 6
    case .debug: 7
    }
  }
}
