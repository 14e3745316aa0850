import Core
import FileOutput
import Identities
import Refresh
import STS
import Settings
import UnitJobs
import Wire

extension Daemon: AnnouncerBackend {
  var roleCount: Int { refresher.roles.count }
  var rolesInOrder: [ManagedRole] { refresher.rolesInOrder }
  var rolesWithoutOutcome: Int { refresher.rolesWithoutOutcome }
  var filesAreAtRest: Bool { outputs.areAtRest }
  func hasFailingFile(_ role: RoleName) -> Bool { outputs.isFailing(role) }
  func tier(of role: ManagedRole) -> RoleSource? {
    (sources[role.settings.source] as? UpstreamSource)?.forReaders(clock: refresher.clock)
  }
  var sourceTroubles: [String] { sources.values.sorted { $0.name < $1.name }.compactMap { trouble(of: $0) } }

  /// A clause on the problem of a source or of its files; nil if there is none.
  func trouble(of source: any CredentialSource) -> String? { source.trouble ?? identityFiles[source.name]?.trouble }

  var caFileReason: Health.Reason? {
    cloud.authorities.problem.map { .caFile(error: $0.sentence, hasCertificates: $0.hasCertificates) }
  }

  var otherClauses: [String] {
    let rate = rateStatus
    let throttling =
      rate.isLowered
      ? [
        "STS has throttled calls: now \(RateStatus.text(rate.requestsPerSecond)) of \(RateStatus.text(rate.configured)) per second"
      ] : []
    let shortage = connectionsReason.map { ["degraded: \($0.detail)"] } ?? []
    return throttling + shortage + (fleetStatus.map { ["fleet: \($0.summary)"] } ?? [])
  }

  func becameReady() {
    memoryTrimmer.muchWasDone()
    unitRefresher.release()
  }
}
