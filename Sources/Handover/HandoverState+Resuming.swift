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
    roles[settings.name].map { $0.resumed(settings, isGenerationExact: isGenerationExact) }
  }

  /// The same for the shards of other hosts that go on with sessions of the role, in the order of their numbers.
  package func resumedShards(of settings: RoleSettings, isGenerationExact: Bool) -> [(shard: Int, resumed: ResumedRole)]
  {
    (shards[settings.name] ?? [:]).sorted { $0.key < $1.key }.compactMap { shard, known in
      guard let own = settings.derived(SessionKey(role: settings.name, shard: shard), for: nil) else { return nil }
      let resumed = known.resumed(own, isGenerationExact: isGenerationExact)
      return resumed.sessions.isEmpty ? nil : (shard, resumed)
    }
  }

  /// Whether what was issued for the role is good under these settings.
  package func isGood(for settings: RoleSettings) -> Bool { roles[settings.name]?.isGood(for: settings) ?? false }

  /// The number of sessions of all roles and shards.
  package var sessionCount: Int {
    (Array(roles.values) + shards.values.flatMap(\.values)).reduce(0) { $0 + $1.sessions.count }
  }
}

extension HandoverState.Role {
  fileprivate func resumed(_ settings: RoleSettings, isGenerationExact: Bool) -> ResumedRole {
    let areGood = isGood(for: settings)
    return ResumedRole(
      generation: role.rotation.generation, isGenerationExact: isGenerationExact, issued: Int(role.rotation.issued),
      sessions: areGood ? sessions : [], published: role.rotation.published,
      isRequestChanged: areGood && role.origin != HandoverRole.Origin(settings))
  }

  fileprivate func isGood(for settings: RoleSettings) -> Bool {
    let (before, now) = (role.origin, HandoverRole.Origin(settings))
    // Without an ARN it came, or comes, from a tier, under the same name.
    let isSameRole = before.arn == now.arn || before.arn.isEmpty || now.arn.isEmpty
    return isSameRole && before.policyDigest == now.policyDigest
  }
}
