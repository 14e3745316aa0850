package import Core
import CredentialServer
import FileOutput
import Glibc
import HTTPServer
import Identities
package import Refresh
import STS
import Settings
package import SocketAPI
import Systemd
import UnitJobs
package import Wire

/// What administrators and readers get to see.
extension Daemon {
  package func statusReport(_ health: Health) -> StatusReport {
    StatusReport(
      version: Version.number, pid: Int64(getpid()), startedAt: started, roles: [], sources: sourceStatuses,
      endpoints: cloud.endpointHealth.statuses,
      rate: rateStatus, health: health, caFile: cloud.authorities.status(clock: refresher.clock), fleet: fleetStatus)
  }

  var fleetStatus: FleetStatus? {
    service.fleetStatus(connections: server.statistics.open, of: server.maximumConnections)
  }

  var rateStatus: RateStatus {
    RateStatus(
      requestsPerSecond: refresher.currentRate, configured: settings.sts.requestsPerSecond,
      queued: Int64(refresher.queued))
  }

  package func status(of role: ManagedRole, at now: Timestamp) -> RoleStatus {
    let signer = sources[role.settings.source]?.owner
    var status = role.status(at: now, clock: refresher.clock, signer: signer)
    status.outputs = outputs.statuses(of: role.name, clock: refresher.clock)
    status.units = unitRefresher.statuses(of: role.name)
    status.source = sources[role.settings.source]?.forReaders(clock: refresher.clock)
    if let tier = sources[role.settings.source] as? UpstreamSource, let current = role.current?.session,
      let since = tier.directSince(current, of: role.name)
    {
      status.source?.directSince = refresher.clock.calendar(at: since)
    }
    return status
  }

  private var sourceStatuses: [SourceStatus] {
    let now = refresher.clock.calendar(at: loop.time)
    return sources.values.sorted { $0.name < $1.name }.map { source in
      var status = source.status(clock: refresher.clock)
      status.certificate = certificates.status(of: source.name, at: now)
      identityFiles[source.name]?.report(to: &status, clock: refresher.clock)
      return status
    }
  }

  package func figures() -> DaemonFigures {
    DaemonFigures(
      started: started, now: UTCTime(seconds: loop.wallMicroseconds / 1_000_000),
      clockOffset: refresher.clock.lead(overWallMicroseconds: loop.wallMicroseconds, at: loop.time),
      reloads: reloader.counts,
      rate: refresher.currentRate, inFlight: refresher.inFlight, sources: sourceStatuses,
      endpoints: cloud.endpointHealth.statuses, isCAFileUsed: cloud.authorities.problem == nil,
      server: server.statistics, mostConnections: server.maximumConnections, units: units.figures,
      unitJobs: unitRefresher.figures)
  }

  package func outputFigures(of role: ManagedRole) -> OutputFigures? {
    outputs.figures(of: role.name, clock: refresher.clock)
  }
}
