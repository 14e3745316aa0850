/// Names and suffixes of the daemon's own files, which no file of the settings may have.
package enum KeptNames {
  /// Suffix of the expiry record beside a credential file; see `EndRecord`.
  package static let recordSuffix = ".rolekeeper-expires"
  /// Suffix of a temporary file.
  package static let temporarySuffix = ".rolekeeper-new"
  /// The directory of the roles' directories in the unit's runtime directory, unless the settings name another.
  package static let roles = "roles"
  /// The file of generation numbers in the unit's runtime directory.
  package static let generations = "generations"
  /// Suffix that makes the socket's path the path of that file, if the daemon isn't run as a unit.
  package static let generationsSuffix = ".generations"
  /// Suffix of that file while it is written.
  package static let draftSuffix = ".new"
}
