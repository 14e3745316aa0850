import Core
import Policies

/// Checks that a scope permits no more than its role: the scope's policy is sent in place of the role's.
enum ScopeCoverage {
  /// Reports statements of `scope` that `role` doesn't cover, or may not cover; both are policies as they are sent. `account` is that of the
  /// RAM role.
  static func check(_ scope: [UInt8], against role: [UInt8], account: String, at place: Place, findings: Findings) {
    guard let task = Policy(scope.span), let whole = Policy(role.span) else { return }
    for coverage in PolicyCoverage.of(task, by: whole, account: account) {
      let number = coverage.statement.number
      switch coverage.verdict {
      case .covered: break
      case .notCovered(let request, let deny):
        let why = deny.map { "statement \($0) of the role's policy denies" } ?? "the role's policy doesn't allow"
        findings.error(
          place,
          "permits more than the role does: its statement \(number) allows \(request.action) on \(request.resource), which \(why)",
          "narrow that statement, or add the permission to the role's policy")
      case .unknown(let reason):
        findings.warning(
          place, "may permit more than the role does: for its statement \(number), \(reason)",
          "make sure of it; the scope's policy is sent in place of the role's")
      }
    }
  }
}
