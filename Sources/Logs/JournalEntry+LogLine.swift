import Core
package import Systemd

extension JournalEntry {
  /// The entry of a line: the text as MESSAGE, the event's id as MESSAGE_ID, the level as PRIORITY, and a field for each of its own.
  package init(_ line: LogLine) {
    self.init()
    add("MESSAGE", line.text)
    add("MESSAGE_ID", line.event.id)
    add("PRIORITY", String(line.level.priority))
    for field in line.fields {
      add(field.name.inJournal, field.value)
      // As the service manager's own entries on a unit have it (systemd.journal-fields(7)), so that one search finds both.
      if field.name == .unit { add("UNIT", field.value) }
    }
  }
}

extension LogLevel {
  /// The level as a number of syslog(3).
  var priority: Int {
    switch self {
    case .error: 3
    case .warning: 4
    case .notice: 5
    case .info: 6
    case .debug: 7
    }
  }
}
