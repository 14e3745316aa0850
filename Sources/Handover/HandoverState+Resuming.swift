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
    let before = known.role.origin
    let now = HandoverRole.Origin(settings)
    let areGood = before.arn == now.arn && before.policyDigest == now.policyDigest
    let sessions = areGood ? known.sessions : []
    return ResumedRole(
      generation: known.role.rotation.generation, isGenerationExact: isGenerationExact,
      issued: Int(known.role.rotation.issued),
      sessions: sessions.map { ResumedRole.Session($0, isPublished: $0.number == known.role.rotation.published) },
      isRequestChanged: areGood && before != now)
  }

  /// How many sessions there are.
  package var sessionCount: Int { roles.values.reduce(0) { $0 + $1.sessions.count } }
}

extension ResumedRole.Session {
  init(_ session: HandoverSession, isPublished: Bool) {
    self.init(
      accessKeyID: session.accessKeyID, accessKeySecret: session.accessKeySecret, securityToken: session.securityToken,
      expiration: session.expiration, issued: session.issued, sent: session.sent, asked: session.asked,
      expires: session.expires, isReserved: session.isReserved, isPublished: isPublished)
  }
}
