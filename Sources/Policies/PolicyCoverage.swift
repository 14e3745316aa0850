/// Whether one Allow statement of a task's policy gives no more than the role's policy.
///
///     for coverage in PolicyCoverage.of(task, by: role, account: "1234567890123456") {
///       switch coverage.verdict { … }
///     }
///
/// Both answers are proofs, whichever way RAM decides what its documentation leaves open: whether case matters in a resource, and
/// whether `?` is a wildcard there. What can't be proven is `unknown`.
package struct PolicyCoverage: Hashable, Sendable {
  package enum Verdict: Hashable, Sendable {
    /// The role's policy allows every request that the task's policy allows by this statement.
    case covered
    /// The task's policy allows this request, and the role's doesn't; if a Deny forbids it there, that has this number.
    case notCovered(PolicyRequest, deniedBy: Int?)
    /// Why neither could be shown, as a clause: "statement 2 of the role's policy, which would cover it, has a Condition …".
    case unknown(String)
  }

  /// The statement of the task's policy.
  package let statement: PolicyStatement
  package let verdict: Verdict

  /// The coverage of each Allow statement of `task`, in its order; a Deny only takes away. `account` is the role's, which requests
  /// that are tried name where the policies leave it open.
  package static func of(_ task: Policy, by role: Policy, account: String) -> [PolicyCoverage] {
    task.statements.filter { $0.effect == .allow }.map { statement in
      let proof = CoverageProof(task: task, role: role, statement: statement)
      let search = WitnessSearch(task: task, role: role, statement: statement, account: account)
      return PolicyCoverage(statement: statement, verdict: verdict(proof, search))
    }
  }

  private static func verdict(_ proof: CoverageProof, _ search: WitnessSearch) -> Verdict {
    var unknown: String?
    for actions in proof.statement.actions.parts {
      for resources in proof.statement.resources.parts {
        guard let doubt = proof.doubt(about: actions, on: resources) else { continue }
        if let (request, deny) = search.witness(for: actions, on: resources) {
          return .notCovered(request, deniedBy: deny)
        }
        unknown = unknown ?? doubt
      }
    }
    return unknown.map { .unknown($0) } ?? .covered
  }
}

/// Proves that a role's policy allows all that a statement of a task's policy allows.
struct CoverageProof {
  let task: Policy
  let role: Policy
  let statement: PolicyStatement

  /// Why it isn't proven for these actions on these resources; nil if it is.
  func doubt(about actions: PolicyPart, on resources: PolicyPart) -> String? {
    let actions = actions.folded
    if let member = statement.unknownMembers.first { return "it has '\(member)', which isn't known here" }
    let allows = role.statements.filter { allow in
      allow.effect == .allow && allow.actions.folded.surelyCovers(actions) && allow.resources.surelyCovers(resources)
    }
    guard allows.contains(where: { isImplied($0, by: statement.conditions) }) else {
      guard let near = allows.first else { return "no statement of the role's policy surely allows all of it" }
      let what = near.unknownMembers.first.map { "has '\($0)', which isn't known here" }
      return
        "statement \(near.number) of the role's policy, which would cover it, \(what ?? "has a Condition that this one doesn't have")"
    }
    let denies = role.statements.filter { deny in
      deny.effect == .deny && deny.actions.folded.mayOverlap(actions) && deny.resources.mayOverlap(resources)
        && !taskDenies(deny, actions, resources)
    }
    return denies.first.map { "statement \($0.number) of the role's policy may deny a part of it" }
  }

  /// Whether statements of the task's policy deny what `deny` denies of these actions on these resources.
  private func taskDenies(_ deny: PolicyStatement, _ actions: PolicyPart, _ resources: PolicyPart) -> Bool {
    let own = task.statements.filter {
      $0.effect == .deny && isImplied($0, by: deny.conditions + statement.conditions)
    }
    return deny.actions.folded.parts.allSatisfy { denied in
      deny.resources.parts.allSatisfy { place in
        own.contains { shield in
          (shield.actions.folded.surelyCovers(denied) || shield.actions.folded.surelyCovers(actions))
            && (shield.resources.surelyCovers(place) || shield.resources.surelyCovers(resources))
        }
      }
    }
  }

  /// Whether a statement surely applies to what it selects if `conditions` hold.
  private func isImplied(_ other: PolicyStatement, by conditions: [PolicyCondition]) -> Bool {
    other.unknownMembers.isEmpty
      && other.conditions.allSatisfy { needed in conditions.contains { $0.implies(needed) } }
  }
}

/// One pattern of a selection, or all but some.
enum PolicyPart {
  case pattern(WildcardPattern)
  case allBut([WildcardPattern])

  var folded: PolicyPart {
    switch self {
    case .pattern(let pattern): .pattern(pattern.folded)
    case .allBut(let patterns): .allBut(patterns.map(\.folded))
    }
  }
}

extension PolicySelection {
  /// The selection in lower case: for actions, in which case doesn't matter.
  var folded: PolicySelection {
    switch self {
    case .these(let patterns): .these(patterns.map(\.folded))
    case .allBut(let patterns): .allBut(patterns.map(\.folded))
    }
  }

  /// The parts of which the selection is the union.
  var parts: [PolicyPart] {
    switch self {
    case .these(let patterns): patterns.map { .pattern($0) }
    case .allBut(let patterns): [.allBut(patterns)]
    }
  }

  /// Whether it selects all of `part`, whether case matters or not and whether `?` is a wildcard or not.
  ///
  /// A pattern that covers another with `?` as an ordinary character and with case also does so otherwise: where it has a `?`, the
  /// other has one, too.
  func surelyCovers(_ part: PolicyPart) -> Bool {
    switch (self, part) {
    case (.these(let patterns), .pattern(let pattern)): patterns.contains { $0.covers(pattern) }
    case (.these(let patterns), .allBut): patterns.contains { $0.matchesAll }
    case (.allBut(let excluded), .pattern(let pattern)):
      excluded.allSatisfy { !$0.loosened.overlaps(pattern.loosened) }
    case (.allBut(let excluded), .allBut(let others)):
      excluded.allSatisfy { own in others.contains { $0.covers(own) } }
    }
  }

  /// False only if it surely selects nothing of `part`.
  func mayOverlap(_ part: PolicyPart) -> Bool {
    switch (self, part) {
    case (.these(let patterns), .pattern(let pattern)):
      patterns.contains { $0.loosened.overlaps(pattern.loosened) }
    case (.these(let patterns), .allBut(let others)):
      patterns.contains { own in !others.contains { $0.covers(own) } }
    case (.allBut(let excluded), .pattern(let pattern)): !excluded.contains { $0.covers(pattern) }
    case (.allBut, .allBut): true
    }
  }
}
