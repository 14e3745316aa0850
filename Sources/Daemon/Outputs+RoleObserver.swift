package import Core
import FileOutput
package import Refresh

extension Handout: OutputCredential {}

extension Outputs: RoleObserver {
  package func didPublish(_ role: KeptRole) {
    if let credential = role.current { publish(credential, of: role.name) }
  }

  package func didWithdraw(_ role: KeptRole) { withdraw(role.name) }

  package func didReport(_ report: RefreshReport, of role: KeptRole) {
    if case .condemned(let session, _) = report { condemn(session, of: role.name) }
  }
}
