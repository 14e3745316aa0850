package import Core
package import Logs
package import Settings
package import Systemd
package import Wire

/// The credential files of all roles: written at each rotation, looked after in between, removed when they lapse.
///
/// A failure is reported once, the old content stays whole until it lapses, and it is tried again every ten seconds; content whose
/// session STS refuses is removed at once. A write that hasn't returned after ten seconds counts as failing until it does. Once a minute
/// each role's files are looked at: what drifted in mode, owner or content is replaced.
package final class Outputs {
  static let retry: Int64 = 10_000_000
  static let second: Int64 = 1_000_000

  /// Called when files on a disk have been written, or couldn't be.
  package var landed: () -> Void = {}
  /// Called with a role and the path of its directory or of a file elsewhere when what its readers find there changed in kind: something is
  /// written where nothing was, it fails, or works again.
  package var changed: (RoleName, String) -> Void = { _, _ in }

  /// Called when what `recorded` says may have changed; the more roles, the more rarely.
  package var recordChanged: () -> Void = {}

  let scheduler: any Scheduler
  let settings: SettingsInForce
  let writer: FileWriter
  let log: Log
  var isRecordStale = false
  var lastRecord: Timestamp?
  /// Where the roles' directories are written, which a reload changes a moment after the settings.
  var directory: String
  var mounts: MountTable
  var kept: [RoleName: KeptOutputs] = [:]
  var retryTimer: (any Alarm)!
  var roundTimer: (any Alarm)!
  var round: [RoleName] = []
  /// Roles that have had nothing valid in this process, in the order in which their files are looked at.
  var unbegun: [RoleName] = []
  let abandoned: AbandonedOutputs
  /// The same in directories that the settings of earlier processes had.
  var inFormerDirectories: [AbandonedOutputs] = []
  let former: FormerOutputs
  let removals: OutputRemovals
  /// The files whose end was presumed and reported.
  var reportedPresumed: Set<String> = []
  /// The role of each path, as `kept` has it; made when something has to be removed, nil until then.
  var owners: [String: RoleName]?
  let currentMounts: () -> MountTable

  /// `writer` and `mounts` are the host's unless a test has others.
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
    abandoned = try AbandonedOutputs(
      scheduler: scheduler, settings: settings, disk: self.writer.disk, log: log)
    removals = OutputRemovals(writer: self.writer, log: log)
    former = try FormerOutputs(
      scheduler: scheduler, settings: settings, writer: self.writer, log: log, mounts: self.mounts)
    removals.takeBack = { [unowned self] path in
      guard let outputs = owner(of: path) else { return false }
      removeUnwanted(from: outputs, at: path)
      return true
    }
    removals.failed = { [unowned self] in retry(at: scheduler.time + .microseconds(Self.retry)) }
    retryTimer = try scheduler.timer(accuracy: Self.second) { [unowned self] in retryFailed() }
    roundTimer = try scheduler.timer(accuracy: Self.second) { [unowned self] in lookAfterSome() }
  }

  /// Why files that the settings don't name any more stay; nothing while none does.
  package var retentionReasons: [RetentionReason] {
    let all = Set(former.retentionReasons).union(([abandoned] + inFormerDirectories).flatMap(\.retentionReasons))
    return all.sorted { "\($0)" < "\($1)" }
  }

  /// Readable when a disk has done something: `takeResults` is to be called then.
  package var descriptor: CInt { writer.descriptor }

  /// Takes what disks have done since the last time.
  package func takeResults() {
    writer.drain()
    record()
    landed()
  }

  /// The number of the files that are in place for a role; 0 when there are none.
  package func generation(of role: RoleSettings) -> UInt64 {
    writer.disk.generation(of: role.name.description, in: directory) ?? 0
  }

  /// Whether all that was ordered has had its outcome, on disks too.
  package var areAtRest: Bool { writer.isIdle }

  /// How a role's files fare; those at the path of its directory or of one file elsewhere when one is given.
  package func statuses(of role: RoleName, at path: String? = nil, clock: ServerClock) -> [OutputStatus] {
    kept[role]?.statuses(of: path, clock: clock) ?? []
  }

  /// Nil for a role without files.
  package func figures(of role: RoleName, clock: ServerClock) -> OutputFigures? {
    kept[role].map { OutputFigures(role: role, files: $0.statuses(clock: clock), drifts: $0.driftCount) }
  }

  /// Whether the role has a file that can't be written.
  package func isFailing(_ role: RoleName) -> Bool { kept[role]?.isFailing ?? false }

  /// The roles with a file that can't be written.
  package var failing: [RoleName] { kept.values.filter(\.isFailing).map(\.role.name).sorted() }

  /// Takes a role's outputs on, or again when its settings changed; what isn't an output any more is removed by `rolesChanged`.
  package func keep(_ role: RoleSettings) {
    let old = kept.removeValue(forKey: role.name)
    let new = KeptOutputs(role, in: directory, writer, mounts, scheduler: scheduler)
    kept[role.name] = new
    owners = nil
    if let old {
      new?.takeOver(old)
      removals.add(old.placesMissing(in: new), of: old)
    }
    guard let new else { return }
    if new.isBegun || !new.unwanted.isEmpty { bringUpToDate(new) }
    // If there were outputs before, the role is in that list already.
    if !new.isBegun, old == nil { unbegun.append(role.name) }
    if !roundTimer.isArmed { roundTimer.arm(at: scheduler.time.microseconds + Self.second) }
  }

  /// The role's credential from now on.
  package func publish(_ credential: any OutputCredential, of role: RoleName) {
    guard let outputs = kept[role] else { return }
    outputs.put(credential, at: scheduler.time)
    outputs.isBegun = true
    bringUpToDate(outputs)
    record()
  }

  /// The role is no more; its files are removed by `rolesChanged`.
  package func forget(_ name: RoleName) {
    guard let old = kept.removeValue(forKey: name) else { return }
    owners = nil
    removals.add(old.placesMissing(in: nil), of: old)
  }

  /// Goes on in the directory that the settings in force have; what lies in the old one is removed by `rolesChanged`.
  package func move() {
    // A reload is when an administrator may have mounted something.
    mounts = currentMounts()
    guard directory != settings.filesDirectory else { return }
    directory = settings.filesDirectory
    for old in Array(kept.values) { keep(old.role) }
  }
}
