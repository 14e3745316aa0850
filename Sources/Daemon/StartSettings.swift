package import Settings

/// The settings that a process starts with: those of the files, or those that were last in force where the files can't be used.
///
/// What was last in force is known where an earlier process handed it over. Files are compared with it as a reload does: settings that lost
/// all roles, or all of a file's roles, or all readers of a role, look like files that were cut off, and a start has nobody to ask.
package struct StartSettings {
  package let settings: DaemonSettings
  /// The files of these settings.
  package let content: SettingsContent
  /// Why the files' own settings aren't in force, a sentence each; empty where they are.
  package let refusals: [String]
  /// What goes with what was last in force, such as roles that are gone.
  package let warnings: [Diagnostic]

  /// Whether it may start with a CA file that can't be used, for the sake of what was handed over.
  package let mayLackAuthorities: Bool

  /// Nil where neither can be used. `lastInForce` reads what was last in force, which takes as long as reading the files.
  package init?(
    _ loaded: LoadedSettings, after last: SettingsContent?,
    readingLast readLast: (SettingsContent) -> LoadedSettings
  ) {
    mayLackAuthorities = last != nil
    // Mostly nothing has changed.
    let isOther = loaded.settings == nil || loaded.content != last
    let before = isOther ? last.flatMap { content in readLast(content).settings.map { (content, $0) } } : nil
    var refusals: [String] = []
    if let new = loaded.settings {
      let difference = before.map { new.difference(from: $0.1) }
      refusals = difference?.losses.map(\.description) ?? []
      if refusals.isEmpty {
        (settings, content, self.refusals, warnings) = (new, loaded.content, [], difference?.warnings ?? [])
        return
      }
    } else {
      refusals = loaded.diagnostics.filter { $0.severity == .error }.map(\.description)
    }
    guard let (content, settings) = before else { return nil }
    (self.settings, self.content, self.refusals, warnings) = (settings, content, refusals, [])
  }
}
