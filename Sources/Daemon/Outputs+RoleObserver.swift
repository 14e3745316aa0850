package import Core
import FileOutput
package import Refresh

extension Handout: OutputCredential {}

extension Outputs: RoleObserver {
  package func didPublish(_ role: ManagedRole) {
    if let credential = role.current { publish(credential, of: role.name) }
  }

  package func didWithdraw(_ role: ManagedRole) { withdraw(role.name) }

  package func didReport(_ report: RefreshReport, of role: ManagedRole) {
    if case .condemned(let session, _) = report { condemn(session, of: role.name) }
  }
}
