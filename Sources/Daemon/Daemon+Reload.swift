import Core
import CredentialServer
import FileOutput
import HTTPServer
import Handover
import Identities
import LocalSockets
import Logs
import Refresh
import RuntimeState
import Settings
package import SocketAPI
import Systemd
import UnitJobs

/// The parts that a reload changes (`Reloader`).
extension Daemon: ReloadableParts {
  package func reload(allowingRemoval: Bool, _ completion: @escaping (ReloadResult) -> Void) {
    reloader.reload(allowingRemoval: allowingRemoval, completion)
  }

  func reloadBegan() { announcer.reloading() }
  func reloadEnded() { announcer.reloaded() }

  var unwrittenOutputs: [RoleName: Set<OutputSettings.Location>] { outputs.unwritten }

  func prepareConnections(_ new: DaemonSettings) throws -> () -> Void {
    let connections = try connections(new)
    return { [unowned self] in putInForce(connections) }
  }

  func prepareSocket(_ new: SocketSettings) throws -> () -> Void {
    let server = try listen(new)
    return { [unowned self] in replaceServer(by: server) }
  }

  func prepareLoopback(_ new: LoopbackSettings?) throws -> () -> [String] { try loopback.prepare(new) }

  func changeSocketAccess(_ new: SocketSettings) throws {
    try (server.listener as? UnixListener)?.setAccess(mode: new.mode, gid: new.gid)
  }

  func applyGeneral(_ new: DaemonSettings) {
    service.access = Self.access(new)
    if let fleet = new.fleet { service.tier = fleet.tier }
    log.level = new.logLevel
    unitRefresher.timeout = new.unitJobTimeout
    refresher.attemptLimit = new.attemptLimit
    certificates.watch(new.sources)
  }

  func applyLimits(_ new: SocketSettings) {
    let limits = limits(new)
    server.setConnectionLimits(
      total: limits.maximumConnections, perUID: limits.maximumConnectionsPerUID, proxyUID: limits.proxyUID)
  }

  func applyRate(_ new: STSSettings) {
    refresher.setFleet(new.fleetSize)
    refresher.setRate(new.requestsPerSecond, burst: new.burst)
  }

  func recordDirectories(of new: DaemonSettings) {
    generations.cover([], RecordedDirectory.all(of: new))
  }
  func moveOutputs() { outputs.move() }
  func moveRecord(to new: DaemonSettings) { generations.move(to: new) }
  func recordOutputs(of new: DaemonSettings) {
    generations.cover(RecordedOutput.all(of: new), RecordedDirectory.all(of: new))
  }

  func recordSettings(_ content: SettingsContent) { handover?.settingsChanged(content) }

  func remove(_ role: RoleName) {
    recordEnd(of: role)
    refresher.remove(role)
    units.roleGone(role)
    follower.forget(role)
    outputs.forget(role)
    service.roleGone(role)
    service.refreshRoleGone(role)
  }

  func add(_ role: RoleSettings) {
    keep(role, generation: 0)
    service.readersChanged(of: role.name)
  }

  func replace(_ role: RoleSettings) {
    let generation = refresher.roles[role.name]?.machine.generation ?? 0
    recordEnd(of: role.name)
    refresher.remove(role.name)
    units.roleGone(role.name)
    follower.forget(role.name)
    keep(role, generation: generation)
    service.readersChanged(of: role.name)
  }

  /// Its sessions aren't handed out again, by the next process neither.
  private func recordEnd(of role: RoleName) {
    if let kept = refresher.roles[role] { handover?.forget(role, generation: kept.machine.generation) }
  }

  func change(_ role: RoleSettings) {
    if let kept = refresher.roles[role.name] {
      if kept.settings.readers != role.readers || kept.settings.derivation != role.derivation {
        service.readersChanged(of: role.name)
      }
      refresher.change(kept, to: role)
    }
    unitRefresher.change(role.name, to: role.refreshUnits)
  }

  func changeOutputs(of role: RoleSettings) {
    outputs.keep(role)
    if let credential = refresher.roles[role.name]?.current {
      outputs.publish(credential, of: role.name)
    }
  }

  func requestChanged(_ role: RoleName) {
    if let kept = refresher.roles[role] { refresher.send(.requestChanged, to: kept) }
  }

  func rolesChanged(allowsRemoval: Bool) { outputs.rolesChanged(allowsRemoval: allowsRemoval) }
  func checkReadiness() { announcer.becomeReadyIfDone() }
  func reviewReaders() {
    service.settingsChanged()
    units.settingsChanged()
  }
  func peerChanged() { refresher.peerChanged() }
  func retrySources() { for source in sources.values { source.retry() } }
  func retryRoles() {
    refresher.releaseHeld()
    refresher.sendToAll(.mayBeFixed)
  }
  func trimMemory() { memoryTrimmer.muchWasDone() }

  /// The old server ends in a later turn, when whoever asked for the reload over it has had the answer.
  private func replaceServer(by server: HTTPServer) {
    retired = self.server
    self.server = server
    service.serve(on: server)
    retirement.schedule()
  }
}
