/// Names of the files that the daemon keeps for itself beside those that the settings name.
package enum KeptNames {
  /// Ends the name of the record beside a credential file, of which `EndRecord` says what is in it.
  package static let recordSuffix = ".rolekeeper-expires"
  /// Ends the name of a file in the making.
  package static let temporarySuffix = ".rolekeeper-new"
  /// In the unit's runtime directory.
  package static let generations = "generations"
  /// Outside of a unit, behind the socket's path.
  package static let generationsSuffix = ".generations"
  /// Ends the name of the generations' file in the making.
  package static let draftSuffix = ".new"
}
