package import Core
package import Logs
package import Settings
package import Systemd
package import Wire

/// The credential files of all roles: written at each rotation, verified in between, removed when they lapse.
///
/// A failure is reported once, the old content stays whole until it lapses, and the write is retried every ten seconds; content
/// whose session is condemned is removed at once. A write that hasn't returned after ten seconds counts as failing until it does.
/// Once a minute each role's files are verified: drift in mode, owner or content is fixed by replacing the file.
package final class Outputs {
  static let retry: Int64 = 10_000_000
  static let second: Int64 = 1_000_000

  /// Called when files on a disk have been written, or couldn't be.
  package var landed: () -> Void = {}
  /// Called with a role and the path of its directory or of a file elsewhere when the kind of content that readers find there has
  /// changed: a file appears, fails, or works again.
  package var changed: (RoleName, String) -> Void = { _, _ in }

  /// Called when `recorded` may have changed; the more roles, the less often.
  package var recordChanged: () -> Void = {}

  let scheduler: any Scheduler
  let settings: SettingsInForce
  let writer: FileWriter
  let log: Log
  var isRecordStale = false
  var lastRecord: Timestamp?
  /// The parent of the roles' directories, which a reload changes a moment after the settings.
  var directory: String
  var mounts: MountTable
  var kept: [RoleName: ManagedOutputs] = [:]
  var retryTimer: (any Alarm)!
  var roundTimer: (any Alarm)!
  var round: [RoleName] = []
  /// Roles that have had no valid credential in this process, in the order in which their files are checked.
  var unpublished: [RoleName] = []
  let formerDirectories: FormerDirectories
  /// The same for parent directories of earlier settings.
  var formerDirectoriesElsewhere: [FormerDirectories] = []
  let formerFiles: FormerFiles
  let removals: OutputRemovals
  /// The files whose presumed end has been reported.
  var reportedPresumed: Set<String> = []
  /// The role of each path in `kept`; created when something has to be removed, nil until then.
  var owners: [String: RoleName]?
  let currentMounts: () -> MountTable

  /// `writer` and `mounts` are the host's, unless a test passes others.
  package init(
    scheduler: any Scheduler, settings: SettingsInForce, log: Log, writer: FileWriter? = nil,
    mounts: @escaping () -> MountTable = MountTable.current
  ) throws {
    self.scheduler = scheduler
    self.settings = settings
    directory = settings.filesDirectory
    self.log = log
    currentMounts = mounts
    self.mounts = mounts()
    self.writer = try writer ?? FileWriter()
    formerDirectories = try FormerDirectories(
      scheduler: scheduler, settings: settings, disk: self.writer.disk, log: log)
    removals = OutputRemovals(writer: self.writer, log: log)
    formerFiles = try FormerFiles(
      scheduler: scheduler, settings: settings, writer: self.writer, log: log, mounts: self.mounts)
    removals.takeBack = { [unowned self] path in
      guard let outputs = owner(of: path) else { return false }
      removeUnwanted(from: outputs, at: path)
      return true
    }
    removals.failed = { [unowned self] in retry(at: scheduler.time + .microseconds(Self.retry)) }
    retryTimer = try scheduler.timer(accuracy: Self.second) { [unowned self] in retryFailed() }
    roundTimer = try scheduler.timer(accuracy: Self.second) { [unowned self] in verifySome() }
  }

  /// Why files that the settings no longer name stay; empty if there are none.
  package var retentionReasons: [RetentionReason] {
    let all = Set(formerFiles.retentionReasons).union(
      ([formerDirectories] + formerDirectoriesElsewhere).flatMap(\.retentionReasons))
    return all.sorted { "\($0)" < "\($1)" }
  }

  /// Readable when a disk has finished something: `takeResults` has to be called then.
  package var descriptor: CInt { writer.descriptor }

  /// Processes what disks have finished since the last call.
  package func takeResults() {
    writer.drain()
    record()
    landed()
  }

  /// The number of a role's current snapshot; 0 if there is none.
  package func snapshotNumber(of role: RoleSettings) -> UInt64 {
    writer.disk.snapshotNumber(of: role.name.description, in: directory) ?? 0
  }

  /// Whether every order has had its outcome, on disks too.
  package var areAtRest: Bool { writer.isIdle }

  /// The status of a role's files, or only of those at the path of its directory or of one file elsewhere.
  package func statuses(of role: RoleName, at path: String? = nil, clock: ServerClock) -> [OutputStatus] {
    kept[role]?.statuses(of: path, clock: clock) ?? []
  }

  /// Nil for a role without files.
  package func figures(of role: RoleName, clock: ServerClock) -> OutputFigures? {
    kept[role].map { OutputFigures(role: role, files: $0.statuses(clock: clock), drifts: $0.driftCount) }
  }

  /// Whether the role has a file that can't be written.
  package func isFailing(_ role: RoleName) -> Bool { kept[role]?.isFailing ?? false }

  /// How far the role's current credential is in its files.
  package func progress(of role: RoleName) -> WriteProgress { kept[role]?.progress ?? .complete }

  /// The roles with a file that can't be written.
  package var failing: [RoleName] { kept.values.filter(\.isFailing).map(\.role.name).sorted() }

  /// Adds a role's outputs, or changes them after a change of its settings; files that are no longer outputs are removed by
  /// `rolesChanged`.
  package func keep(_ role: RoleSettings) {
    let old = kept.removeValue(forKey: role.name)
    let new = ManagedOutputs(role, in: directory, writer, mounts, scheduler: scheduler)
    kept[role.name] = new
    owners = nil
    if let old {
      new?.takeOver(old)
      removals.add(old.placesMissing(in: new), of: old)
    }
    guard let new else { return }
    if new.isBegun || !new.unwanted.isEmpty { bringUpToDate(new) }
    // If there were outputs before, the role is in that list already.
    if !new.isBegun, old == nil { unpublished.append(role.name) }
    if !roundTimer.isArmed { roundTimer.arm(at: scheduler.time.microseconds + Self.second) }
  }

  /// Sets the role's credential from now on.
  package func publish(_ credential: any OutputCredential, of role: RoleName) {
    guard let outputs = kept[role] else { return }
    outputs.put(credential, at: scheduler.time)
    outputs.isBegun = true
    bringUpToDate(outputs)
    record()
  }

  /// The role was removed; its files are removed by `rolesChanged`.
  package func forget(_ name: RoleName) {
    guard let old = kept.removeValue(forKey: name) else { return }
    owners = nil
    removals.add(old.placesMissing(in: nil), of: old)
  }

  /// Continues in the directory that the settings in force name; files in the old one are removed by `rolesChanged`.
  package func move() {
    // An administrator who reloads may have mounted something.
    mounts = currentMounts()
    guard directory != settings.filesDirectory else { return }
    directory = settings.filesDirectory
    for old in Array(kept.values) { keep(old.role) }
  }
}
