import Core
import JSON
import Policies

extension PolicyFiles {
  /// Reports where a task's policy gives more than the role's, or may do so.
  ///
  /// A task's session has the task's policy in place of the role's. Whoever may have the task alone would otherwise get what the role's
  /// readers don't have. `task` and `role` are paths of policies that were read, `place` is the key that names the task's, and
  /// `account` is that of the role's ARN. A policy with errors isn't compared.
  func checkCoverage(of task: String, namedAt place: Place, by role: String, account: String) {
    guard let (text, policy) = parsed(task), let (_, limit) = parsed(role) else { return }
    for coverage in PolicyCoverage.of(policy, by: limit, account: account) {
      let position = JSONPosition(of: coverage.statement.offset, in: text.span)
      let start = Place(file: task, line: position.line, column: position.column, key: place.key)
      switch coverage.verdict {
      case .covered: break
      case .notCovered(let request, let deny):
        let why = deny.map { "statement \($0) there denies it" } ?? "no statement there allows it"
        let origin = request.context["acs:SourceIp"].map { " from \($0)" } ?? ""
        findings.error(
          start,
          "has a statement that allows \(request.action) on '\(request.resource)'\(origin), which the role's policy '\(role)' doesn't allow: \(why)",
          "narrow this statement, or widen the role's policy: a task may do no more than the role")
      case .unknown(let reason):
        findings.warning(
          start, "has a statement that may allow more than the role's policy '\(role)': \(reason)",
          "compare the two, or write this statement with actions, resources and conditions as they are there")
      }
    }
  }

  /// The text and the policy of a file that was read; nil if it wasn't, or has errors.
  private func parsed(_ path: String) -> (text: [UInt8], policy: Policy)? {
    guard let file = files.first(where: { $0.path == path }) else { return nil }
    let text = ByteOrderMark.removed(from: file.bytes)
    return Policy(text.span).map { (Array(text), $0) }
  }
}
