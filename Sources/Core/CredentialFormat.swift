/// A format that credentials are handed out in; the names are those of the settings and of the command line.
package enum CredentialFormat: String, Hashable, CaseIterable, Sendable {
  /// The credential document: one line of JSON.
  case json
  /// `NAME='value'` lines for systemd's `EnvironmentFile=` and for shells.
  case env
}
