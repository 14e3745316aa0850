import Core
import EventLoop
import FileOutput
import Glibc
import Logging
import Settings
import Wire

/// The credential files of all roles: written at each rotation, looked after in between, removed when they lapse.
///
/// A failure is reported once, the old content stays whole until it lapses, and it is tried again every ten seconds; content whose
/// session STS refuses is removed at once. A write that hasn't returned after ten seconds counts as failing until it does. Once a minute
/// each role's files are looked at: what drifted in mode, owner or content is replaced.
final class Outputs {
  private static let retry: Int64 = 10_000_000
  private static let second: Int64 = 1_000_000
  /// How long a disk may take for one order, in microseconds.
  private static let stuckAfter: Int64 = 10_000_000
  private static let secondsPerRound = 60
  private static let mostRetries = 64
  private static let mostUnbegun = 256

  /// Called when files on a disk have been written, or couldn't be.
  var landed: () -> Void = {}
  /// Called with a role and the path of its directory or of a file elsewhere when what its readers find there changed in kind: something is
  /// written where nothing was, it fails, or works again.
  var changed: (RoleName, String) -> Void = { _, _ in }

  private let writer: FileWriter
  private let logger: Logger
  private var directory: String
  private var mounts = MountTable.current()
  private var kept: [RoleName: KeptOutputs] = [:]
  private var results: IOSource!
  private var retryTimer: TimerSource!
  private var roundTimer: TimerSource!
  private var round: [RoleName] = []
  /// Roles that have had nothing valid in this process, in the order in which their files are looked at.
  private var unbegun: [RoleName] = []
  /// Armed while settings without any role leave earlier roles' files to their ends.
  private var abandonedTimer: TimerSource!
  private var hasReportedAbandoned = false
  private var failedRemovals: [(removal: Removal, complaint: String)] = []

  /// What was an output of a role. It doesn't hold the role's outputs, so that these take back what the disk hasn't begun to write.
  private struct Removal {
    let role: String
    let directory: String
    let places: [OutputFile]

    init(_ places: [OutputFile], of old: KeptOutputs) {
      role = old.role.name.description
      directory = old.directory
      self.places = places
    }
  }

  init(loop: EventLoop, directory: String, logger: Logger) throws {
    self.directory = directory
    self.logger = logger
    writer = try FileWriter()
    results = try IOSource(loop, descriptor: writer.descriptor, events: .readable) { [unowned self] _ in
      writer.drain()
      landed()
    }
    retryTimer = try TimerSource(loop, accuracy: Self.second) { [unowned self] in retryFailed() }
    abandonedTimer = try TimerSource(loop, accuracy: Self.second) { [unowned self] in removeAbandoned(keeping: []) }
    roundTimer = try TimerSource(loop, accuracy: Self.second) { [unowned self] in lookAfterSome() }
  }

  /// Removes what earlier processes left of roles that have no files any more. Without any role only what has ended, now and later on:
  /// that is what settings say, too, which were cut off while no daemon ran. Blocks on a disk.
  func removeAbandoned(keeping roles: [RoleSettings]) {
    let kept = roles.filter { role in role.outputs.contains { $0.location.isInRoleDirectory } }
    abandonedTimer.disarm()
    do {
      let left = try RolesDirectory.removeAbandoned(
        in: directory, keeping: Set(kept.map(\.name.description)),
        endedBy: roles.isEmpty ? time(nil) + Self.secondsPerRound : nil)
      if left.isEmpty { return }
      if !hasReportedAbandoned {
        hasReportedAbandoned = true
        logger.warning(
          "the settings have no role; files of earlier roles stay until their sessions end",
          [.reason: left.prefix(8).joined(separator: ", "), .count: "\(left.count)"])
      }
      abandonedTimer.arm(at: EventLoop.bootTime() + Int64(Self.secondsPerRound) * Self.second)
    } catch {
      logger.error("files of earlier roles not removed", [.reason: "\(error)"])
    }
  }

  /// Roles came with a reload: what waited for its end goes now, as at a start with these settings.
  func rolesCame(_ roles: [RoleSettings]) {
    if abandonedTimer.isArmed, !roles.isEmpty { removeAbandoned(keeping: roles) }
  }

  /// The number of the files that are in place for a role; 0 when there are none.
  func generation(of role: RoleSettings) -> UInt64 {
    RolesDirectory.generation(of: role.name.description, in: directory) ?? 0
  }

  /// Whether all that was ordered has had its outcome, on disks too.
  var areAtRest: Bool { writer.isIdle }

  /// How a role's files fare; those at the path of its directory or of one file elsewhere when one is given.
  func statuses(of role: RoleName, at path: String? = nil, clock: ServerClock) -> [OutputStatus] {
    kept[role]?.statuses(of: path, clock: clock) ?? []
  }

  /// Of all roles with files, sorted by name.
  func figures(clock: ServerClock) -> [OutputFigures] {
    kept.values.sorted { $0.role.name < $1.role.name }.map {
      OutputFigures(role: $0.role.name, files: $0.statuses(clock: clock), drifts: $0.driftCount)
    }
  }

  /// The roles with a file that can't be written.
  var failing: [RoleName] { kept.values.filter(\.isFailing).map(\.role.name).sorted() }

  /// Takes a role's outputs on, or anew when its settings changed: what isn't an output any more is removed.
  func keep(_ role: RoleSettings) {
    let old = kept.removeValue(forKey: role.name)
    let new = KeptOutputs(role, in: directory, writer, mounts)
    kept[role.name] = new
    if let old, let new, old.role.arn == role.arn, old.handout != nil { new.takeOver(old) }
    if let new, new.handout != nil { bringUpToDate(new) }
    // One that had begun isn't in that list, or not for long.
    if let new, !new.isBegun, old?.isBegun ?? true { unbegun.append(role.name) }
    if let old { remove(Removal(old.placesMissing(in: new), of: old)) }
    if new != nil && !roundTimer.isArmed { roundTimer.arm(at: EventLoop.bootTime() + Self.second) }
  }

  func publish(_ role: KeptRole) {
    guard let outputs = kept[role.name], let handout = role.current else { return }
    outputs.put(handout)
    outputs.isBegun = true
    bringUpToDate(outputs)
  }

  /// The role's credential has lapsed.
  func withdraw(_ name: RoleName) {
    guard let outputs = kept[name] else { return }
    outputs.put(nil)
    outputs.isBegun = true
    bringUpToDate(outputs)
  }

  /// STS refuses this session: where it is still in a file because nothing else can be written there, the file goes.
  func condemn(_ session: Session, of name: RoleName) {
    guard let outputs = kept[name] else { return }
    outputs.condemn(session, at: Keeper.now())
    for (path, state) in outputs.states where state.failure != nil && outputs.holdsCondemned(at: path) {
      outputs.files.withdraw(
        path, completion: removal(outputs, because: "file with a session that STS refuses removed"))
    }
  }

  /// The role is no more.
  func forget(_ name: RoleName) {
    if let old = kept.removeValue(forKey: name) { remove(Removal(old.placesMissing(in: nil), of: old)) }
  }

  /// Goes on in another directory; what lies in the old one is removed.
  func move(to directory: String) {
    // A reload is when an administrator may have mounted something.
    mounts = MountTable.current()
    guard directory != self.directory else { return }
    self.directory = directory
    for old in Array(kept.values) { keep(old.role) }
  }

  /// `complaint` is what was told when it was last tried.
  private func remove(_ removal: Removal, complaint: String? = nil) {
    if removal.places.isEmpty { return }
    let files = RoleOutputs(
      writer, directory: removal.directory, role: removal.role, outputs: removal.places, mounts: mounts)
    files.remove { [unowned self] result in
      // Without this the order would be carried out, but nobody told how.
      withExtendedLifetime(files) {
        guard case .failure(let error) = result.outcome else { return }
        if complaint != "\(error)" {
          logger.error("file not removed, trying again", [.role: removal.role, .reason: "\(error)"])
        }
        failedRemovals.append((removal, "\(error)"))
        retry(at: Keeper.now() + .microseconds(Self.retry))
      }
    }
  }

  /// Writes what is valid, or removes what isn't; does nothing where all is as it should be.
  private func bringUpToDate(_ outputs: KeptOutputs) {
    outputs.lastTry = Keeper.now()
    if let contents = outputs.contents {
      outputs.files.write(
        // The generation before rather goes a round too early than too late.
        contents, until: outputs.end, at: time(nil) + Self.secondsPerRound,
        completion: noting(outputs, writing: outputs.handout))
    } else if outputs.isBegun {
      outputs.files.withdraw(completion: noting(outputs, writing: nil))
    } else {
      outputs.files.withdrawEnded(by: outputs.lapsing, completion: noting(outputs, writing: nil))
    }
  }

  /// Reports a failure once, and its end.
  private func noting(_ outputs: KeptOutputs, writing handout: Handout?) -> RoleOutputs.Completion {
    { [unowned self, weak outputs] result in
      guard let outputs else { return }
      report(result.drifts, of: outputs, at: result.path)
      switch result.outcome {
      case .success: succeeded(outputs, at: result.path, handout)
      case .failure(let error):
        failed(outputs, at: result.path, "\(error)", isWriting: handout != nil, isPresent: result.isPresent)
        removeLapsed(outputs, at: result.path)
      }
    }
  }

  private func succeeded(_ outputs: KeptOutputs, at path: String, _ handout: Handout?) {
    let wasFailing = outputs.states[path]?.failure != nil
    let isNews = outputs.change(path) { state in
      // What goes into files is published, and has one.
      state.written = handout.flatMap { handout in
        handout.generation.map { (handout.session.id, $0, handout.lapses) }
      }
      state.failure = nil
      state.drifts = []
    }
    if wasFailing {
      logger.notice("file can be written again", [.role: outputs.role.name.description, .path: path])
    }
    if isNews { changed(outputs.role.name, path) }
  }

  private func failed(
    _ outputs: KeptOutputs, at path: String, _ error: String, isWriting: Bool, isPresent: Bool
  ) {
    let now = Keeper.now()
    let isNews = outputs.change(path) { $0.failure = (error, $0.failure?.since ?? now) }
    guard isNews else { return }
    let phrase: Logger.Message =
      switch (isWriting, isPresent) {
      case (true, true): "file not written, keeping what is there"
      case (true, false): "file not written, and there is none"
      case (false, _): "lapsed file not removed, trying again"
      }
    logger.error(phrase, [.role: outputs.role.name.description, .reason: error])
    changed(outputs.role.name, path)
  }

  /// Reports what somebody changed, once until it has been put right. It is replaced in the same step, or an error says why not.
  private func report(_ drifts: [OutputDrift], of outputs: KeptOutputs, at path: String) {
    let reported = outputs.states[path]?.drifts ?? []
    for drift in drifts where !reported.contains(drift) {
      outputs.driftCount += 1
      logger.warning(
        "credential file was changed by somebody else, replacing it",
        [.role: outputs.role.name.description, .path: drift.path, .found: drift.found])
    }
    _ = outputs.change(path) { $0.drifts = drifts }
  }

  /// What can't be replaced goes when it lapses; until then, and while it can't even be removed, it is tried again.
  private func removeLapsed(_ outputs: KeptOutputs, at path: String) {
    let now = Keeper.now()
    var next = now + .microseconds(Self.retry)
    if outputs.holdsCondemned(at: path) {
      outputs.files.withdraw(
        path, completion: removal(outputs, because: "file with a session that STS refuses removed"))
    } else if let lapses = outputs.states[path]?.written?.lapses {
      if lapses > now { next = min(next, lapses) } else { outputs.files.withdraw(path, completion: removal(outputs)) }
    } else {
      outputs.files.withdrawEnded(by: outputs.lapsing, at: path, completion: removal(outputs))
    }
    retry(at: next)
  }

  private func removal(
    _ outputs: KeptOutputs, because phrase: Logger.Message = "lapsed file removed"
  ) -> RoleOutputs.Completion {
    { [unowned self, weak outputs] result in
      // Why it can't be removed is what was reported: why it can't be written.
      guard let outputs, case .success(true) = result.outcome else { return }
      let isNews = outputs.change(result.path) { $0.written = nil }
      logger.warning(phrase, [.role: outputs.role.name.description, .path: result.path])
      if isNews { changed(outputs.role.name, result.path) }
    }
  }

  /// Reports the orders that a disk has had for too long. What it does with them is reported when they return.
  private func reportStuck() {
    let limit = EventLoop.bootTime() - Self.stuckAfter
    guard let oldest = writer.pendingSince, oldest <= limit else { return }
    for outputs in kept.values {
      for (path, since) in outputs.files.pending(since: limit) where outputs.states[path]?.failure == nil {
        let error =
          "file '\(path)': its disk hasn't answered for more than 10 s; look at that file system: a server that is down, a freeze "
          + "(fsfreeze), the kernel's log (dmesg)"
        _ = outputs.change(path) { $0.failure = (error, Timestamp(microseconds: since)) }
        logger.error(
          "file not written yet, its disk doesn't answer", [.role: outputs.role.name.description, .reason: error])
        changed(outputs.role.name, path)
      }
    }
  }

  private func retry(at moment: Timestamp) {
    if let armed = retryTimer.deadline, armed <= moment.microseconds { return }
    retryTimer.arm(at: moment.microseconds)
  }

  /// Tries some of what failed, for each costs the loop a few system calls; the rest comes a second later.
  private func retryFailed() {
    let removals = failedRemovals
    failedRemovals = []
    for (removal, complaint) in removals { remove(removal, complaint: complaint) }
    let failing = kept.values.filter(\.isFailing)
    let share = failing.sorted { $0.lastTry < $1.lastTry }.prefix(Self.mostRetries)
    for outputs in share { bringUpToDate(outputs) }
    if failing.count > share.count { retry(at: Keeper.now() + .microseconds(Self.second)) }
  }

  /// Looks after a sixtieth of the roles, so that each has its turn in a minute and none makes the others wait.
  private func lookAfterSome() {
    lookAtUnbegun()
    reportStuck()
    if round.isEmpty { round = Array(kept.keys) }
    let share = min(round.count, (kept.count + Self.secondsPerRound - 1) / Self.secondsPerRound)
    for name in round.suffix(share) {
      if let outputs = kept[name], outputs.isBegun, !outputs.isFailing { bringUpToDate(outputs) }
    }
    round.removeLast(share)
    if !kept.isEmpty { roundTimer.arm(at: EventLoop.bootTime() + Self.second) }
  }

  /// Removes what an earlier process left as it lapses, within a second where no more than some hundred roles are so.
  private func lookAtUnbegun() {
    let share = Array(unbegun.prefix(Self.mostUnbegun))
    unbegun.removeFirst(share.count)
    for name in share {
      guard let outputs = kept[name], !outputs.isBegun else { continue }
      unbegun.append(name)
      if !outputs.isFailing { bringUpToDate(outputs) }
    }
  }
}
