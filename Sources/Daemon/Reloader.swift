import Core
import Logs
import Settings
import SocketAPI
import Systemd

/// What a reload asks of the daemon's parts, and changes in them.
protocol ReloadableParts: AnyObject {
  /// The service manager learns that a reload is under way, and that it has ended.
  func reloadBegan()
  func reloadEnded()

  /// The outputs of each role in force where nothing of ours lies.
  var unwrittenOutputs: [RoleName: Set<OutputSettings.Location>] { get }

  // MARK: What may fail, and changes nothing that is in force; the results put in force what was made

  func prepareConnections(_ new: DaemonSettings) throws -> () -> Void
  func prepareSocket(_ new: SocketSettings) throws -> () -> Void
  func prepareCredentials(_ new: CredentialsSettings?) throws -> () -> Void
  /// What that puts in force returns why an address isn't served, which the parts have logged.
  func prepareLoopback(_ new: LoopbackSettings?) throws -> () -> [String]
  /// Of the socket that stays.
  func changeSocketAccess(_ new: SocketSettings) throws

  // MARK: What doesn't fail, in this order

  /// Who is an administrator, what is logged, and when an attempt counts as failed.
  func applyGeneral(_ new: DaemonSettings)
  func applyLimits(_ new: SocketSettings)
  func applyRate(_ new: STSSettings)
  /// Before anything is written in another directory, it is recorded for the next process; and so are files elsewhere.
  func recordDirectories(of new: DaemonSettings)
  func moveOutputs()
  func moveRecord(to new: DaemonSettings)
  func recordOutputs(of new: DaemonSettings)

  /// For the next process: the files of the settings that are about to be in force.
  func recordSettings(_ content: SettingsContent)

  func remove(_ role: RoleName)
  func add(_ role: RoleSettings)
  /// Its sessions must not be handed out any more.
  func replace(_ role: RoleSettings)
  /// Its sessions stay good.
  func change(_ role: RoleSettings)
  func changeOutputs(of role: RoleSettings)
  func requestChanged(_ role: RoleName)

  func rolesChanged(allowsRemoval: Bool)
  /// A role that READY waited for may be gone.
  func checkReadiness()
  /// Others may read a role now, or it is another.
  func reviewReaders()
  /// STS is asked by another way.
  func peerChanged()
  func retrySources()
  func retryRoles()
  func trimMemory()
}

/// Reloading: all that is new is made first; only when nothing of it failed is anything changed. What looks like a file that
/// was cut off or emptied is refused, unless removal is allowed (`SettingsDifference`).
final class Reloader {
  /// Who asked for a reload, and what for.
  private struct Request {
    let allowsRemoval: Bool
    let completion: (ReloadResult) -> Void
  }

  private unowned let parts: any ReloadableParts
  private let settings: SettingsInForce
  private let scheduler: any Scheduler
  private let log: Log
  private let read: @Sendable () -> LoadedSettings
  /// Those that the next reading answers.
  private var waiting: [Request] = []
  /// The reading that is under way.
  private var reading: AnyObject?
  /// The latest reload, if it was refused: then the settings in force aren't those of the files.
  private(set) var refusal: SettingsRefusal?
  private(set) var counts = ReloadCounts()

  /// `read` reads the files beside the loop; `refusal` is for a start whose files weren't put in force.
  init(
    _ settings: SettingsInForce, parts: any ReloadableParts, scheduler: any Scheduler, log: Log,
    refusal: SettingsRefusal? = nil, read: @escaping @Sendable () -> LoadedSettings
  ) {
    self.settings = settings
    self.parts = parts
    self.scheduler = scheduler
    self.log = log
    self.refusal = refusal
    self.read = read
  }

  /// Whoever asks while a reading is under way is answered by the next one: the files may have changed since this one began.
  func reload(allowingRemoval: Bool, _ completion: @escaping (ReloadResult) -> Void) {
    waiting.append(Request(allowsRemoval: allowingRemoval, completion: completion))
    if reading == nil { readSettings() }
  }

  private func readSettings() {
    let requests = waiting
    waiting = []
    parts.reloadBegan()
    do {
      // It looks up users and groups, and a directory service that is down may take minutes over that.
      reading = try scheduler.call(read) { [unowned self] loaded in
        // They ask for one state of the files: whoever allows removal allows it for all of them.
        finish(requests, take(loaded, allowingRemoval: requests.contains(where: \.allowsRemoval)))
      }
    } catch {
      finish(requests, refuse(["cannot read the settings beside the loop: \(error)"]))
    }
  }

  private func finish(_ requests: [Request], _ result: ReloadResult) {
    reading = nil
    if case .done = result { counts.count(isDone: true) } else { counts.count(isDone: false) }
    parts.reloadEnded()
    for request in requests { request.completion(result) }
    if reading == nil, !waiting.isEmpty { readSettings() }
  }

  private func take(_ loaded: LoadedSettings, allowingRemoval: Bool) -> ReloadResult {
    // Errors are logged by the refusal.
    warn(of: loaded.diagnostics.filter { $0.severity == .warning })
    guard let new = loaded.settings else {
      return refuse(loaded.errors.map(\.description))
    }
    let old = settings.whole
    let difference = new.difference(from: old, unwritten: parts.unwrittenOutputs)
    if !allowingRemoval, !difference.losses.isEmpty { return refuse(difference.losses.map(\.description)) }
    var unserved: [String] = []
    do {
      let connect = try parts.prepareConnections(new)
      let moveSocket =
        new.socket.path == old.socket.path ? nil : try parts.prepareSocket(new.socket)
      let moveCredentials = try parts.prepareCredentials(new.credentials)
      let moveLoopback = try parts.prepareLoopback(new.loopback)
      if moveSocket == nil, new.socket != old.socket { try parts.changeSocketAccess(new.socket) }
      // Before any role changes: a process that ends in between leaves settings that its successor compares with.
      parts.recordSettings(loaded.content)
      putInForce(
        new, instead: old, connect: connect,
        moveSockets: {
          moveSocket?()
          moveCredentials()
          unserved = moveLoopback()
        },
        allowingRemoval: allowingRemoval)
    } catch {
      return refuse(["\(error)"])
    }
    // Losses are here only where removal was allowed.
    let removals = difference.warnings + difference.losses.map(\.allowed)
    warn(of: removals)
    log.write(.settingsReloaded, [.count(new.roles.count)])
    return .done(warnings: removals.map(\.description) + unserved)
  }

  private func warn(of findings: [Diagnostic]) {
    for finding in findings { log.write(.settingsWarning, [.reason(finding.sentence)]) }
  }

  private func refuse(_ diagnostics: [String]) -> ReloadResult {
    // A start would read what is on disk: after the next crash, too.
    for sentence in diagnostics { log.write(.settingsNotReloaded, [.reason(sentence)]) }
    refusal = SettingsRefusal(at: UTCTime(seconds: Int64(scheduler.wallSeconds)), diagnostics)
    return .refused(diagnostics)
  }

  /// From here on nothing fails.
  private func putInForce(
    _ new: DaemonSettings, instead old: DaemonSettings, connect: () -> Void,
    moveSockets: () -> Void,
    allowingRemoval: Bool
  ) {
    refusal = nil
    settings.replace(by: new)
    parts.applyGeneral(new)
    connect()
    moveSockets()
    parts.applyLimits(new.socket)
    let (before, after) = (old.sts, new.sts)
    if (before.requestsPerSecond, before.burst, before.fleetSize)
      != (after.requestsPerSecond, after.burst, after.fleetSize)
    {
      parts.applyRate(new.sts)
    }
    parts.recordDirectories(of: new)
    parts.moveOutputs()
    parts.moveRecord(to: new)
    parts.recordOutputs(of: new)
    changeRoles(from: old.roles, to: new.roles)
    parts.rolesChanged(allowsRemoval: allowingRemoval)
    parts.checkReadiness()
    parts.reviewReaders()
    if (old.sts.endpoints, old.sts.proxy?.address) != (new.sts.endpoints, new.sts.proxy?.address) {
      parts.peerChanged()
    }
    parts.retrySources()
    parts.retryRoles()
    parts.trimMemory()
  }

  private func changeRoles(from old: [RoleSettings], to new: [RoleSettings]) {
    let wanted = Set(new.map(\.name))
    for role in old where !wanted.contains(role.name) { parts.remove(role.name) }
    let before = Dictionary(old.map { ($0.name, $0) }) { first, _ in first }
    for role in new {
      if let before = before[role.name] { change(before, to: role) } else { parts.add(role) }
    }
  }

  private func change(_ old: RoleSettings, to new: RoleSettings) {
    let difference = new.difference(from: old)
    if difference.changed.isEmpty { return }
    if difference.consequences.contains(.endsSessions) { return parts.replace(new) }
    parts.change(new)
    if difference.consequences.contains(.changesOutputs) { parts.changeOutputs(of: new) }
    if difference.consequences.contains(.changesRequest) { parts.requestChanged(new.name) }
  }
}
