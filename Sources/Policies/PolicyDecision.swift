/// One request as policies see it.
package struct PolicyRequest: Hashable, Sendable {
  /// `service:Name`, compared without regard to case.
  package var action: String
  /// `acs:SERVICE:REGION:ACCOUNT:NAME`, compared with regard to case (?).
  package var resource: String
  /// The request's condition keys, such as `acs:SourceIp`, and their values.
  package var context: [String: String]

  package init(action: String, resource: String, context: [String: String] = [:]) {
    self.action = action
    self.resource = resource
    self.context = context
  }
}

/// The decision of a policy about one request (RAM documentation, "How RAM evaluates policies"): an explicit Deny overrides every
/// Allow, and no statement means no.
package struct PolicyDecision: Hashable, Sendable {
  package enum Outcome: Hashable, Sendable {
    case allowed
    case denied
    /// It depends on a statement that can't be evaluated here: one with an unknown member, operator or form of a value.
    case unknown
  }

  package let outcome: Outcome
  /// The statement that decides, the first if there are several; nil if the request is denied because none allows it.
  package let statement: PolicyStatement?
}

extension Policy {
  package func decision(on request: PolicyRequest) -> PolicyDecision {
    decision { $0.applies(to: request) }.decision
  }

  /// The condition keys that the request doesn't have, and that could change the decision if it had them; sorted.
  package func decisiveKeys(missingFrom request: PolicyRequest) -> [String] {
    let (_, uncertain) = decision { $0.applies(to: request, missingKeys: .count) }
    let keys = uncertain.flatMap { $0.conditions.filter(\.isReadable).map(\.key) }
    return Set(keys.filter { request.context[$0] == nil }).sorted()
  }

  /// The first condition key, by its name, whose value in the request no real request has: a condition compares it with something else.
  package func impossibleValue(in request: PolicyRequest) -> (key: String, operatorName: String, needed: String)? {
    for (key, value) in request.context.sorted(by: { $0.key < $1.key }) {
      for condition in statements.flatMap(\.conditions) where condition.key == key {
        if let needed = condition.needed(insteadOf: value) { return (key, condition.operatorName, needed) }
      }
    }
    return nil
  }

  /// Also the statements on which an unknown outcome depends.
  private func decision(
    _ applies: (PolicyStatement) -> Bool?
  ) -> (decision: PolicyDecision, uncertain: [PolicyStatement]) {
    let fits = statements.map { ($0, applies($0)) }
    func first(_ effect: PolicyStatement.Effect, _ fit: Bool?) -> PolicyStatement? {
      fits.first { $0.0.effect == effect && $0.1 == fit }?.0
    }
    func uncertain(_ effects: Set<PolicyStatement.Effect>) -> [PolicyStatement] {
      fits.filter { effects.contains($0.0.effect) && $0.1 == nil }.map(\.0)
    }
    if let deny = first(.deny, true) { return (PolicyDecision(outcome: .denied, statement: deny), []) }
    if let allow = first(.allow, true) {
      let open = uncertain([.deny])
      return (PolicyDecision(outcome: open.isEmpty ? .allowed : .unknown, statement: open.first ?? allow), open)
    }
    // Without an Allow that may apply, no Deny matters.
    guard let allow = first(.allow, nil) else { return (PolicyDecision(outcome: .denied, statement: nil), []) }
    return (PolicyDecision(outcome: .unknown, statement: allow), uncertain([.allow, .deny]))
  }
}

extension PolicyStatement {
  /// What becomes of a condition whose key the request doesn't have.
  enum MissingKeys {
    /// The request is complete.
    case absent
    /// The request may have the key with any value.
    case count
  }

  /// Whether the statement applies; nil if that can't be decided.
  func applies(to request: PolicyRequest, missingKeys: MissingKeys = .absent) -> Bool? {
    guard selects(action: request.action), resources.selects({ $0.matches(request.resource) }) else { return false }
    let results = conditions.map { condition in
      missingKeys == .count && request.context[condition.key] == nil ? nil : condition.holds(in: request.context)
    }
    if results.contains(false) { return false }
    return results.contains(nil) || !unknownMembers.isEmpty ? nil : true
  }

  func selects(action: String) -> Bool {
    let action = action.lowercased()
    return actions.selects { $0.folded.matches(action) }
  }
}
