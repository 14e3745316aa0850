/// Names and suffixes of the daemon's own files, which no file of the settings may have.
package enum ReservedNames {
  /// Suffix of the expiry record beside a credential file; see `EndRecord`.
  package static let recordSuffix = ".rolekeeper-expires"
  /// Suffix of a temporary file.
  package static let temporarySuffix = ".rolekeeper-new"
  /// The directory in the unit's runtime directory that holds the roles' directories, unless the settings name another.
  package static let roles = "roles"
  /// The file of generation numbers in the unit's runtime directory.
  package static let generations = "generations"
  /// Suffix that makes the path of the generations' file from the socket's path, if the daemon isn't run as a unit.
  package static let generationsSuffix = ".generations"
  /// Suffix of the generations' file while it is written.
  package static let draftSuffix = ".new"
}
