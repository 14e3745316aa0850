package import Core

/// An event as it is logged, with its fields.
package struct LogLine: Sendable {
  package let event: LogEvent
  package let level: LogLevel
  /// In the order of their names.
  package let fields: [LogField]

  package init(_ event: LogEvent, _ fields: [LogField], level: LogLevel) {
    self.event = event
    self.level = level
    self.fields = fields.sorted { $0.name.rawValue < $1.name.rawValue }
  }

  /// The phrase, and each field as `name=value`.
  package var text: String {
    fields.reduce(into: event.phrase) { $0 += " \($1.name.rawValue)=\(Self.quoted($1.value))\($1.unit)" }
  }

  /// Values with blanks are quoted; a line feed in a value can't begin another line.
  private static func quoted(_ value: String) -> String {
    guard value.isEmpty || value.contains(where: { $0 == " " || $0 == "\"" || $0.isNewline }) else { return value }
    let safe = value.map { character -> String in
      if character == "\"" || character == "\\" { return "\\\(character)" }
      return character.isNewline ? "\\n" : String(character)
    }
    return "\"\(safe.joined())\""
  }
}
