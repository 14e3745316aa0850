import CommandInterface
import LocalClient
import Secrets
import Wire

/// `status --check`: one line on stdout and an exit status, for monitoring and scripts.
struct HealthCheck {
  /// The exit status, in the numbering that monitoring programs expect.
  enum Outcome: Int32 {
    case ok = 0
    case degraded = 1
    /// A role has no credential, or the requested role doesn't exist.
    case failing = 2
    /// The daemon doesn't answer, or refuses to answer, for example because this user may not read the role.
    case unknown = 3

    init(_ status: Health.Status) {
      switch status {
      case .ok: self = .ok
      case .degraded: self = .degraded
      case .failing: self = .failing
      }
    }
  }

  private let client: LocalClient
  /// The role to check; nil for all.
  private let role: String?

  init(_ client: LocalClient, role: String?) {
    self.client = client
    self.role = role
  }

  func run() throws -> Int32 {
    let (outcome, line) = judge()
    try Console.write(Self.oneLine(line) + "\n")
    return outcome.rawValue
  }

  /// Joins lines; those after a colon are a list.
  static func oneLine(_ text: String) -> String {
    var line = ""
    for part in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if !line.isEmpty { line += line.hasSuffix(":") ? " " : "; " }
      line += part
    }
    return line
  }

  private func judge() -> (Outcome, String) {
    do {
      if let role { return try judge(role) }
      let answer = try client.request("GET", "/v1/roles")
      guard answer.status == 200 else { throw Refusal(answer) }
      let list = try answer.body.withBytes { bytes in try RoleList(parsing: bytes) }
      guard list.isAdmin else { return try judgeAsReader(of: list.roles) }
      let whole = try client.request("GET", "/v1/status")
      guard whole.status == 200 else { throw Refusal(whole) }
      let report = try whole.body.withBytes { bytes in try StatusReport(parsing: bytes) }
      return (Outcome(report.health.status), Self.line(report.health, report.roles))
    } catch { return (.unknown, "unknown: \(error)") }
  }

  /// Uses the daemon's own verdict, which everybody who may read the role may request.
  private func judge(_ role: String) throws -> (Outcome, String) {
    let answer = try client.request("GET", "/v1/roles/\(role)/healthz")
    guard answer.status == 200 else { return try Self.refused(answer, role: role) }
    let health = try answer.body.withBytes { bytes in try HealthAnswer(parsing: bytes) }
    if let detail = health.detail { return (Outcome(health.status), "\(health.status.rawValue): \(detail)") }
    let whole = try client.request("GET", "/v1/roles/\(role)")
    guard whole.status == 200 else { return try Self.refused(whole, role: role) }
    let status = try whole.body.withBytes { bytes in try RoleStatus(parsing: bytes) }
    return (.ok, Self.line(Health([]), [status]))
  }

  /// A missing role has no credential, and neither has one without a session; other refusals don't show the role's
  /// state.
  private static func refused(_ answer: LocalClient.Answer, role: String) throws -> (Outcome, String) {
    let refusal = Refusal(answer, role: role)
    // An answer that isn't a problem document doesn't show the role's state.
    let problem = answer.body.withBytes { bytes in try? Problem(parsing: bytes) }
    guard problem?.kind == .notFound || problem?.kind == .noSession else { throw refusal }
    return (.failing, "failing: \(refusal)")
  }

  /// For users other than administrators, only the roles that they may read count.
  private func judgeAsReader(of roles: [RoleStatus]) throws -> (Outcome, String) {
    guard roles.isEmpty else {
      let health = Self.health(of: roles)
      return (Outcome(health.status), Self.line(health, roles))
    }
    // A user who may read no role, such as a monitoring program's, gets what the daemon answers everybody: numbers
    // without names.
    let answer = try client.request("GET", "/healthz")
    if answer.status == 503 { return (.failing, "failing: \(Refusal(answer))") }
    guard answer.status == 200 else { throw Refusal(answer) }
    let all = try answer.body.withBytes { bytes in try HealthAnswer(parsing: bytes) }
    return (Outcome(all.status), "\(all.status.rawValue): \(all.detail ?? Health([]).summary(roles: Int(all.roles)))")
  }

  /// The health of these roles and their sources.
  static func health(of roles: [RoleStatus]) -> Health {
    var troubles: [Health.Reason] = []
    for trouble in roles.compactMap(\.source?.trouble) {
      let reason = Health.Reason(.source, detail: trouble)
      if !troubles.contains(reason) { troubles.append(reason) }
    }
    return Health(of: roles, besides: troubles)
  }

  private static func line(_ health: Health, _ roles: [RoleStatus]) -> String {
    guard let first = health.reasons.first else {
      let files = roles.reduce(0) { $0 + $1.outputs.count }
      let written = files == 0 ? "" : files == 1 ? ", 1 file is written" : ", \(files) files are written"
      return "ok: \(roles.count == 1 ? "1 role has" : "\(roles.count) roles have") a credential\(written)"
    }
    let others = health.reasons.count - 1
    let more = others == 0 ? "" : " (and \(others) more; see rolekeeper status)"
    return "\(health.status.rawValue): \(first.detail)\(more)"
  }
}
