/// The settings in force: the one place where whoever needs them reads them.
///
/// Only the start and a reload change them. The settings of a role lie with what is kept for it, and nowhere else, for there may be
/// thousands of them; from here they are read there.
package final class SettingsInForce {
  /// Without roles once `readRoles` was called.
  private var own: DaemonSettings
  private var rolesElsewhere: (() -> [RoleSettings])?

  package init(_ settings: DaemonSettings) { own = settings }

  /// From now on `roles` returns the roles' settings in force, and they aren't held here.
  package func readRoles(from roles: @escaping () -> [RoleSettings]) {
    rolesElsewhere = roles
    own.roles = []
  }

  /// From now on `new` are in force; its roles, where they are held elsewhere, as soon as they have been changed there.
  package func replace(by new: DaemonSettings) {
    own = new
    if rolesElsewhere != nil { own.roles = [] }
  }

  /// Puts all together, which takes memory for each role.
  package var whole: DaemonSettings {
    var whole = own
    whole.roles = roles
    return whole
  }

  package var roles: [RoleSettings] { rolesElsewhere?() ?? own.roles }
  package var inventory: SettingsInventory { own.inventory }
  package var filesDirectory: String { own.filesDirectory }
  package var socket: SocketSettings { own.socket }
  package var credentials: CredentialsSettings? { own.credentials }
  package var sts: STSSettings { own.sts }
}
