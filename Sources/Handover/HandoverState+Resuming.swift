import Core
package import Refresh
package import Settings

extension HandoverState {
  /// What a role keeps under the settings in force, by the rules of a reload (`RoleDifference`). For another RAM role
  /// or session policy, no session is kept. If only the parameters of requests have changed, the sessions serve until
  /// the next one is issued. Nil for an unknown role.
  ///
  /// `isGenerationExact` is whether nobody can have published a later generation than the store records.
  package func resumed(_ settings: RoleSettings, isGenerationExact: Bool) -> ResumedRole? {
    guard let known = roles[settings.name] else { return nil }
    let areGood = isGood(for: settings)
    return ResumedRole(
      generation: known.role.rotation.generation, isGenerationExact: isGenerationExact,
      issued: Int(known.role.rotation.issued), sessions: areGood ? known.sessions : [],
      published: known.role.rotation.published,
      isRequestChanged: areGood && known.role.origin != HandoverRole.Origin(settings))
  }

  /// Whether what was issued for the role is good under these settings.
  package func isGood(for settings: RoleSettings) -> Bool {
    guard let before = roles[settings.name]?.role.origin else { return false }
    let now = HandoverRole.Origin(settings)
    // Without an ARN it came, or comes, from a tier, under the same name.
    let isSameRole = before.arn == now.arn || before.arn.isEmpty || now.arn.isEmpty
    return isSameRole && before.policyDigest == now.policyDigest
  }

  /// The number of sessions of all roles.
  package var sessionCount: Int { roles.values.reduce(0) { $0 + $1.sessions.count } }
}
