import CloudAPI
import Core
import Glibc
import HTTPServer
import Settings
package import Wire

/// What administrators are told.
extension Keeper {
  package func statusReport() -> StatusReport {
    let now = Self.now()
    let roles = refresher.roles.values.sorted { $0.name < $1.name }
    return StatusReport(
      version: Version.number, pid: Int64(getpid()), startedAt: started,
      roles: roles.map { $0.status(at: now, clock: refresher.clock) },
      sources: edges.sources.values.sorted { $0.name < $1.name }.map {
        SourceStatus(name: $0.name, type: "access-key", accessKeyID: $0.key?.id, inUseSince: $0.inUseSince)
      },
      endpoints: edges.ledger.statuses,
      rate: RateStatus(
        requestsPerSecond: refresher.currentRate, configured: settings.sts.requestsPerSecond,
        queued: Int64(refresher.queued)))
  }

  package func metrics() -> String {
    Metrics.render(
      roles: Array(refresher.roles.values), at: Self.now(), rate: refresher.currentRate, inFlight: refresher.inFlight,
      endpoints: edges.ledger.statuses, service: service, server: server.statistics)
  }
}
