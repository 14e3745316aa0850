import Core
package import Refresh
package import Settings

extension HandoverState {
  /// What is left of a role under the settings in force, by the rules of a reload (`RoleDifference`): for another RAM role or another policy no
  /// session is good any more; where only the way to request them has changed, those that there are serve until the next one has come. Nil
  /// for a role of which nothing is known.
  ///
  /// `isGenerationExact` is whether nobody can have published more than the store knows of.
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
    return before.arn == now.arn && before.policyDigest == now.policyDigest
  }

  /// How many sessions there are.
  package var sessionCount: Int { roles.values.reduce(0) { $0 + $1.sessions.count } }
}
