/// The decision of a set of policies about one request.
package enum PolicyDecision: Sendable, Equatable {
  case allowed
  /// No statement applies, which means no.
  case notAllowed
  /// A Deny applies, which no Allow overrides.
  case denied
}

/// One request as policies see it.
package struct AccessQuestion: Sendable {
  /// `service:Name`, compared case-insensitively.
  package let action: String
  package let resource: String
  /// Condition keys such as `acs:SourceIp`.
  package let context: [String: String]

  package init(action: String, resource: String, context: [String: String] = [:]) {
    self.action = action
    self.resource = resource
    self.context = context
  }
}

/// The types of principals in trust policies ("Modify the trust policy").
package enum PrincipalType: String, Sendable, CaseIterable {
  case ram = "RAM"
  case service = "Service"
  case federated = "Federated"
}

extension Policy {
  /// Evaluates all `policies` together: an explicit Deny overrides every Allow, and no statement means no.
  package static func decision(of policies: [Policy], on question: AccessQuestion) -> PolicyDecision {
    decision(of: policies.flatMap(\.statements).filter { $0.applies(to: question) })
  }

  /// Whether this trust policy lets one of `principals`, such as `acs:ram::…:user/NAME`, assume the role.
  package func trusts(
    _ principals: [String], of type: PrincipalType = .ram, in context: [String: String]
  ) -> PolicyDecision {
    Self.decision(of: statements.filter { $0.applies(toAny: principals, of: type, in: context) })
  }

  private static func decision(of applying: [PolicyStatement]) -> PolicyDecision {
    if applying.contains(where: { $0.effect == .deny }) { return .denied }
    return applying.isEmpty ? .notAllowed : .allowed
  }
}

extension AccountModel {
  /// The decision of `caller`'s own policies; a role session may do what both its role and its session policy allow.
  package func decision(for caller: Caller, on question: AccessQuestion) -> PolicyDecision {
    switch caller {
    case .root: return .allowed
    case .user(let name, let account):
      return Policy.decision(of: accounts[account]?.users[name]?.policies ?? [], on: question)
    case .session(let session):
      let granted = Policy.decision(of: role(session.role, in: session.account)?.policies ?? [], on: question)
      guard granted == .allowed, let text = session.policy else { return granted }
      guard let narrowing = Policy(text, kind: .identity) else { return .notAllowed }
      return Policy.decision(of: [narrowing], on: question)
    }
  }
}

extension PolicyStatement {
  fileprivate func applies(to question: AccessQuestion) -> Bool {
    guard let resources else { return false }
    return covers(action: question.action)
      && resources.covers { Wildcard.matches($0, question.resource) }
      && conditions.allSatisfy { $0.holds(in: question.context) }
  }

  fileprivate func applies(toAny callers: [String], of type: PrincipalType, in context: [String: String]) -> Bool {
    guard let named = principals?[type.rawValue] else { return false }
    return covers(action: "sts:AssumeRole")
      && named.contains { name in callers.contains { $0.utf8.elementsEqual(name.utf8) } }
      && conditions.allSatisfy { $0.holds(in: context) }
  }

  private func covers(action: String) -> Bool {
    let action = action.lowercased()
    return actions.covers { Wildcard.matches($0.lowercased(), action) }
  }
}
