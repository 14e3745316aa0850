package import Core

/// Where the policy of a role's sessions, or of one of its scopes, comes from.
package struct SessionPolicyFile: Hashable, Sendable {
  package let role: RoleName
  /// The scope whose sessions have this policy in place of the role's; nil for the role's own.
  package let scope: RoleName?
  /// Its absolute path.
  package let path: String

  package init(role: RoleName, scope: RoleName? = nil, path: String) {
    self.role = role
    self.scope = scope
    self.path = path
  }
}
