/// Names and suffixes of the files and directories that the daemon keeps for itself.
package enum ReservedNames {
  /// Suffix of the expiry record beside a credential file; see `EndRecord`. No credential file may have it.
  package static let recordSuffix = ".rolekeeper-expires"
  /// Suffix of a credential file while it is written. No other credential file may have it.
  package static let temporarySuffix = ".rolekeeper-new"
  /// The directory in the unit's runtime directory that holds the roles' directories, unless the settings name another.
  package static let roles = "roles"

  /// The path of the file of generations: in the unit's runtime directory, where the daemon runs as a unit.
  package static func generations(inRuntimeDirectory directory: String) -> String { "\(directory)/generations" }

  /// The path of the file of generations beside the socket, where the daemon doesn't run as a unit.
  package static func generations(besideSocket path: String) -> String { "\(path).generations" }

  /// The path of the file of generations while it is written.
  package static func draft(ofGenerations path: String) -> String { "\(path).new" }
}
