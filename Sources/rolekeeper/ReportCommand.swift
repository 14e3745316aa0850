import CommandInterface
import Core
import LocalClient
import Secrets
import Wire

/// `report ROLE [ACCESSKEYID]`: has the daemon ask STS whether it still accepts a session; the outcome is one word on
/// stdout.
struct ReportCommand {
  private let client: LocalClient

  init(_ client: LocalClient) { self.client = client }

  func run(_ arguments: Arguments) throws -> Int32 {
    let role = arguments.roles[0]
    let scope = arguments.scope
    guard let id = try arguments.accessKeyID ?? sessionInUse(of: role, scope) else {
      Console.report("role '\(role)' has no valid session to report; see rolekeeper status")
      return ExitStatus.notNow
    }
    let answer = try client.request(
      "POST", "/v1/roles/\(role)/report?access_key_id=\(id)\(scope.map { "&scope=\($0)" } ?? "")")
    guard answer.status == 200 else { throw Refusal(answer, role: role) }
    let outcome = try answer.body.withBytes { bytes in try SessionCheckResult(parsing: bytes) }
    try Console.write("\(outcome.result.rawValue)\n")
    guard outcome.result == .unchecked else { return ExitStatus.done }
    Console.report(Self.unchecked(outcome))
    return ExitStatus.notNow
  }

  static func unchecked(_ outcome: SessionCheckResult) -> String {
    let request = outcome.requestID.map { " (request \($0))" } ?? ""
    let why = [outcome.code, outcome.advice].compactMap(\.self).joined(separator: ": ")
    let again = outcome.retryAfter.map { "report it again in \($0.text)" } ?? "report it again"
    return """
      session '\(outcome.accessKeyID)' couldn't be checked, and stays in use: \(why.isEmpty ? "no reason given" : why)\(request)
      \(again)
      """
  }

  /// The AccessKeyId of the session that readers get now.
  private func sessionInUse(of role: String, _ scope: String?) throws -> String? {
    let answer = try client.request("GET", "/v1/roles/\(role)\(scope.map { "?scope=\($0)" } ?? "")")
    guard answer.status == 200 else { throw Refusal(answer, role: role) }
    if scope != nil { return try answer.body.withBytes { bytes in try ScopeStatus(parsing: bytes) }.accessKeyID }
    let status = try answer.body.withBytes { bytes in try RoleStatus(parsing: bytes) }
    if let users = status.userSessions { return users.accessKeyID }
    return status.accessKeyID
  }
}
