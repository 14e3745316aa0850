package import Core

/// What the settings' files held, as far as it shows at the next reading that a file was cut off or emptied.
package struct SettingsInventory: Hashable, Sendable {
  /// One settings file.
  package struct File: Hashable, Sendable {
    /// Absolute.
    package var path: String
    /// In the order of the file.
    package var roles: [RoleName]
    /// Whether the last line has its line feed, as editors write it; a file that was cut off rarely has.
    package var endsInLineFeed: Bool
    /// nil for a file without a key.
    package var lastTable: LastTable?
  }

  /// The main file first, then those of `roles.d` by their names.
  package var files: [File]
  /// The tables written in the main file: `sts`, `socket` and so on.
  package var sections: Set<String>
  /// The names of the users and groups that the settings name, by their numbers: for messages of a later reading.
  package var userNames: [UInt32: String]
  package var groupNames: [UInt32: String]

  /// The path of the file that each role is in.
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
