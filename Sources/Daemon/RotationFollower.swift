import Core
import FileOutput
import Refresh
import Settings
import UnitJobs

/// Has a role's units reloaded when the new credential is where they read it: on the socket, where it is before any observer is called, and in
/// the role's files.
///
/// Units are also reloaded if a file can't be written, since they may read the socket, and again when the file has been written.
final class RotationFollower: RoleObserver {
  private let units: UnitRefresher
  private let progress: (RoleName) -> WriteProgress
  /// The roles whose files are being written.
  private var waiting: [RoleName: ManagedRole] = [:]
  /// Those whose units were reloaded although a file has failed.
  private var incomplete: [RoleName: ManagedRole] = [:]
  /// What an earlier process has published and reloaded the units for.
  private var known: [RoleName: UInt64] = [:]
  /// The units that an earlier process has reloaded for this generation, where others are left.
  private var reloaded: [RoleName: (generation: UInt64, units: Set<UnitName>)] = [:]

  init(_ units: UnitRefresher, progress: @escaping (RoleName) -> WriteProgress) {
    self.units = units
    self.progress = progress
  }

  /// An earlier process has published the role under this generation, for which these of its units need no reload.
  func wasReloaded(_ role: RoleName, generation: UInt64, _ units: Set<UnitName>) {
    reloaded[role] = (generation, units)
  }

  /// An earlier process has published the role under this generation, and its units need no reload for it.
  func wasPublished(_ role: RoleName, generation: UInt64) { known[role] = generation }

  /// Whether the role's units have to be reloaded when it is published under this generation.
  func isReloadDue(_ role: ManagedRole, generation: UInt64) -> Bool {
    !role.settings.refreshUnits.isEmpty && known[role.name] != generation
  }

  /// Whether its units are reloaded, for the first time or again, when its files have been written.
  func isWaiting(for role: RoleName) -> Bool { waiting[role] != nil || incomplete[role] != nil }

  func didPublish(_ role: ManagedRole) {
    let isDue = isReloadDue(role, generation: role.generation)
    known[role.name] = nil
    guard isDue else { return }
    waiting[role.name] = role
    incomplete[role.name] = nil
    review(role.name)
  }

  func didWithdraw(_ role: ManagedRole) {
    waiting[role.name] = nil
    incomplete[role.name] = nil
  }

  /// Files have been written, or couldn't be.
  func reviewAll() { for name in Array(waiting.keys) { review(name) } }

  /// The same for those of one role.
  func review(_ name: RoleName) {
    guard let role = waiting[name] ?? incomplete[name] else { return }
    switch (progress(name), waiting[name] != nil) {
    case (.pending, _), (.failing, false): return
    case (.failing, true): incomplete[name] = role
    case (.complete, _): incomplete[name] = nil
    }
    waiting[name] = nil
    let former = reloaded.removeValue(forKey: name)
    units.rotated(
      name, generation: role.generation, patterns: role.settings.refreshUnits,
      except: former?.generation == role.generation ? former?.units ?? [] : [])
  }

  /// The role is gone, or its sessions are for something else.
  func forget(_ name: RoleName) {
    waiting[name] = nil
    incomplete[name] = nil
    known[name] = nil
    reloaded[name] = nil
    units.forget(name)
  }
}
