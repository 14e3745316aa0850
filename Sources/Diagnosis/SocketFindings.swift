package import Core
import LocalClient
import Secrets
import Wire

/// What the daemon answers this process at its socket.
package struct SocketFindings {
  package let findings: [Finding]
  /// What this process may read; nil if the daemon didn't say.
  package let readable: RightsFindings.Readable?
  /// A loopback address at which this process may read something, and what; nil if the daemon named none.
  package let loopback: (address: LoopbackAddress, right: LoopbackRight)?

  /// `reader` is this process's user, as findings name it; `now` is the host's time.
  package init(path: String, reader: String, now: UTCTime) {
    let subject = "socket '\(path)'"
    let client = LocalClient(path: path, timeout: .seconds(10))
    var findings: [Finding] = []
    do throws(LocalClientError) {
      let answer = try client.request("GET", "/v1/roles")
      guard answer.status == 200, let list = answer.body.withBytes({ try? RoleList(parsing: $0) }) else {
        self.findings = [Self.refused(answer, subject)]
        readable = nil
        loopback = nil
        return
      }
      findings.append(Finding(.ok, subject, "the daemon answers user '\(reader)'"))
      if list.isAdmin { findings += try Self.daemon(client, list.roles) }
      let said = Set(findings.compactMap(\.next))
      findings += list.roles.flatMap { Self.role($0, now: now, besides: said) }
      loopback = try Self.loopback(client, list)
      readable = RightsFindings.Readable(
        roles: list.roles.map(\.name), scopes: list.scopes.map { ($0.role, $0.name) })
    } catch {
      findings.append(Self.unreachable(error, subject))
      readable = nil
      loopback = nil
    }
    self.findings = findings
  }

  /// Asks for the URI of a few roles: one that this user may not read there is logged as a refusal.
  private static func loopback(
    _ client: LocalClient, _ list: RoleList
  ) throws(LocalClientError) -> (address: LoopbackAddress, right: LoopbackRight)? {
    for (path, right) in questions(about: list).prefix(3) {
      let answer = try client.request("GET", "/v1/roles/\(path)")
      if answer.status == 404 { return nil }
      guard answer.status == 200, let uri = answer.body.withBytes({ try? LoopbackURI(parsing: $0) }) else { continue }
      let site = uri.uri.dropFirst("http://".count).prefix { $0 != "/" }
      if let address = LoopbackAddress(String(site)) { return (address, right) }
    }
    return nil
  }

  /// Paths after `/v1/roles/`, those first of which a session is there.
  static func questions(about list: RoleList) -> [(path: String, right: LoopbackRight)] {
    var (shared, own): ([(String, LoopbackRight)], [(String, LoopbackRight)]) = ([], [])
    for role in list.roles {
      guard let name = RoleName(role.name) else { continue }
      if role.userSessions == nil {
        shared.append(("\(name)/uri", .role(name)))
      } else {
        own.append(("\(name)/uri", .untried(role.name)))
      }
    }
    for scope in list.scopes {
      let name = RightsFindings.scope(scope.name, of: scope.role)
      own.append(("\(scope.role)/uri?scope=\(scope.name)", .untried(name)))
    }
    return (shared + own).map { (path: $0.0, right: $0.1) }
  }

  private static func unreachable(_ error: LocalClientError, _ subject: String) -> Finding {
    // `socket 'PATH': WHAT; WHAT TO DO`
    let (what, next) = split("\(error)")
    let text = what.hasPrefix("\(subject): ") ? String(what.dropFirst(subject.count + 2)) : what
    return Finding(.failed, subject, text, next: next ?? "see systemctl status rolekeeper")
  }

  private static func refused(_ answer: LocalClient.Answer, _ subject: String) -> Finding {
    guard let problem = answer.body.withBytes({ try? Problem(parsing: $0) }) else {
      return Finding(
        .failed, subject, "the answer isn't understood (HTTP \(answer.status))",
        next: "see whether rolekeeper and rolekeeperd are of the same version")
    }
    return Finding(
      .failed, subject, problem.detail, next: problem.errors.first ?? "see systemctl status rolekeeper")
  }

  /// What only administrators get: the version, and what concerns no role alone.
  private static func daemon(_ client: LocalClient, _ roles: [RoleStatus]) throws(LocalClientError) -> [Finding] {
    let answer = try client.request("GET", "/v1/status")
    let report = answer.body.withBytes { try? StatusReport(parsing: $0) }
    guard let report else {
      return [
        Finding(
          .warning, "version", "the daemon's status isn't understood (HTTP \(answer.status))",
          next: "see whether rolekeeper and rolekeeperd are of the same version")
      ]
    }
    let kinds: [Health.Reason.Kind] = [.settings, .incompleteSettings, .caFile, .loopback, .connections]
    let general = report.health.reasons.filter { kinds.contains($0.kind) }
    return [version(report.version)]
      + general.map { reason in
        let (what, next) = split(reason.detail)
        return Finding(.warning, "daemon", what, next: next ?? "see: rolekeeper status")
      } + throttling(report, roles) + fleet(report)
  }

  private static func version(_ version: String) -> Finding {
    guard version != Version.number else {
      return Finding(.ok, "version", "the daemon runs \(version), as this program")
    }
    return Finding(
      .warning, "version", "the daemon runs \(version), this program is \(Version.number)",
      next: "run: sudo rolekeeper check && sudo systemctl restart rolekeeper")
  }

  /// Regions that don't work, or that STS throttles calls; what to do about that is said once for all roles.
  static func throttling(_ report: StatusReport, _ roles: [RoleStatus]) -> [Finding] {
    let throttled = roles.compactMap(\.lastError).filter(\.isThrottling)
    let next =
      throttled.first?.advice
      ?? "the daemon goes on by itself; if it lasts, compare 'requests_per_second' and 'fleet_size' in [sts] of all hosts with the quota of the account"
    let waiting =
      throttled.isEmpty ? "" : "; \(throttled.count) role\(throttled.count == 1 ? " waits" : "s wait") for it"
    let most = RateStatus.text(report.rate.configured)
    // Said with the roles that wait, or else with the first region.
    var hint = throttled.isEmpty ? next : nil
    var findings: [Finding] = []
    let regions = report.endpoints.filter { $0.region != nil }
    let others =
      regions.contains { $0.region?.condition == .working } ? "other regions answer" : "no region is without trouble"
    for one in regions {
      let subject = "region \(one.regionName)"
      switch one.region?.condition {
      case nil, .working: continue
      case .failing:
        findings.append(
          Finding(
            .warning, subject, "doesn't answer (\(one.latestFailure ?? "no code")); \(others)",
            next: "it is tried again by itself; 'rolekeeper status' shows all regions"))
      case .throttled:
        let rate = RateStatus.text(one.region?.requestsPerSecond ?? 0)
        findings.append(
          Finding(.warning, subject, "AssumeRole is throttled, \(rate) of \(most) per second; \(others)", next: hint))
        hint = nil
      }
    }
    guard !throttled.isEmpty || regions.isEmpty && report.rate.isLowered else { return findings }
    let rate = RateStatus.text(report.rate.requestsPerSecond)
    findings.append(
      Finding(.warning, "STS", "AssumeRole is throttled, \(rate) of \(most) per second\(waiting)", next: next))
    return findings
  }

  /// The hosts that this machine serves.
  static func fleet(_ report: StatusReport) -> [Finding] {
    guard let fleet = report.fleet else { return [] }
    let isQuiet = fleet.proxySeenAgo.map { $0 > .minutes(10) } ?? true
    guard isQuiet else { return [Finding(.ok, "fleet", fleet.text)] }
    return [
      Finding(
        .warning, "fleet", fleet.text,
        next:
          "see whether nginx runs, and whether hosts have this machine in their 'urls': systemctl status rolekeeper-nginx"
      )
    ]
  }

  /// `said` are the hints that were given already.
  static func role(_ role: RoleStatus, now: UTCTime, besides said: Set<String>) -> [Finding] {
    let subject = "role \(role.name)"
    let renewed = role.lastSuccessAt.map { "renewed \(Duration.seconds(max(0, now.seconds - $0.seconds)).text) ago" }
    let text = [role.state.rawValue, renewed].compactMap(\.self).joined(separator: ", ")
    let error = role.lastError.map { ": \($0.code)" } ?? ""
    let isSaid = role.lastError.map { $0.isThrottling && said.contains($0.advice) } ?? false
    let next = isSaid ? nil : role.lastError?.advice ?? "see: rolekeeper status \(role.name)"
    let own =
      switch role.state {
      case .valid: Finding(.ok, subject, text)
      case .failing, .belowFloor: Finding(.warning, subject, text + error, next: next)
      case .waiting, .lapsed: Finding(.failed, subject, text + error, next: next)
      }
    let files = role.outputs.filter { !$0.isInPlace }.map { output in
      let (what, next) = split(output.lastError ?? "it isn't written yet")
      return Finding(
        output.content == .valid ? .warning : .failed, "file '\(output.path)'", what,
        next: next ?? "see: rolekeeper status \(role.name)")
    }
    return [own] + files
  }

  /// At the first semicolon, behind which our messages have the fix.
  static func split(_ text: String) -> (what: String, next: String?) {
    let parts = text.split(separator: ";", maxSplits: 1).map(String.init)
    return (parts.first ?? "", parts.count > 1 ? String(parts[1].drop { $0 == " " }) : nil)
  }
}

extension EndpointStatus {
  /// `cn-beijing` of `sts.cn-beijing.aliyuncs.com` and `sts-vpc.cn-beijing.aliyuncs.com`; others as they are.
  var regionName: String {
    let parts = endpoint.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4, parts[0] == "sts" || parts[0] == "sts-vpc", parts[2] == "aliyuncs" else { return endpoint }
    return String(parts[1])
  }
}

extension LastError {
  /// Whether the account's quota is used up (STS API reference, error codes).
  var isThrottling: Bool { code.hasPrefix("Throttling") || httpStatus == 429 }
}
