import FuzzSupport

@testable import Emulator

/// A question and the policies that answer it: a line with the action, one with the resource, lines `KEY=VALUE` of the
/// request's context, an empty line, and a policy document.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  var rest = UnsafeBufferPointer(start: data, count: size)[...]
  let action = takeLine(&rest)
  let resource = takeLine(&rest)
  var context: [String: String] = [:]
  while !rest.isEmpty {
    let line = takeLine(&rest)
    if line.isEmpty { break }
    let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    context[parts[0]] = parts.count == 2 ? parts[1] : ""
  }
  WildcardCheck.check(action, resource)
  let text = String(decoding: rest, as: UTF8.self)
  if let policy = Policy(text, kind: .identity) {
    checkIdentity(policy)
    let question = AccessQuestion(action: action, resource: resource, context: context)
    DecisionCheck(question: question).check(policy)
    EvaluatorCheck.check(policy, text, question)
  }
  if let policy = Policy(text, kind: .trust) {
    checkIdentity(policy, kind: .trust)
    DecisionCheck.checkTrust(policy, caller: resource, context)
  }
  return 0
}

/// Requires that a policy is the same after being written and read again.
private func checkIdentity(_ policy: Policy, kind: Policy.Kind = .identity) {
  let text = PolicyWriter.text(of: policy)
  guard let again = Policy(text, kind: kind) else { return require(false, "written again it is no policy: \(text)") }
  let more = PolicyWriter.text(of: again)
  require(text.utf8.elementsEqual(more.utf8), "written again it is another policy: \(text), then \(more)")
}
