/// Default paths.
package enum StandardPath {
  /// The directory of the settings and the files beside them.
  package static let configuration = "/etc/rolekeeper"
  package static let settings = "\(configuration)/rolekeeper.toml"
  /// The unit's `RuntimeDirectory=`.
  package static let runtime = "/run/rolekeeper"
  package static let socket = "\(runtime)/rolekeeper.sock"
  /// The directory in which each role has its own.
  package static let roles = "\(runtime)/roles"
}
