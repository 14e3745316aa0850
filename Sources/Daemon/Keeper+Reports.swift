package import Core
import FileOutput
import Glibc
import HTTPServer
import Identities
package import Refresh
import STS
import Settings
import SocketAPI
import Systemd
package import Wire

/// What administrators and readers get to see.
extension Keeper {
  package func statusReport() -> StatusReport {
    let now = loop.time
    let roles = refresher.roles.values.sorted { $0.name < $1.name }
    return StatusReport(
      version: Version.number, pid: Int64(getpid()), startedAt: started,
      roles: roles.map { status(of: $0, at: now) },
      sources: sourceStatuses,
      endpoints: cloud.ledger.statuses,
      rate: RateStatus(
        requestsPerSecond: refresher.currentRate, configured: settings.sts.requestsPerSecond,
        queued: Int64(refresher.queued)), health: health(), caFile: cloud.authorities.status(clock: refresher.clock))
  }

  package func status(of role: KeptRole, at now: Timestamp) -> RoleStatus {
    let signer = sources[role.settings.source]?.keys.current?.identity
    var status = role.status(at: now, clock: refresher.clock, signer: signer)
    status.outputs = outputs.statuses(of: role.name, clock: refresher.clock)
    status.source = sources[role.settings.source]?.forReaders(clock: refresher.clock)
    return status
  }

  private var sourceStatuses: [SourceStatus] {
    sources.values.sorted { $0.name < $1.name }.map { $0.status(clock: refresher.clock) }
  }

  package func metrics() -> String {
    Metrics.render(
      roles: Array(refresher.roles.values), at: loop.time, rate: refresher.currentRate, inFlight: refresher.inFlight,
      sources: sourceStatuses, endpoints: cloud.ledger.statuses, service: service, server: server.statistics,
      daemon: daemonFigures(), isCAFileUsed: cloud.authorities.problem == nil,
      outputs: outputs.figures(clock: refresher.clock), health: health().status)
  }

  private func daemonFigures() -> Metrics.DaemonFigures {
    let offset = refresher.clock.lead(overWallMicroseconds: loop.wallMicroseconds, at: loop.time)
    let now = UTCTime(seconds: loop.wallMicroseconds / 1_000_000)
    return Metrics.DaemonFigures(started: started, now: now, clockOffset: offset, reloads: reloader.counts)
  }
}
