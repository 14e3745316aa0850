package import Core
import Glibc
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
  private static let retry: Int64 = 10_000_000
  private static let second: Int64 = 1_000_000
  /// How long a disk may take for one order, in microseconds.
  private static let stuckAfter: Int64 = 10_000_000
  private static let secondsPerRound = 60
  private static let mostRetries = 64
  private static let mostUnbegun = 256

  /// Called when files on a disk have been written, or couldn't be.
  package var landed: () -> Void = {}
  /// Called with a role and the path of its directory or of a file elsewhere when what its readers find there changed in kind: something is
  /// written where nothing was, it fails, or works again.
  package var changed: (RoleName, String) -> Void = { _, _ in }

  /// Called when what `recorded` says may have changed; the more roles, the more rarely.
  package var recordChanged: () -> Void = {}

  private let scheduler: any Scheduler
  private let writer: FileWriter
  private let log: Log
  private var isRecordStale = false
  private var lastRecord: Timestamp?
  private var directory: String
  private var mounts: MountTable
  private var kept: [RoleName: KeptOutputs] = [:]
  private var retryTimer: (any Alarm)!
  private var roundTimer: (any Alarm)!
  private var round: [RoleName] = []
  /// Roles that have had nothing valid in this process, in the order in which their files are looked at.
  private var unbegun: [RoleName] = []
  private let abandoned: AbandonedOutputs
  /// The same in directories that the settings of earlier processes had.
  private var inFormerDirectories: [AbandonedOutputs] = []
  private let former: FormerOutputs
  private let removals: OutputRemovals
  /// The files whose end was presumed and reported.
  private var reportedPresumed: Set<String> = []
  /// The role of each path, as `kept` has it; made when something has to be removed, nil until then.
  private var owners: [String: RoleName]?
  private let currentMounts: () -> MountTable

  /// `writer` and `mounts` are the host's unless a test has others.
  package init(
    scheduler: any Scheduler, directory: String, log: Log, writer: FileWriter? = nil,
    mounts: @escaping () -> MountTable = MountTable.current
  ) throws {
    self.scheduler = scheduler
    self.directory = directory
    self.log = log
    currentMounts = mounts
    self.mounts = mounts()
    abandoned = try AbandonedOutputs(scheduler: scheduler, log: log)
    self.writer = try writer ?? FileWriter()
    removals = OutputRemovals(writer: self.writer, log: log)
    former = try FormerOutputs(scheduler: scheduler, writer: self.writer, log: log, mounts: self.mounts)
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

  /// Removes what earlier processes left of roles that have no files any more, also where their settings had another directory. Blocks on a
  /// disk.
  package func removeAbandoned(
    keeping roles: [RoleSettings], _ inventory: SettingsInventory, recorded: [RecordedDirectory] = []
  ) throws {
    abandoned.remove(in: directory, keeping: roles, inventory, recorded: recorded)
    for (parent, recorded) in Dictionary(grouping: recorded, by: \.parent) {
      guard let parent, parent != directory else { continue }
      let former = try AbandonedOutputs(scheduler: scheduler, log: log)
      former.remove(in: parent, whileInForce: directory, keeping: roles, inventory, recorded: recorded)
      if former.waiting != nil { inFormerDirectories.append(former) }
    }
  }

  /// Takes over the outputs elsewhere that an earlier process recorded, once all roles have been taken on: what isn't an output any more
  /// is removed.
  package func takeOver(_ recorded: [RecordedOutput], from roles: [RoleSettings], _ inventory: SettingsInventory) {
    former.take(recorded)
    judgeFormer(by: roles, inventory, allowsRemoval: false)
    owners = nil
  }

  private func judgeFormer(by roles: [RoleSettings], _ inventory: SettingsInventory, allowsRemoval: Bool) {
    for output in former.recorded {
      // Another role's credential isn't for the readers of the one that has the place now.
      guard let owner = owner(of: "\(output.path)") else { continue }
      if output.isWritten { owner.wasWritten(at: "\(output.path)") }
      if owner.role.name != output.role { removeUnwanted(from: owner, at: "\(output.path)") }
    }
    former.settingsChanged(to: roles, inventory, mounts: mounts, allowsRemoval: allowsRemoval)
  }

  /// The files elsewhere where a credential may lie at present, for the next process; `settingsFiles` has the file that names each role.
  package func recorded(_ settingsFiles: [RoleName: String]) -> [RecordedOutput] {
    let used = kept.values.flatMap { outputs in
      let name = outputs.role.name
      return outputs.filesElsewhere.map {
        RecordedOutput(
          role: name, uid: $0.uid, settingsFile: settingsFiles[name], path: $0.path,
          isWritten: outputs.isWritten("\($0.path)"))
      }
    }
    return used + removals.recorded + former.recorded
  }

  /// The roles with files in the roles' directory, for the next process.
  package func recordedDirectories(_ settingsFiles: [RoleName: String]) -> [RecordedDirectory] {
    let used = kept.values.compactMap { outputs -> RecordedDirectory? in
      guard outputs.usesDirectory else { return nil }
      return settingsFiles[outputs.role.name].map {
        RecordedDirectory(role: outputs.role.name, settingsFile: $0, parent: outputs.directory)
      }
    }
    return used + abandoned.recorded.filter { kept[$0.role]?.usesDirectory != true || $0.parent != directory }
      + inFormerDirectories.flatMap(\.recorded)
  }

  /// The outputs of each role where nothing of ours lies, as far as is known: nothing could be written there, say.
  package var unwritten: [RoleName: Set<OutputSettings.Location>] {
    kept.compactMapValues { outputs in
      let locations = outputs.unwritten
      return locations.isEmpty ? nil : locations
    }
  }

  /// All roles have changed to those of a reload: what isn't an output any more is removed, and what an earlier process left as at a
  /// start with these settings. `allowsRemoval` is whether that goes for what looks like an accident, too.
  package func rolesChanged(
    to roles: [RoleSettings], _ inventory: SettingsInventory = SettingsInventory(), allowsRemoval: Bool = false
  ) {
    removals.perform(mounts)
    judgeFormer(by: roles, inventory, allowsRemoval: allowsRemoval)
    owners = nil
    for abandoned in [abandoned] + inFormerDirectories {
      abandoned.settingsChanged(to: directory, roles, inventory, allowsRemoval: allowsRemoval)
    }
    inFormerDirectories.removeAll { $0.waiting == nil }
    isRecordStale = true
    record()
  }

  /// The number of the files that are in place for a role; 0 when there are none.
  package func generation(of role: RoleSettings) -> UInt64 {
    RolesDirectory.generation(of: role.name.description, in: directory) ?? 0
  }

  /// Whether all that was ordered has had its outcome, on disks too.
  package var areAtRest: Bool { writer.isIdle }

  /// How a role's files fare; those at the path of its directory or of one file elsewhere when one is given.
  package func statuses(of role: RoleName, at path: String? = nil, clock: ServerClock) -> [OutputStatus] {
    kept[role]?.statuses(of: path, clock: clock) ?? []
  }

  /// Of all roles with files, sorted by name.
  package func figures(clock: ServerClock) -> [OutputFigures] {
    kept.values.sorted { $0.role.name < $1.role.name }.map {
      OutputFigures(role: $0.role.name, files: $0.statuses(clock: clock), drifts: $0.driftCount)
    }
  }

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

  private func record() {
    guard isRecordStale else { return }
    let now = scheduler.time
    let least = kept.count < 100 ? 0 : Int64(kept.count) * 1000
    if let lastRecord, now - lastRecord < .microseconds(least) { return }
    isRecordStale = false
    lastRecord = now
    recordChanged()
  }

  /// The role's credential has lapsed.
  package func withdraw(_ name: RoleName) {
    guard let outputs = kept[name] else { return }
    outputs.put(nil, at: scheduler.time)
    outputs.isBegun = true
    bringUpToDate(outputs)
  }

  /// STS refuses this session: where it is still in a file because nothing else can be written there, the file goes. Where something
  /// newer is on its way there, the outcome of that decides.
  package func condemn(_ session: Session, of name: RoleName) {
    guard let outputs = kept[name] else { return }
    outputs.condemn(session, at: scheduler.time)
    for (path, state) in outputs.states
    where state.failure != nil && outputs.holdsCondemned(at: path) && !outputs.files.isWriting(at: path) {
      outputs.files.withdraw(path, completion: removal(outputs))
    }
    removeCondemnedPrevious(of: outputs)
  }

  /// The generation before the one in place stays for those who read it; not with a session that STS refuses.
  private func removeCondemnedPrevious(of outputs: KeptOutputs) {
    guard !outputs.takeCondemnedPrevious().isEmpty else { return }
    bringUpToDate(outputs, previousEndedBy: .max)
  }

  /// The role is no more; its files are removed by `rolesChanged`.
  package func forget(_ name: RoleName) {
    guard let old = kept.removeValue(forKey: name) else { return }
    owners = nil
    removals.add(old.placesMissing(in: nil), of: old)
  }

  /// Goes on in another directory; what lies in the old one is removed by `rolesChanged`.
  package func move(to directory: String) {
    // A reload is when an administrator may have mounted something.
    mounts = currentMounts()
    guard directory != self.directory else { return }
    self.directory = directory
    for old in Array(kept.values) { keep(old.role) }
  }

  /// What lies at `path` may be of another role, unless these outputs have written there.
  private func removeUnwanted(from outputs: KeptOutputs, at path: String) {
    outputs.expectUnwanted(at: path)
    guard outputs.unwanted.contains(path) else { return }
    if outputs.contents == nil {
      bringUpToDate(outputs)
    } else if outputs.states[path]?.failure != nil {
      removeLapsed(outputs, at: path)
    }
  }

  private func owner(of path: String) -> KeptOutputs? {
    let owners =
      self.owners
      ?? kept.values.reduce(into: [:]) { all, outputs in for path in outputs.paths { all[path] = outputs.role.name } }
    self.owners = owners
    return owners[path].flatMap { kept[$0] }
  }

  /// Writes what is valid, or removes what isn't; does nothing where all is as it should be. `previousEndedBy`, in seconds since 1970, is
  /// until when the generation before must have ended to be removed, nil for a minute from now.
  private func bringUpToDate(_ outputs: KeptOutputs, previousEndedBy end: Int? = nil) {
    outputs.lastTry = scheduler.time
    if let contents = outputs.contents {
      outputs.files.write(
        // The generation before rather goes a round too early than too late.
        contents, until: outputs.end, rotation: outputs.credential?.generation,
        at: end ?? scheduler.wallSeconds + Self.secondsPerRound,
        completion: noting(outputs, writing: outputs.credential))
    } else if outputs.isBegun {
      outputs.files.withdraw(completion: noting(outputs, writing: nil))
    } else {
      for path in outputs.paths {
        if outputs.unwanted.contains(path) {
          outputs.files.withdraw(path, completion: noting(outputs, writing: nil))
        } else {
          outputs.files.withdrawEnded(
            by: outputs.lapsing, at: path, completion: noting(outputs, writing: nil, settles: false))
        }
      }
    }
  }

  /// Reports a failure once, and its end. `settles` is whether a success leaves nothing of what was there before.
  private func noting(
    _ outputs: KeptOutputs, writing credential: (any OutputCredential)?, settles: Bool = true
  ) -> RoleOutputs.Completion {
    { [unowned self, weak outputs] result in
      guard let outputs else { return }
      report(result.drifts, of: outputs, at: result.path)
      report(result.fixes, of: outputs)
      if let end = result.presumedEnd, reportedPresumed.insert(end.path).inserted {
        log.write(end, isRemoved: result.outcome == .success(true), role: outputs.role.name)
      }
      switch result.outcome {
      case .success:
        if settles { outputs.settle(result.path) }
        succeeded(outputs, at: result.path, credential, found: result.content ?? .absent)
      case .failure(let error):
        failed(outputs, at: result.path, "\(error)", isWriting: credential != nil, seen: result.content)
        removeLapsed(outputs, at: result.path)
      }
    }
  }

  /// `found` is what is there where nothing was written.
  private func succeeded(
    _ outputs: KeptOutputs, at path: String, _ credential: (any OutputCredential)?, found: OutputContent
  ) {
    let wasFailing = outputs.states[path]?.failure != nil
    let isNews = outputs.change(path) { state in
      // What goes into files is published, and has one.
      let written = credential.flatMap { credential in
        credential.generation.map {
          (
            session: credential.session.id, generation: $0, lapses: credential.lapses,
            expiration: credential.session.expiration
          )
        }
      }
      // A withdrawal takes the generation before along.
      if written?.session != state.written?.session { state.previous = written == nil ? nil : state.written?.session }
      state.written = written
      state.found = found
      state.seen = nil
      state.failure = nil
      state.drifts = []
    }
    if wasFailing {
      log.write(.fileWrittenAgain, [.role(outputs.role.name), .path(path)])
    }
    if isNews {
      isRecordStale = true
      changed(outputs.role.name, path)
    }
    // What is newer couldn't even be handed to the disk while this was on its way.
    if credential !== outputs.credential, outputs.contents != nil, !outputs.files.isWriting(at: path) {
      bringUpToDate(outputs)
    }
    removeCondemnedPrevious(of: outputs)
  }

  private func failed(
    _ outputs: KeptOutputs, at path: String, _ error: String, isWriting: Bool, seen: OutputContent?
  ) {
    let found = seen ?? .unknown
    // Where nothing was ever written, as far as is known, there is nothing to remove either.
    if !isWriting, found == .unknown, outputs.states[path]?.failure == nil, !outputs.isWritten(path) {
      _ = outputs.change(path) { $0.found = found }
      return
    }
    let now = scheduler.time
    let before = outputs.states[path]?.content(at: scheduler.wallSeconds).kind
    let isNews = outputs.change(path) { state in
      state.failure = (error, state.failure?.since ?? now)
      state.found = found
      if let seen { state.seen = seen }
    }
    guard isNews else {
      // The error has been reported; what its readers find is another all the same.
      if outputs.states[path]?.content(at: scheduler.wallSeconds).kind != before { changed(outputs.role.name, path) }
      return
    }
    let event: LogEvent =
      switch (isWriting, found) {
      case (true, .present): .fileNotWrittenKeepingOld
      case (true, .absent): .fileNotWrittenAndNoneThere
      case (true, .unknown): .fileNotWrittenUnseen
      case (false, _) where !outputs.isBegun: .earlierFileNotChecked
      case (false, _): .lapsedFileNotRemoved
      }
    log.write(event, [.role(outputs.role.name), .path(path), .reason(error)])
    changed(outputs.role.name, path)
  }

  /// Reports what somebody changed, once until it has been put right. It is replaced in the same step, or an error says why not.
  private func report(_ drifts: [OutputDrift], of outputs: KeptOutputs, at path: String) {
    let reported = outputs.states[path]?.drifts ?? []
    for drift in drifts where !reported.contains(drift) {
      outputs.driftCount += 1
      let isDirectory = drift.path == "\(directory)/\(outputs.role.name)"
      log.write(
        isDirectory ? .directoryChangedByOthers : .fileChangedByOthers,
        [.role(outputs.role.name), .path(drift.path), .found(drift.found)])
    }
    _ = outputs.change(path) { $0.drifts = drifts }
  }

  /// Reports what an earlier process left with other access than the settings have now.
  private func report(_ fixes: [AccessFix], of outputs: KeptOutputs) {
    for fix in fixes {
      log.write(
        fix.isRemoved ? .earlierFileRemoved : .earlierFileReplaced,
        [.role(outputs.role.name), .path(fix.path), .found(fix.found)])
    }
  }

  /// What can't be replaced goes when it lapses; until then, and while it can't even be removed, it is tried again. Where something newer
  /// is on its way to the file, the outcome of that decides: a removal behind it would remove that.
  private func removeLapsed(_ outputs: KeptOutputs, at path: String) {
    let now = scheduler.time
    var next = now + .microseconds(Self.retry)
    let lapses = outputs.states[path]?.written?.lapses
    if let lapses, lapses > now { next = min(next, lapses) }
    if !outputs.files.isWriting(at: path) {
      if outputs.mustGo(at: path) {
        outputs.files.withdraw(path, completion: removal(outputs))
      } else if let lapses {
        if lapses <= now { outputs.files.withdraw(path, completion: removal(outputs)) }
      } else {
        outputs.files.withdrawEnded(by: outputs.lapsing, at: path, completion: removal(outputs, settles: false))
      }
    }
    retry(at: next)
  }

  private func removal(_ outputs: KeptOutputs, settles: Bool = true) -> RoleOutputs.Completion {
    { [unowned self, weak outputs] result in
      // Why it can't be removed is what was reported: why it can't be written.
      guard let outputs, case .success(true) = result.outcome else { return }
      let event: LogEvent =
        if outputs.holdsCondemned(at: result.path) {
          .condemnedFileRemoved
        } else if outputs.unwanted.contains(result.path) {
          .outdatedFileRemoved
        } else {
          .lapsedFileRemoved
        }
      if settles { outputs.settle(result.path) }
      let isNews = outputs.change(result.path) { state in
        state.written = nil
        state.found = .absent
        state.seen = nil
      }
      log.write(event, [.role(outputs.role.name), .path(result.path)])
      if isNews {
        isRecordStale = true
        changed(outputs.role.name, result.path)
      }
    }
  }

  /// Reports the order that a disk has had for too long, and those that have waited for too long behind others. What the disk does with
  /// them is reported when they return.
  func reportStuck() {
    let limit = writer.now() - Self.stuckAfter
    guard let oldest = writer.pendingSince, oldest <= limit else { return }
    let begun = writer.begun
    for outputs in kept.values {
      for (path, since) in outputs.files.pending(since: limit) where outputs.states[path]?.failure == nil {
        guard let (event, error) = Self.stuck(path, behind: begun, limit) else { continue }
        _ = outputs.change(path) { $0.failure = (error, Timestamp(microseconds: since)) }
        log.write(event, [.role(outputs.role.name), .path(path), .reason(error)])
        changed(outputs.role.name, path)
      }
    }
  }

  /// Why the order for `path` has had no outcome; nil when the disk has just begun with it.
  private static func stuck(
    _ path: String, behind begun: (path: String, since: Int64)?, _ limit: Int64
  ) -> (event: LogEvent, error: String)? {
    let look = "look at that file system: a server that is down, a freeze (fsfreeze), the kernel's log (dmesg)"
    guard let begun else { return nil }
    let isStuck = begun.since <= limit
    if begun.path == path {
      guard isStuck else { return nil }
      return (
        .fileNotWrittenDiskStuck,
        "file '\(path)': its disk hasn't answered for more than 10 s; \(look)"
      )
    }
    return (
      .fileNotWrittenWaiting,
      isStuck
        ? "file '\(path)': waits behind '\(begun.path)', whose disk hasn't answered for more than 10 s; \(look)"
        : "file '\(path)': has waited for more than 10 s while other files are written, now '\(begun.path)'"
    )
  }

  private func retry(at moment: Timestamp) {
    if let armed = retryTimer.deadline, armed <= moment.microseconds { return }
    retryTimer.arm(at: moment.microseconds)
  }

  /// Tries some of what failed, for each costs the loop a few system calls; the rest comes a second later.
  func retryFailed() {
    removals.retry(mounts)
    owners = nil
    let failing = kept.values.filter(\.isFailing)
    let share = failing.sorted { $0.lastTry < $1.lastTry }.prefix(Self.mostRetries)
    for outputs in share { bringUpToDate(outputs) }
    if failing.count > share.count { retry(at: scheduler.time + .microseconds(Self.second)) }
  }

  /// Looks after a sixtieth of the roles, so that each has its turn in a minute and none makes the others wait.
  private func lookAfterSome() {
    lookAtUnpublished()
    reportStuck()
    record()
    if round.isEmpty { round = Array(kept.keys) }
    let share = min(round.count, (kept.count + Self.secondsPerRound - 1) / Self.secondsPerRound)
    for name in round.suffix(share) {
      if let outputs = kept[name], outputs.isBegun, !outputs.isFailing { bringUpToDate(outputs) }
    }
    round.removeLast(share)
    if !kept.isEmpty { roundTimer.arm(at: scheduler.time.microseconds + Self.second) }
  }

  /// Removes what an earlier process left as it lapses, within a second where no more than some hundred roles are so.
  func lookAtUnpublished() {
    let share = Array(unbegun.prefix(Self.mostUnbegun))
    unbegun.removeFirst(share.count)
    for name in share {
      guard let outputs = kept[name], !outputs.isBegun else { continue }
      unbegun.append(name)
      if !outputs.isFailing { bringUpToDate(outputs) }
    }
  }
}
