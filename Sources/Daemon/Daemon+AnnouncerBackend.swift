import Core
import FileOutput
import Identities
import Refresh
import STS
import UnitJobs
import Wire

extension Daemon: AnnouncerBackend {
  var roleCount: Int { refresher.roles.count }
  var rolesInOrder: [ManagedRole] { refresher.rolesInOrder }
  var rolesWithoutOutcome: Int { refresher.rolesWithoutOutcome }
  var filesAreAtRest: Bool { outputs.areAtRest }
  func hasFailingFile(_ role: RoleName) -> Bool { outputs.isFailing(role) }
  var sourceTroubles: [String] { sources.values.sorted { $0.name < $1.name }.compactMap(\.trouble) }
  var caFileReason: Health.Reason? {
    cloud.authorities.problem.map { .caFile(error: $0.sentence, hasCertificates: $0.hasCertificates) }
  }

  func becameReady() {
    memoryTrimmer.muchWasDone()
    unitRefresher.release()
  }
}
