import CloudAPI
import Core
import Identities
import STS
import Settings

/// Tiers, which are asked for a bundle, and what takes their place while they are away.
extension OnlineCheck {
  /// Fetches a bundle from each machine of a tier and throws it away; then tries its fallback, if it has one.
  mutating func tryTier(
    _ source: SourceSettings, _ fallback: SourceKey?, _ subject: String, _ roles: [RoleSettings],
    _ report: inout FindingReport
  ) {
    guard let upstream = source.upstream else { return }
    let hasBundle = tryMachines(of: upstream, source.name, subject, roles, &report)
    let direct = roles.compactMap(\.fallback)
    guard let fallback, !direct.isEmpty else { return }
    trySource("\(subject) (fallback)", fallback, roles: direct, &report)
    let hasSessions = direct.allSatisfy { issued.contains(Self.subject($0)) }
    report.add(Self.stages(subject, tier: hasBundle, fallback: hasSessions))
  }

  private static func stages(_ subject: String, tier: Bool, fallback: Bool) -> Finding {
    switch (tier, fallback) {
    case (true, true): Finding(.ok, subject, "both stages work: the tier, and STS while the tier is away")
    case (true, false):
      Finding(
        .warning, subject, "the tier works, STS in its place doesn't: roles keep their sessions while the tier is away",
        next: "see what is wrong with the fallback above")
    case (false, true):
      Finding(
        .warning, subject, "the tier doesn't work, STS in its place does",
        next: "see what is wrong with the tier above; until then all hosts share the account's quota")
    case (false, false):
      Finding(
        .failed, subject, "neither the tier nor STS in its place works",
        next: "see what is wrong with each above")
    }
  }

  /// Whether every role has a session there that holds its floor.
  private mutating func tryMachines(
    of upstream: UpstreamSettings, _ source: String, _ subject: String, _ roles: [RoleSettings],
    _ report: inout FindingReport
  ) -> Bool {
    var found: Bundle?
    do {
      for (url, result) in try probe.bundles(of: upstream, source: source) {
        switch result {
        case .success(let bundle):
          found = found ?? bundle
          report.add(
            Finding(
              .ok, subject,
              "\(url) ('\(bundle.tier)') hands out \(bundle.roles.count) role\(bundle.roles.count == 1 ? "" : "s") to this host, '\(bundle.host)'"
            ))
        case .failure(let trouble):
          report.add(Finding(.failed, subject, "\(url): \(trouble.problem)", next: trouble.remedy))
          if case .permanent = trouble.failure.kind { refuse() } else { isIncomplete = true }
        }
      }
    } catch {
      isIncomplete = true
      report.add(Finding(.failed, subject, "\(error)", next: "look at [source.\(source)]"))
    }
    compareClock(with: "the tier", &report)
    guard let found else {
      skip(roles, "\(subject) hands nothing out", &report)
      return false
    }
    let stage = HostStage(
      refresh: found.refreshAfter, machines: upstream.urls.count, timeout: settings.sts.timeout(ofPlaces: 1))
    let findings = roles.map { judged($0, by: found, on: stage) }
    for finding in findings { report.add(finding) }
    return findings.allSatisfy { $0.verdict == .ok }
  }

  private mutating func judged(_ role: RoleSettings, by bundle: Bundle, on stage: HostStage) -> Finding {
    let subject = Self.subject(role)
    switch bundle.roles[role.name] {
    case nil:
      refuse()
      return Finding(
        .failed, subject, "the tier doesn't give it to this host, '\(bundle.host)'",
        next: "name the host in the role's 'allow.hosts' on the tier, or remove the role here")
    case .absent(let absence):
      isIncomplete = true
      return Finding(
        .failed, subject, "the tier has no session of it: \(absence.code)",
        next: "run 'rolekeeper status \(role.name)' on '\(bundle.tier)'")
    case .session(let session):
      guard let life = session.shortestLife else {
        return Finding(.ok, subject, "the tier hands out a session until \(session.assumed.expiration)")
      }
      if let shortfall = FloorShortfall(life: life, on: stage, for: role.timing) {
        refuse()
        return Finding(
          .failed, subject, "the tier can't hold its floor: \(shortfall.problem)", next: shortfall.remedy)
      }
      let least = stage.leastLife(of: life)
      var finding = Finding(
        .ok, subject,
        "the tier hands out sessions that live at least \(life.text), of which readers here get \(least.text); that holds its floor"
      )
      finding.figures = [.init("least_life", least)]
      return finding
    }
  }
}
