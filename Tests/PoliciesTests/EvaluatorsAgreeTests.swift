import Emulator
import Policies
import TestSupport
import Testing

/// The emulator's reader and evaluator of policies share no code with ours.
@Suite struct EvaluatorsAgreeTests {
  @Test(arguments: 0..<4 as Range<UInt64>)
  func `ours and the emulator's decide alike`(seed: UInt64) throws {
    var random = RandomPolicies(seed: seed)
    var outcomes: [Policies.PolicyDecision.Outcome: Int] = [:]
    for _ in 0..<400 {
      let text = random.policy()
      let ours = try #require(PolicyDraft.read(text), "\(text)")
      let read = Emulator.Policy(text, kind: .identity)
      let theirs = try #require(read, "\(text)")
      for _ in 0..<10 {
        let (action, resource, context) = (random.concreteAction(), random.concreteResource(), random.context())
        let decision = ours.decision(on: PolicyRequest(action: action, resource: resource, context: context))
        let expected = Emulator.Policy.decision(
          of: [theirs], on: AccessQuestion(action: action, resource: resource, context: context))
        let agree =
          switch expected {
          case .allowed: decision.outcome == .allowed
          case .denied: decision.outcome == .denied && decision.statement?.effect == .deny
          case .notAllowed: decision.outcome == .denied && decision.statement == nil
          }
        #expect(agree, "\(text): \(action) on \(resource) in \(context) is \(decision.outcome), not \(expected)")
        outcomes[decision.outcome, default: 0] += 1
      }
    }
    // The random requests are worth something only if there are many of both.
    #expect(outcomes[.allowed, default: 0] > 300 && outcomes[.denied, default: 0] > 300, "\(outcomes)")
  }
}
