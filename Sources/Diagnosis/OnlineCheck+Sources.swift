import CloudAPI
import Core
import Identities
import STS
import Settings

/// What signs, by the type of the source.
extension OnlineCheck {
  /// Asks whose `signer` is, and tries `roles`; `owned` are the words before the owner's name.
  mutating func trySigner(
    _ signer: SigningIdentity, _ owned: String, _ subject: String, _ roles: [RoleSettings],
    _ report: inout FindingReport,
    _ explained: (STSProbe.Trouble, CallerIdentity?) -> STSProbe.Trouble
  ) {
    guard !isUnreachable else { return giveUp(subject, roles, &report) }
    var owner: CallerIdentity?
    switch probe.identity(of: signer) {
    case .success(let identity):
      owner = identity
      report.add(Finding(.ok, subject, "\(owned) '\(identity.arn)'"))
    case .failure(let trouble):
      let named = explained(trouble, nil)
      // A policy may forbid this call and still allow AssumeRole.
      guard trouble.failure.concernsSigner else {
        note(trouble)
        report.add(Finding(.failed, subject, named.problem, next: named.remedy))
        return skip(
          roles, isUnreachable ? "STS doesn't answer any more" : "\(subject) isn't accepted", &report)
      }
      report.add(Finding(.warning, subject, named.problem, next: named.remedy))
    }
    for role in roles { tryRole(role, .signer(signer), &report) { explained($0, owner) } }
  }

  /// Asks the service of `source` for a credential.
  mutating func tryService(
    _ source: SourceSettings, _ subject: String, _ roles: [RoleSettings], _ report: inout FindingReport
  ) {
    do {
      switch try probe.fetch(source) {
      case .success(let signer):
        trySigner(signer, "hands out a credential of", subject, roles, &report) { trouble, owner in
          guard !trouble.failure.blamesSigner else {
            return trouble.withRemedy("look at what hands the credential out; STS doesn't accept it")
          }
          return trouble.naming(keyPlace: "what hands it out", signer: owner)
        }
      case .failure(let trouble):
        note(trouble)
        report.add(Finding(.failed, subject, trouble.problem, next: trouble.remedy))
        skip(roles, "\(subject) has no credential", &report)
      case nil:
        isIncomplete = true
        report.add(Finding(.skipped, subject, "can't be tried"))
        skip(roles, "\(subject) can't be tried", &report)
      }
    } catch {
      isIncomplete = true
      report.add(Finding(.failed, subject, "\(error)", next: "look at [source.\(source.name)]"))
      skip(roles, "\(subject) has no credential", &report)
    }
  }

  /// Signs with the session that was issued to `lender` before.
  mutating func trySession(
    of lender: RoleName, _ subject: String, _ roles: [RoleSettings], _ report: inout FindingReport
  ) {
    guard let session = sessions[lender] else {
      if !roles.isEmpty { isIncomplete = true }
      let text =
        roles.isEmpty
        ? "signs with the session of role '\(lender)', which 'rolekeeper check --online' tries"
        : "role '\(lender)' has no session that could sign"
      report.add(Finding(.skipped, subject, text))
      return skip(roles, "\(subject) has no session", &report)
    }
    trySigner(session, "signs with the session", subject, roles, &report) { trouble, _ in
      trouble.failure.concernsSigner ? trouble.withRemedy(trouble.failure.adviceForSession(of: lender)) : trouble
    }
  }

  /// A token stands in for a signature, and STS says nothing of it before a role is assumed.
  mutating func tryToken(
    _ token: IdentityTokenSettings, of name: String, _ subject: String, _ roles: [RoleSettings],
    _ report: inout FindingReport
  ) {
    switch IdentityTokenSource.read(token) {
    case .failure(let unreadable):
      refuse()
      report.add(Finding(.failed, subject, unreadable.problem, next: unreadable.fix))
      skip(roles, "\(subject) has no token", &report)
    case .success(let read):
      report.add(Finding(.ok, subject, "'\(token.tokenFile)' has a token"))
      for role in roles {
        tryRole(role, .token(read), &report) { trouble in
          trouble.isAnswer
            ? trouble.withRemedy(IdentityTokenSource.explained(trouble.failure, name: name, token).advice) : trouble
        }
      }
    }
  }

  private mutating func giveUp(_ subject: String, _ roles: [RoleSettings], _ report: inout FindingReport) {
    isIncomplete = true
    report.add(Finding(.skipped, subject, "no endpoint answers"))
    skip(roles, "no endpoint answers", &report)
  }
}
