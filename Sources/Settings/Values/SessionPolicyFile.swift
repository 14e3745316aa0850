package import Core

/// Where the policy of a role's sessions, or of one of its tasks, comes from.
package struct SessionPolicyFile: Hashable, Sendable {
  package let role: RoleName
  /// The task whose sessions have this policy in place of the role's; nil for the role's own.
  package let task: String?
  /// Its absolute path.
  package let path: String

  package init(role: RoleName, task: String? = nil, path: String) {
    self.role = role
    self.task = task
    self.path = path
  }
}
