/// Where things are on a host whose settings don't say otherwise.
package enum StandardPath {
  /// The settings and what lies beside them.
  package static let configuration = "/etc/rolekeeper"
  package static let settings = "\(configuration)/rolekeeper.toml"
  /// The unit's `RuntimeDirectory=`.
  package static let runtime = "/run/rolekeeper"
  package static let socket = "\(runtime)/rolekeeper.sock"
  /// Each role has a directory of its own in it.
  package static let roles = "\(runtime)/roles"
}
