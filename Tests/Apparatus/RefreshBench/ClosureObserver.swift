package import Core
package import Refresh

/// Calls what a test sets.
package final class ClosureObserver: RoleObserver {
  package var published: (KeptRole) -> Void = { _ in }
  package var withdrawn: (KeptRole) -> Void = { _ in }
  package var reserved: (KeptRole) -> Void = { _ in }
  package var attempted: (KeptRole) -> Void = { _ in }
  package var reported: (KeptRole, RefreshReport) -> Void = { _, _ in }

  /// Lets go of what the closures hold.
  package func forget() {
    (published, withdrawn, reserved, attempted) = ({ _ in }, { _ in }, { _ in }, { _ in })
    reported = { _, _ in }
  }

  package func didPublish(_ role: KeptRole) { published(role) }
  package func didWithdraw(_ role: KeptRole) { withdrawn(role) }
  package func didReserve(_ role: KeptRole) { reserved(role) }
  package func didAttempt(_ role: KeptRole) { attempted(role) }
  package func didReport(_ report: RefreshReport, of role: KeptRole) { reported(role, report) }
}
