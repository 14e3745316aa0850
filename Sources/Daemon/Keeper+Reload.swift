import Core
import FileOutput
import Glibc
import HTTPServer
import Identities
import LocalSockets
import Logs
import Refresh
import RuntimeState
import Settings
package import SocketAPI
import Systemd

/// Reloading: all that is new is made first; only when nothing of it failed is anything changed. What looks like a file that
/// was cut off or emptied is refused, unless removal is allowed (`SettingsDifference`).
extension Keeper {
  /// Who asked for a reload, and what for.
  struct ReloadRequest {
    let allowsRemoval: Bool
    let completion: (ReloadResult) -> Void
  }

  package func reload(allowingRemoval: Bool, _ completion: @escaping (ReloadResult) -> Void) {
    reloadRequests.append(ReloadRequest(allowsRemoval: allowingRemoval, completion: completion))
    if reading == nil { readSettings() }
  }

  /// Whoever asks while a reading is under way is answered by the next one: the files may have changed since this one began.
  private func readSettings() {
    let requests = reloadRequests
    reloadRequests = []
    announcer.reloading()
    let finish = { [unowned self] (result: ReloadResult) in
      reading = nil
      if case .done = result { reloads.count(isDone: true) } else { reloads.count(isDone: false) }
      announcer.reloaded()
      for request in requests { request.completion(result) }
      if !reloadRequests.isEmpty { readSettings() }
    }
    let path = configPath
    do {
      // It looks up users and groups, and a directory service that is down may take minutes over that.
      reading = try loop.call({ SettingsLoader().load(path) }) { [unowned self] loaded in
        // They ask for one state of the files: whoever allows removal allows it for all of them.
        finish(take(loaded, allowingRemoval: requests.contains(where: \.allowsRemoval)))
      }
    } catch {
      finish(refuse(["cannot read the settings beside the loop: \(error)"]))
    }
  }

  private func take(_ loaded: LoadedSettings, allowingRemoval: Bool) -> ReloadResult {
    // Errors are logged by the refusal.
    warn(of: loaded.diagnostics.filter { $0.severity == .warning })
    guard let new = loaded.settings else {
      return refuse(loaded.diagnostics.filter { $0.severity == .error }.map(\.description))
    }
    let difference = new.difference(from: settingsInForce, unwritten: outputs.unwritten)
    if !allowingRemoval, !difference.losses.isEmpty { return refuse(difference.losses.map(\.description)) }
    do {
      let connections = try connections(new)
      let server = new.socket.path == settings.socket.path ? nil : try listen(new.socket)
      if server == nil, new.socket != settings.socket {
        try self.server.listener.setAccess(mode: new.socket.mode, gid: new.socket.gid)
      }
      putInForce(new, connections: connections, server: server, allowingRemoval: allowingRemoval)
    } catch {
      return refuse(["\(error)"])
    }
    // Losses are here only where removal was allowed.
    let removals = difference.warnings + difference.losses.map(\.allowed)
    warn(of: removals)
    log.write(.settingsReloaded, [.count(new.roles.count)])
    return .done(warnings: removals.map(\.description))
  }

  /// The settings in force with their roles, which the refresher has.
  private var settingsInForce: DaemonSettings {
    var whole = settings
    whole.roles = refresher.roles.values.map(\.settings).sorted { $0.name < $1.name }
    return whole
  }

  private func warn(of findings: [Diagnostic]) {
    for finding in findings { log.write(.settingsWarning, [.reason(finding.sentence)]) }
  }

  private func refuse(_ diagnostics: [String]) -> ReloadResult {
    // A start would read what is on disk: after the next crash, too.
    for sentence in diagnostics { log.write(.settingsNotReloaded, [.reason(sentence)]) }
    refusal = SettingsRefusal(at: UTCTime(seconds: Int64(loop.wallSeconds)), diagnostics)
    return .refused(diagnostics)
  }

  /// From here on nothing fails.
  private func putInForce(_ new: DaemonSettings, connections: Connections, server: HTTPServer?, allowingRemoval: Bool) {
    let old = settings
    refusal = nil
    settings = new
    settings.roles = []
    service.access = Self.access(new)
    log.level = new.logLevel
    putInForce(connections)
    refresher.attemptLimit = new.sts.attemptLimit
    if let server { replaceServer(by: server) }
    let limits = limits(new.socket)
    self.server.setConnectionLimits(total: limits.maximumConnections, perUID: limits.maximumConnectionsPerUID)
    if (old.sts.requestsPerSecond, old.sts.burst) != (new.sts.requestsPerSecond, new.sts.burst) {
      refresher.setRate(new.sts.requestsPerSecond, burst: new.sts.burst)
    }
    // In another directory, the files are written at once.
    generations.cover([], RecordedDirectory.all(of: new))
    outputs.move(to: new.filesDirectory)
    generations.move(to: new)
    generations.cover(RecordedOutput.all(of: new), RecordedDirectory.all(of: new))
    changeRoles(to: new.roles)
    outputs.rolesChanged(to: new.roles, new.inventory, allowsRemoval: allowingRemoval)
    // A role that READY waited for may be gone.
    announcer.becomeReadyIfDone()
    service.settingsChanged()
    if (old.sts.endpoints, old.sts.proxy?.address) != (new.sts.endpoints, new.sts.proxy?.address) {
      refresher.peerChanged()
    }
    for source in sources.values { source.retry() }
    refresher.sendToAll(.cureSuspected)
    memoryTrimmer.muchWasDone()
  }

  private func changeRoles(to new: [RoleSettings]) {
    let wanted = Set(new.map(\.name))
    for name in Array(refresher.roles.keys) where !wanted.contains(name) {
      refresher.remove(name)
      outputs.forget(name)
      service.roleGone(name)
      service.refreshRoleGone(name)
    }
    for settings in new {
      guard let role = refresher.roles[settings.name] else {
        keep(settings, generation: 0)
        continue
      }
      change(role, to: settings)
    }
  }

  private func change(_ role: KeptRole, to settings: RoleSettings) {
    let difference = settings.difference(from: role.settings)
    if difference.changed.isEmpty { return }
    if difference.consequences.contains(.endsSessions) {
      refresher.remove(role.name)
      keep(settings, generation: role.machine.generation)
      return
    }
    refresher.change(role, to: settings)
    if difference.consequences.contains(.changesOutputs) {
      outputs.keep(settings)
      if let credential = role.current { outputs.publish(credential, of: role.name) }
    }
    if difference.consequences.contains(.changesRequest) { refresher.send(.requestChanged, to: role) }
  }

  /// The old server ends in a later turn, when whoever asked for the reload over it has had the answer.
  private func replaceServer(by server: HTTPServer) {
    retired = self.server
    self.server = server
    service.serve(on: server)
    retirement.schedule()
  }
}
