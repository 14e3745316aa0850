/// One finding about the settings: where, what is wrong, and what to write instead.
///
/// `description` is the whole sentence, for example:
///
///     /etc/rolekeeper/rolekeeper.toml:14: roles.uploader.duration is 5min, allowed are 15min to 12h; write duration = "15min" …
package struct Diagnostic: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Severity: String, Hashable, Sendable {
    /// The settings can't be used.
    case error
    /// The settings can be used, but something may not work as expected.
    case warning
    /// Something could not be checked.
    case note
  }

  package let severity: Severity
  package let place: Place
  /// What is wrong, with the key as its subject.
  package let problem: String
  package let remedy: String
  /// Whether the error may be gone at the next reading without a change to the settings.
  package var isPassing = false

  package var description: String { text(severity == .error ? "" : "\(severity.rawValue): ") }

  /// The sentence without the severity.
  package var sentence: String { text("") }

  private func text(_ label: String) -> String {
    let subject = place.key.isEmpty ? problem : "\(place.key) \(problem)"
    return "\(place): \(label)\(subject); \(remedy)"
  }
}

/// A place in the settings.
package struct Place: Hashable, Sendable, CustomStringConvertible {
  package var file: String
  /// From 1; nil for the whole file.
  package var line: Int?
  /// From 1, in characters; nil if the line is enough.
  package var column: Int?
  /// The dotted name of the key, such as `roles.uploader.duration`; empty for the whole file.
  package var key: String

  package init(file: String, line: Int? = nil, column: Int? = nil, key: String = "") {
    self.file = file
    self.line = line
    self.column = column
    self.key = key
  }

  package var description: String {
    [file, line.map { "\($0)" }, column.map { "\($0)" }].compactMap { $0 }.joined(separator: ":")
  }
}
