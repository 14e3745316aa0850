package import Core
import Settings

/// Why settings that no longer name an output may have been truncated: the cases that a reload refuses as a loss
/// (`SettingsDifference`), as far as they can be recognised without the earlier settings.
package enum RetentionReason: Hashable, CustomStringConvertible {
  case noRoles
  case fileLostRoles(String)
  case noLineEnd(String)
  case roleLostFiles(RoleName)

  /// Nil if the output appears to have been removed on purpose.
  init?(of output: RecordedOutput, roles: [RoleSettings], inventory: SettingsInventory) {
    self.init(ofRole: output.role, namedBy: output.settingsFile, roles: roles, inventory: inventory)
  }

  /// For the files of the role `name`, which the settings file `path` named; nil if that isn't known.
  init?(ofRole name: RoleName, namedBy path: String?, roles: [RoleSettings], inventory: SettingsInventory) {
    if roles.isEmpty {
      self = .noRoles
      return
    }
    // Deleting a whole file of roles.d is intended.
    guard let path, let file = inventory.files.first(where: { $0.path == path }) else { return nil }
    let role = roles.first { $0.name == name }
    if role == nil, file.roles.isEmpty {
      self = .fileLostRoles(path)
    } else if !file.endsInLineFeed {
      self = .noLineEnd(path)
    } else if role?.outputs.isEmpty == true {
      self = .roleLostFiles(name)
    } else {
      return nil
    }
  }

  package var description: String {
    switch self {
    case .noRoles: "the settings have no role"
    case .fileLostRoles(let file): "'\(file)' is still there and has lost all its roles"
    case .noLineEnd(let file): "'\(file)' doesn't end with a line break, as if it was cut off"
    case .roleLostFiles(let role): "role '\(role)' has lost all its files"
    }
  }
}
