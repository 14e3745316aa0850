package import Core

/// Learns what becomes of the sessions that are derived from roles.
package protocol DerivedObserver: RoleObserver {
  /// The session is no longer there: it was idle for too long, made room for another user's, or a reload has changed what it is of. What takes
  /// its place isn't there yet.
  func didDrop(_ session: ManagedRole)
}

/// Learns what becomes of roles. Called after the last effect of an event, so that whoever is called may send another.
package protocol RoleObserver: AnyObject {
  /// A session is about to be published under this generation; nobody has seen it yet.
  func willPublish(_ role: ManagedRole, generation: UInt64)
  /// Plain reads get another session.
  func didPublish(_ role: ManagedRole)
  /// Plain reads get nothing any more.
  func didWithdraw(_ role: ManagedRole)
  /// A session was fetched for a reader who asked for a longer one.
  func didReserve(_ role: ManagedRole)
  /// An attempt had an outcome, good or bad.
  func didAttempt(_ role: ManagedRole)
  /// The machine reported what the journal has by now.
  func didReport(_ report: RefreshReport, of role: ManagedRole)
}

extension RoleObserver {
  package func willPublish(_ role: ManagedRole, generation: UInt64) {}
  package func didPublish(_ role: ManagedRole) {}
  package func didWithdraw(_ role: ManagedRole) {}
  package func didReserve(_ role: ManagedRole) {}
  package func didAttempt(_ role: ManagedRole) {}
  package func didReport(_ report: RefreshReport, of role: ManagedRole) {}
}
