package import Core
import FileOutput
import HTTPServer
import Identities
package import Refresh
import STS
import Settings
import SocketAPI
import Systemd
package import Wire

/// The one judgement behind `/healthz`, `status`, `status --check` and the metrics.
extension Daemon {
  package func health(of role: ManagedRole) -> Health {
    let session = sessionReason(of: role, at: loop.time).map { [$0] } ?? []
    let source = sources[role.settings.source].map { [$0] } ?? []
    return Health(session + outputReasons(of: role) + sourceReasons(source) + reasonsOfAll())
  }

  package func sessionReason(of role: ManagedRole, at now: Timestamp) -> Health.Reason? {
    guard let current = role.current, role.isValid(at: now) else {
      return .noSession(role: role.name.description, code: role.machine.lastFailure?.code)
    }
    guard let failure = role.machine.lastFailure, role.machine.failsLastingly(at: now) else {
      return role.shortSessions.map { .shortSessions(role: role.name.description, $0) }
    }
    return .refresh(
      role: role.name.description, code: failure.code, advice: failure.advice,
      since: role.machine.failingSince.map { refresher.clock.now(at: $0) }, life: current.session.expires - now)
  }

  package func outputReasons(of role: ManagedRole) -> [Health.Reason] {
    guard outputs.isFailing(role.name) else { return [] }
    return outputs.statuses(of: role.name, clock: refresher.clock).compactMap { output in
      output.lastError.map { .output(role: role.name.description, path: output.path, error: $0) }
    }
  }

  package func generalReasons() -> [Health.Reason] { sourceReasons(sources.values) + reasonsOfAll() }

  private func sourceReasons(_ sources: some Sequence<any CredentialSource>) -> [Health.Reason] {
    sources.sorted { $0.name < $1.name }.compactMap { source in
      trouble(of: source).map { Health.Reason(.source, detail: $0) }
    }
  }

  /// What is about the daemon as a whole: settings that were refused or look cut off, certificates that can't be read again.
  private func reasonsOfAll() -> [Health.Reason] {
    var reasons: [Health.Reason] = []
    if let refusal { reasons.append(.settings(refusedAt: refusal.at, errors: refusal.errors)) }
    let missing = outputs.retentionReasons
    if !missing.isEmpty { reasons.append(.incompleteSettings(missing.map(\.description))) }
    reasons += loopback.reasons
    if let caFileReason { reasons.append(caFileReason) }
    if let connectionsReason { reasons.append(connectionsReason) }
    return reasons
  }

  /// That connections are refused of late because all are taken.
  var connectionsReason: Health.Reason? {
    let refused = service.refusedConnections
    if refused == 0 { return nil }
    return .connections(
      refused: refused, most: server.maximumConnections, inSettings: settings.socket.maxConnections)
  }
}
