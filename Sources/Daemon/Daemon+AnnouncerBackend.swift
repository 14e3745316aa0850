import Core
import FileOutput
import Identities
import Refresh
import STS

extension Daemon: AnnouncerBackend {
  var roles: [RoleName: ManagedRole] { refresher.roles }
  var rolesWithoutOutcome: Int { refresher.rolesWithoutOutcome }
  var filesAreAtRest: Bool { outputs.areAtRest }
  var rolesWithFailingFiles: [RoleName] { outputs.failing }
  var sourceTroubles: [String] { sources.values.sorted { $0.name < $1.name }.compactMap(\.trouble) }
  var caFileProblem: String? { cloud.authorities.problem?.sentence }

  func becameReady() { memoryTrimmer.muchWasDone() }
}
