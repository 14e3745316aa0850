package import Settings

extension Finding {
  /// That these settings, of the file `path`, can be used.
  package static func settings(_ path: String, _ settings: DaemonSettings) -> Finding {
    Finding(.ok, "settings", "'\(path)' can be used; roles: \(settings.roles.count)")
  }

  /// A finding of the settings' loader.
  package init(_ diagnostic: Diagnostic) {
    let verdict: Verdict =
      switch diagnostic.severity {
      case .error: .failed
      case .warning: .warning
      case .note: .note
      }
    let key = diagnostic.place.key
    self.init(
      verdict, "settings",
      "\(diagnostic.place): \(key.isEmpty ? diagnostic.problem : "\(key) \(diagnostic.problem)")",
      next: diagnostic.remedy)
  }
}
