package import Settings

extension AccessKeySource.Location {
  /// Throws if the settings name a systemd credential and the process was given none.
  ///
  /// Nil for another kind of source.
  package init?(_ settings: SourceSettings) throws {
    switch settings.accessKey {
    case nil: return nil
    case .file(let path): self = .file(path)
    case .credential(_, .some(let path)): self = .credential(path)
    case .credential(let name, nil): throw CredentialMissing(source: settings.name, name: name)
    }
  }
}

/// A systemd credential is missing because the process wasn't started by its unit.
package struct CredentialMissing: Error, CustomStringConvertible {
  let source: String
  let name: String

  package init(source: String, name: String) {
    self.source = source
    self.name = name
  }

  package var description: String {
    "source '\(source)': there is no systemd credential '\(name)'; run as the unit, whose LoadCredential= names it, or write file = \"/path\""
  }
}
