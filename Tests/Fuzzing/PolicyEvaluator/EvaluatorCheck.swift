import FuzzSupport
import Policies

@testable import Emulator

/// Holds the emulator's evaluator against the product's, which shares no code with it.
enum EvaluatorCheck {
  static func check(_ policy: Emulator.Policy, _ text: String, _ question: AccessQuestion) {
    // The product leaves more open: what it can't evaluate, and times before 1970. A C string ends at a zero byte.
    let isAlike = question.context.values.allSatisfy { value in
      !value.utf8.contains(0) && (WallTime.ofPolicy(value)?.microseconds ?? 0) >= 0
    }
    let bytes = Array(text.utf8)
    guard isAlike, let other = Policies.Policy(bytes.span) else { return }
    let request = PolicyRequest(action: question.action, resource: question.resource, context: question.context)
    let decision = other.decision(on: request)
    let expected = Emulator.Policy.decision(of: [policy], on: question)
    switch decision.outcome {
    case .unknown: break
    case .allowed: require(expected == .allowed, "the product allows it, the emulator: \(expected)")
    case .denied:
      // Without an Allow, a Deny that the product can't evaluate changes nothing for it.
      let isOpen = decision.statement == nil && other.statements.contains { $0.uncertainty != nil }
      require(
        expected == (decision.statement == nil ? .notAllowed : .denied) || isOpen && expected == .denied,
        "the product denies it by \(decision.statement?.number ?? 0), the emulator: \(expected)")
    }
    require(
      PolicyCoverage.of(other, by: other, account: "1").allSatisfy {
        if case .notCovered = $0.verdict { false } else { true }
      }, "a policy that doesn't cover itself")
  }
}
