import Core

/// What an ID stands for: `ROLE`, or `ROLE.FORMAT` with one of the formats there are.
struct RequestedCredential: Hashable {
  let role: RoleName
  let format: CredentialFormat

  /// nil when it is neither.
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

  /// As messages show it.
  static var rule: String {
    "write ROLE or ROLE.FORMAT, with FORMAT one of \(CredentialFormat.allCases.map(\.rawValue).joined(separator: ", "))"
  }
}
