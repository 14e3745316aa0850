/// The names of the daemon's systemd units.
package enum RolekeeperUnit {
  package static let service = "rolekeeper.service"
  /// The user that the service runs as.
  package static let user = "rolekeeper"
  /// Creates the API's socket.
  package static let socket = "rolekeeper.socket"
  /// Creates the socket from which systemd loads other units' credentials.
  package static let credentialsSocket = "rolekeeper-credentials.socket"
}
