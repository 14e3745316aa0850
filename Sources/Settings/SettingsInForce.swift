/// The settings in force. All code that needs them reads them here.
///
/// Only the start and a reload change them. Since there may be thousands of roles, the settings of a role are stored
/// only once, with the role itself; this type reads them there.
package final class SettingsInForce {
  /// Without roles after `readRoles` was called.
  private var own: DaemonSettings
  private var rolesElsewhere: (() -> [RoleSettings])?

  package init(_ settings: DaemonSettings) { own = settings }

  /// From now on, `roles` returns the roles' settings in force, and they are no longer stored here.
  package func readRoles(from roles: @escaping () -> [RoleSettings]) {
    rolesElsewhere = roles
    own.roles = []
  }

  /// Puts `new` in force, except for roles that are stored elsewhere: their settings are in force as soon as they are
  /// changed there.
  package func replace(by new: DaemonSettings) {
    own = new
    if rolesElsewhere != nil { own.roles = [] }
  }

  /// All settings in one value, which takes memory for each role.
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
  package var loopback: LoopbackSettings? { own.loopback }
  package var fleet: FleetSettings? { own.fleet }
  package var sts: STSSettings { own.sts }
}
