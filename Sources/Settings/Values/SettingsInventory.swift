package import Core

/// What the settings files contained, in as much detail as the next reading needs to detect that a file was cut off or
/// emptied.
package struct SettingsInventory: Hashable, Sendable {
  /// One settings file.
  package struct File: Hashable, Sendable {
    /// Its absolute path.
    package var path: String
    /// In the order of the file.
    package var roles: [RoleName]
    /// Whether the last line ends in a line feed, as editors write it; in a file that was cut off, it rarely does.
    package var endsInLineFeed: Bool
    /// Nil for a file without keys.
    package var lastTable: LastTable?
  }

  /// The main file first, then those of `roles.d` by their names.
  package var files: [File]
  /// The names of the tables in the main file: `sts`, `socket` and so on.
  package var sections: Set<String>
  /// The names of the users and groups in the settings, by number, for messages of a later reading.
  package var userNames: [UInt32: String]
  package var groupNames: [UInt32: String]

  /// The path of each role's file.
  package var fileOfRole: [RoleName: String] {
    files.reduce(into: [:]) { all, file in for role in file.roles { all[role] = file.path } }
  }

  package init(
    files: [File] = [], sections: Set<String> = [], userNames: [UInt32: String] = [:],
    groupNames: [UInt32: String] = [:]
  ) {
    self.files = files
    self.sections = sections
    self.userNames = userNames
    self.groupNames = groupNames
  }
}
