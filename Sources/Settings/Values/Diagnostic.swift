/// One finding about the settings: where, what is wrong, and what to write instead.
///
/// `description` is the whole sentence, as in
///
///     /etc/rolekeeper/rolekeeper.toml:14: roles.uploader.duration is 5min, allowed are 15min to 12h; write duration = "15min" …
package struct Diagnostic: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Severity: String, Hashable, Sendable {
    /// The settings can't be used.
    case error
    /// They can be used, but not all will work as one might think.
    case warning
    /// Something could not be checked.
    case note
  }

  package let severity: Severity
  package let place: Place
  /// What is wrong, with the key as its subject.
  package let problem: String
  package let remedy: String
  /// Whether an error may be gone at the next reading without a change to the settings.
  package var isPassing = false

  package var description: String { text(severity == .error ? "" : "\(severity.rawValue): ") }

  /// The same where the severity is said already.
  package var sentence: String { text("") }

  private func text(_ label: String) -> String {
    let subject = place.key.isEmpty ? problem : "\(place.key) \(problem)"
    return "\(place): \(label)\(subject); \(remedy)"
  }
}

/// Where in the settings something is.
package struct Place: Hashable, Sendable, CustomStringConvertible {
  package var file: String
  /// From 1; nil for the file as a whole.
  package var line: Int?
  /// From 1, in characters; nil where the line says enough.
  package var column: Int?
  /// The key with the tables it lies in, as `roles.uploader.duration`; empty for the file as a whole.
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
