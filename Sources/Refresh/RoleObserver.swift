package import Core

/// Learns what becomes of roles. Called after the last effect of an event, so that whoever is called may send another.
package protocol RoleObserver: AnyObject {
  /// A session is about to be published under this generation; nobody has seen it yet.
  func willPublish(_ role: KeptRole, generation: UInt64)
  /// Plain reads get another session.
  func didPublish(_ role: KeptRole)
  /// Plain reads get nothing any more.
  func didWithdraw(_ role: KeptRole)
  /// A session was fetched for a reader who asked for a longer one.
  func didReserve(_ role: KeptRole)
  /// An attempt had an outcome, good or bad.
  func didAttempt(_ role: KeptRole)
  /// The machine reported what the journal has by now.
  func didReport(_ report: RefreshReport, of role: KeptRole)
}

extension RoleObserver {
  package func willPublish(_ role: KeptRole, generation: UInt64) {}
  package func didPublish(_ role: KeptRole) {}
  package func didWithdraw(_ role: KeptRole) {}
  package func didReserve(_ role: KeptRole) {}
  package func didAttempt(_ role: KeptRole) {}
  package func didReport(_ report: RefreshReport, of role: KeptRole) {}
}
