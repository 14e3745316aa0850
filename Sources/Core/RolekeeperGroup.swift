/// The groups that the installation creates besides the daemon's own.
package enum RolekeeperGroup {
  /// Its members may connect to the socket, which is its only purpose. The members of any other group may gain more than a connection.
  package static let clients = "rolekeeper-clients"
}
