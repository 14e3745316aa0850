package import Core

/// A reload that was refused, so that the settings in force aren't those of the files.
package struct SettingsRefusal: Hashable, Sendable {
  package let at: UTCTime
  /// A sentence for each; the first few, since thousands of roles may be wrong in the same way.
  package let errors: [String]

  init(at: UTCTime, _ diagnostics: [String]) {
    self.at = at
    errors = Array(diagnostics.prefix(10))
  }
}
