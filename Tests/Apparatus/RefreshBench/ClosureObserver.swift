package import Core
package import Refresh

/// Calls what a test sets.
package final class ClosureObserver: RoleObserver {
  package init() {}

  package var published: (ManagedRole) -> Void = { _ in }
  package var withdrawn: (ManagedRole) -> Void = { _ in }
  package var reserved: (ManagedRole) -> Void = { _ in }
  package var attempted: (ManagedRole) -> Void = { _ in }
  package var reported: (ManagedRole, RefreshReport) -> Void = { _, _ in }

  /// Lets go of what the closures hold.
  package func forget() {
    (published, withdrawn, reserved, attempted) = ({ _ in }, { _ in }, { _ in }, { _ in })
    reported = { _, _ in }
  }

  package func didPublish(_ role: ManagedRole) { published(role) }
  package func didWithdraw(_ role: ManagedRole) { withdrawn(role) }
  package func didReserve(_ role: ManagedRole) { reserved(role) }
  package func didAttempt(_ role: ManagedRole) { attempted(role) }
  package func didReport(_ report: RefreshReport, of role: ManagedRole) { reported(role, report) }
}
