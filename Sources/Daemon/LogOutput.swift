import Glibc
package import Logging
import Synchronization
import Systemd

/// Where log lines go: to the journal with fields when stderr is connected to it, else to stderr, one readable line each.
package struct LogOutput: LogHandler {
  /// What is logged at least, for all loggers of the process; a reload may change it.
  private static let threshold = Atomic<Int>(rank(.notice))

  /// Lines that nobody took since the last one that was taken, and those before.
  private static let untold = Atomic<Int>(0)
  private static let lost = Atomic<UInt64>(0)

  /// How many lines were lost since whoever reads them was behind.
  static var linesLost: UInt64 { lost.load(ordering: .relaxed) + UInt64(untold.load(ordering: .relaxed)) }

  /// Whether lines go to stderr although the journal is at its other end.
  private static let isEnding = Atomic(false)

  package var metadata: Logger.Metadata = [:]
  private let writesToJournal: Bool

  package init() { writesToJournal = Journal.isConnected }

  package var logLevel: Logger.Level {
    get { Logger.Level.allCases[Self.threshold.load(ordering: .relaxed)] }
    set { Self.setLevel(newValue) }
  }

  package static func setLevel(_ level: Logger.Level) { threshold.store(rank(level), ordering: .relaxed) }

  /// To be called before the last lines of a process that ends at once: from now on they go to stderr, without fields of their own. The journal
  /// looks up an entry's unit by the process that sent it, and finds none if that is gone by then: `journalctl -u` would not show the
  /// entry. The stream at stderr belongs to the unit from its beginning, which the service manager made (systemd-journald.service(8)).
  package static func processEnds() { isEnding.store(true, ordering: .relaxed) }

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    let fields = (event.metadata ?? [:]).map { ($0.key, "\($0.value)") }.sorted { $0.0 < $1.0 }
    let text = fields.reduce(into: "\(event.message)") {
      $0 += " \($1.0)=\(Self.quoted($1.1))\(LogField(rawValue: $1.0)?.unit ?? "")"
    }
    tellLost()
    if !write(event.level, text, fields) { Self.untold.add(1, ordering: .relaxed) }
  }

  /// Says how many lines are missing before the first that is taken again.
  private func tellLost() {
    let count = Self.untold.load(ordering: .relaxed)
    guard count > 0 else { return }
    let fields = [(LogField.count.rawValue, "\(count)")]
    guard write(.warning, "log lines lost, for nobody took them count=\(count)", fields) else { return }
    Self.untold.subtract(count, ordering: .relaxed)
    Self.lost.add(UInt64(count), ordering: .relaxed)
  }

  /// False when nobody took it. Never waits.
  private func write(_ level: Logger.Level, _ text: String, _ fields: [(String, String)]) -> Bool {
    guard writesToJournal else { return ErrorStream.write("\(level): \(text)\n") }
    // The level as the journal takes it from a stream (SyslogLevelPrefix= in systemd.exec(5)).
    if Self.isEnding.load(ordering: .relaxed) { return ErrorStream.write("<\(Self.priority(level))>\(text)\n") }
    var entry = JournalEntry()
    entry.add("MESSAGE", text)
    entry.add("PRIORITY", String(Self.priority(level)))
    for (name, value) in fields { entry.add("ROLEKEEPER_\(name.uppercased())", value) }
    return entry.send()
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
