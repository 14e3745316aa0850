import Core
import Settings

/// What a credential ID requests: `ROLE`, or `ROLE.FORMAT` with a known format or `template`.
struct RequestedCredential: Hashable {
  let role: RoleName
  /// Nil for the template of the role's files.
  let format: CredentialFormat?

  /// Nil if it has neither form.
  init?(_ id: String) {
    let parts = id.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let role = RoleName(parts[0]) else { return nil }
    self.role = role
    guard parts.count == 2 else {
      format = .json
      return
    }
    guard parts[1] != OutputFormat.templateName else {
      format = nil
      return
    }
    guard let format = CredentialFormat(rawValue: String(parts[1])) else { return nil }
    self.format = format
  }

  /// What to write for a unit; nil if it is to be a template, and the role's files haven't exactly one.
  func format(by settings: RoleSettings) -> OutputFormat? {
    if let format { return .known(format) }
    return settings.onlyTemplate.map { .template($0) }
  }

  /// The allowed forms, for messages.
  static var rule: String {
    "write ROLE or ROLE.FORMAT, with FORMAT one of \(OutputFormat.names)"
  }
}
