import EventLoop
import Glibc
package import Logging
import Synchronization

/// Where log lines go: to the journal with fields when stderr is connected to it, else to stderr, one readable line each.
package struct LogOutput: LogHandler {
  /// What is logged at least, for all loggers of the process; a reload may change it.
  private static let threshold = Atomic<Int>(rank(.notice))

  package var metadata: Logger.Metadata = [:]
  private let writesToJournal: Bool

  package init() { writesToJournal = Journal.isConnected }

  package var logLevel: Logger.Level {
    get { Logger.Level.allCases[Self.threshold.load(ordering: .relaxed)] }
    set { Self.setLevel(newValue) }
  }

  package static func setLevel(_ level: Logger.Level) { threshold.store(rank(level), ordering: .relaxed) }

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    let fields = (event.metadata ?? [:]).map { ($0.key, "\($0.value)") }.sorted { $0.0 < $1.0 }
    let text = fields.reduce(into: "\(event.message)") { $0 += " \($1.0)=\(Self.quoted($1.1))" }
    if writesToJournal {
      var entry = JournalEntry()
      entry.add("MESSAGE", text)
      entry.add("PRIORITY", String(Self.priority(event.level)))
      for (name, value) in fields { entry.add("ROLEKEEPER_\(name.uppercased())", value) }
      entry.send()
    } else {
      Self.write("\(event.level): \(text)\n")
    }
  }

  /// Values with blanks are quoted; a line feed in one can't begin a line of its own.
  private static func quoted(_ value: String) -> String {
    guard value.isEmpty || value.contains(where: { $0 == " " || $0 == "\"" || $0.isNewline }) else { return value }
    let safe = value.map { character -> String in
      if character == "\"" || character == "\\" { return "\\\(character)" }
      return character.isNewline ? "\\n" : String(character)
    }
    return "\"\(safe.joined())\""
  }

  private static func write(_ line: String) {
    var rest = Array(line.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
      // A closed or full stderr takes no complaint about itself.
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }

  private static func rank(_ level: Logger.Level) -> Int { Logger.Level.allCases.firstIndex(of: level) ?? 0 }

  /// The level in syslog's numbers (syslog(3)).
  private static func priority(_ level: Logger.Level) -> Int {
    switch level {
    case .critical: 2
    case .error: 3
    case .warning: 4
    case .notice: 5
    case .info: 6
    case .debug, .trace: 7
    }
  }
}
