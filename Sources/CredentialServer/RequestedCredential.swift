import Core

/// What a credential ID requests: `ROLE`, or `ROLE.FORMAT` with a known format.
struct RequestedCredential: Hashable {
  let role: RoleName
  let format: CredentialFormat

  /// Nil if it has neither form.
  init?(_ id: String) {
    let parts = id.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let role = RoleName(parts[0]) else { return nil }
    self.role = role
    guard parts.count == 2 else {
      format = .json
      return
    }
    guard let format = CredentialFormat(rawValue: String(parts[1])) else { return nil }
    self.format = format
  }

  /// The allowed forms, for messages.
  static var rule: String {
    "write ROLE or ROLE.FORMAT, with FORMAT one of \(CredentialFormat.names)"
  }
}
