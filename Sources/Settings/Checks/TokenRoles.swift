import Core

/// Checks the roles that are assumed with an identity token: AssumeRoleWithOIDC has neither an ExternalId nor a SourceIdentity (STS
/// API reference, 2015-04-01), so what a role says of them would silently not hold.
///
/// A role further along a chain is assumed by AssumeRole, which has both.
struct TokenRoles {
  let sources: [SourceSettings]
  let roles: [RoleSettings]
  let context: LoadContext

  func check() {
    let names = Set(sources.filter { $0.kind.type == .identityToken }.map(\.name))
    if names.isEmpty { return }
    for role in roles where names.contains(role.source) {
      let isSent = [
        Schema.Role.externalID.name: role.externalID != nil,
        Schema.Role.sourceIdentity.name: role.derivation.settings?.users?.isSourceIdentity == true,
      ]
      for (key, place) in context.parametersOfSignature[role.name] ?? [] where isSent[key] == true {
        context.findings.error(
          place, "can't be sent: source '\(role.source)' is of type oidc, and AssumeRoleWithOIDC has no such parameter",
          "remove the line, or give the role a source that signs")
      }
    }
  }
}
