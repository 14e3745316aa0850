import FuzzSupport

@testable import Emulator

/// What has to hold for a decision, whatever the policy says.
struct DecisionCheck {
  let question: AccessQuestion

  func check(_ policy: Policy) {
    let decision = decide([policy])
    let single = policy.statements.map { Policy(statements: [$0]) }
    require(decide(single) == decision, "each statement a policy of its own: another decision than \(decision)")
    require(
      decide(single.reversed()) == decision, "the statements the other way round: another decision than \(decision)")
    require(decide([policy, policy]) == decision, "the policy twice: another decision than \(decision)")

    let verdicts = single.map { decide([$0]) }
    for (statement, verdict) in zip(policy.statements, verdicts) {
      let other: PolicyDecision = statement.effect == .deny ? .allowed : .denied
      require(verdict != other, "a statement that says \(statement.effect) makes it \(verdict)")
    }
    let expected: PolicyDecision =
      verdicts.contains(.denied) ? .denied : verdicts.contains(.allowed) ? .allowed : .notAllowed
    require(decision == expected, "the statements say \(verdicts), together \(decision)")

    require(decide([policy, Self.all(.deny)]) == .denied, "a Deny of everything is outweighed")
    require(decide([Self.all(.deny), policy]) == .denied, "a Deny of everything is outweighed")
    let allowed = decide([policy, Self.all(.allow)])
    require(allowed == (decision == .denied ? .denied : .allowed), "with an Allow of everything it is \(allowed)")

    let louder = AccessQuestion(
      action: question.action.uppercased(), resource: question.resource, context: question.context)
    if question.action.utf8.allSatisfy({ $0 < 0x80 }) {
      require(Policy.decision(of: [policy], on: louder) == decision, "the action's case matters")
    }
    checkConditions(policy)
  }

  /// A condition and its negation never both hold, and never both fail, where the request has the key and both can be read.
  private func checkConditions(_ policy: Policy) {
    for condition in policy.statements.flatMap(\.conditions) {
      guard let opposite = Self.opposites[condition.test] else { continue }
      let other = PolicyCondition(test: opposite, key: condition.key, values: condition.values)
      require(
        condition.holds(in: question.context) != other.holds(in: question.context),
        "\(condition.test) and \(opposite) agree")
    }
  }

  static func checkTrust(_ policy: Policy, caller: String, _ context: [String: String]) {
    let decision = policy.trusts([caller], in: context)
    require(policy.trusts([], in: context) == .notAllowed, "nobody at all is trusted, or denied")
    let isNamed = policy.statements.contains {
      $0.principals?["RAM"]?.contains { $0.utf8.elementsEqual(caller.utf8) } ?? false
    }
    require(isNamed || decision == .notAllowed, "\(decision), though it isn't named")
    let others = policy.trusts([caller, "acs:ram::0:root"], in: context)
    require(decision != .denied || others == .denied, "a second name outweighs a Deny")
  }

  private func decide(_ policies: [Policy]) -> PolicyDecision { Policy.decision(of: policies, on: question) }

  private static func all(_ effect: PolicyStatement.Effect) -> Policy {
    Policy(statements: [
      PolicyStatement(effect: effect, actions: .these(["*"]), resources: .these(["*"]), principals: nil, conditions: [])
    ])
  }

  private static let opposites: [PolicyCondition.Test: PolicyCondition.Test] = [
    .stringEquals: .stringNotEquals, .stringEqualsIgnoreCase: .stringNotEqualsIgnoreCase, .stringLike: .stringNotLike,
    .numericEquals: .numericNotEquals, .dateEquals: .dateNotEquals, .ipAddress: .notIpAddress,
  ]
}
