package import Core
package import Logs
package import Refresh
import Secrets
package import Settings
package import Systemd

/// Records what the next process needs to know. Once the service manager has a store, a session is in it before anybody
/// gets it under a generation, and so is the fact that a session was condemned.
///
/// A store is begun by writing everything that is known, in slices between which the loop does other work
/// (`StoreDraft`). When it is complete, it is given to the service manager, and the previous store is removed. From
/// then on, each change is appended. When obsolete records take too much of the store (`StoreSize`), another store is
/// begun; until it is complete, changes are appended to both.
///
/// The stores of earlier processes are read-only, and no other store exists until this process's first one is complete.
/// If an earlier store exists, the rest of the first one is written before anything is published. If there is
/// none, as at the first start or after a failure, nothing is handed over until a store is complete.
///
/// If a store can't be written, it is out of date, so it is also removed from the service manager. A minute later,
/// another one is begun.
package final class HandoverWriter: DerivedObserver {
  /// What this process found in the stores of earlier processes.
  package struct Predecessors {
    package let names: [String]
    package let nextNumber: UInt64

    package init(names: [String] = [], nextNumber: UInt64 = 1) {
      self.names = names
      self.nextNumber = nextNumber
    }
  }

  private static let retryInterval: Int64 = 60_000_000

  /// What is known about the sources' keys.
  package var proofs: () -> [HandoverProof] = { [] }
  /// The units that have sessions of their own, and those of each.
  package var units: () -> [UnitName] = { [] }
  package var unitSessions: (UnitName) -> [HandoverUnitSession] = { _ in [] }

  /// Whether a role's services have to be reloaded for this generation.
  package var isReloadDue: (ManagedRole, _ generation: UInt64) -> Bool = { _, _ in false }

  private let capacity: (_ length: Int) -> Int
  private let boot: BootID
  private let refresher: Refresher
  private let manager: any DescriptorStore
  private let scheduler: any Scheduler
  private let log: Log
  private var turn: (any Deferral)!
  private var timer: (any Alarm)!

  /// The store that the service manager has, its length when it was complete, and the roles and shards whose records it has.
  private var current:
    (arena: SessionArena, name: String, settings: [Range<Int>], wholeLength: Int, known: Set<SessionKey>)?
  private var draft: StoreDraft?
  /// Names of stores at the service manager that are obsolete as soon as a store of this process is complete.
  private var superfluous: [String]
  private var nextNumber: UInt64
  /// The number of the first store that has, or will have, everything that this process publishes. If an earlier store
  /// is found, although its removal was requested, it lacks some of that.
  package private(set) var firstStore: UInt64
  private var isBegun = false

  /// All sessions up to this number are recorded; their numbers are in the order in which they are issued.
  private var lastRecorded: UInt64 = 0
  private var recordedClock: ServerClock.Estimate?
  private var recordedProofs: [String: HandoverProof] = [:]
  private var condemned: [(accessKeyID: String, expiration: UTCTime)]
  /// The roles some of whose services have yet to be reloaded.
  private var unitReloads: [RoleName: UnitReload]
  /// The settings in force, until they are in a store.
  private var newSettings: SettingsContent?
  private var settingsNumber: UInt32 = 0
  private var hasReportedFailure = false
  /// The records that are appended next.
  private var batch = RecordBatch()

  /// `state` is what earlier processes left, of which the condemned sessions and the reloads of services that weren't over go on.
  /// `capacity` returns the capacity of a store that replaces one of the given length in bytes.
  package init(
    boot: BootID, after predecessors: Predecessors, state: HandoverState? = nil, refresher: Refresher,
    manager: any DescriptorStore, scheduler: any Scheduler, log: Log,
    capacity: @escaping (_ length: Int) -> Int = { StoreSize.capacity(for: $0) }
  ) throws {
    self.capacity = capacity
    self.boot = boot
    self.refresher = refresher
    self.manager = manager
    self.scheduler = scheduler
    self.log = log
    superfluous = predecessors.names
    nextNumber = predecessors.nextNumber
    firstStore = predecessors.nextNumber
    condemned = (state?.condemned ?? [:]).sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    unitReloads = state?.unitReloads ?? [:]
    turn = scheduler.deferred { [unowned self] in continueDraft() }
    timer = try scheduler.timer(accuracy: 1_000_000) { [unowned self] in beginDraft() }
  }

  // MARK: - Changes

  /// Begins the first store, after all roles have been created.
  package func begin(settings: SettingsContent) {
    isBegun = true
    newSettings = settings
    unitReloads = unitReloads.filter { refresher.roles[$0.key] != nil }
    beginDraft()
  }

  /// New settings are in force.
  package func settingsChanged(_ content: SettingsContent) {
    guard isBegun else { return }
    newSettings = content
    // The parameters of sessions may have changed, so each role's record is written again.
    current?.known = []
    draft?.known = []
    append(settings: addSettings())
  }

  /// More may be known about a source's key than is recorded.
  package func proofsChanged() {
    guard isBegun else { return }
    addProofs()
    append()
  }

  /// The role was removed, or is about to start again without its sessions.
  package func forget(_ role: RoleName, generation: UInt64) {
    guard isBegun else { return }
    unitReloads[role] = nil
    remove(SessionKey(role: role), generation: generation)
  }

  package func didDrop(_ session: ManagedRole) {
    guard isBegun, session.key.shard != nil else { return }
    remove(session.key, generation: session.machine.generation)
  }

  private func remove(_ key: SessionKey, generation: UInt64) {
    batch.add(.roleRemoved(key.role, generation: generation), of: key)
    current?.known.remove(key)
    draft?.known.remove(key)
    append()
  }

  /// A unit is about to get a session that its invocation hasn't had.
  package func willHandOut(_ session: HandoverUnitSession) {
    guard isBegun else { return }
    finishFirstDraft()
    batch.add(.unitSession(session))
    append()
  }

  /// A service of the role needs no reload for this generation any more.
  package func unitReloaded(_ role: RoleName, generation: UInt64, _ unit: UnitName) {
    guard isBegun, let reload = unitReloads[role], reload.generation == generation, !reload.done.contains(unit) else {
      return
    }
    finishFirstDraft()
    unitReloads[role]?.done.insert(unit)
    batch.add(.unitReloaded(role, generation: generation, unit))
    append()
  }

  /// None of the role's services needs a reload any more.
  package func unitsReloaded(_ role: RoleName) {
    guard isBegun, unitReloads[role] != nil else { return }
    finishFirstDraft()
    unitReloads[role] = nil
    batch.add(.reloadOver(role))
    append()
  }

  package func willPublish(_ role: ManagedRole, generation: UInt64) {
    record(role, with: noteReload(of: role, generation: generation))
  }

  /// The record of what is to be done with the services of a role that is published under this generation; nil if the store has it.
  private func noteReload(of role: ManagedRole, generation: UInt64) -> HandoverRecord? {
    guard !role.isDerived else { return nil }
    let isDue = isReloadDue(role, generation)
    guard unitReloads[role.name]?.generation != (isDue ? generation : nil) else { return nil }
    unitReloads[role.name] = isDue ? UnitReload(generation: generation) : nil
    return isDue ? .reloadDue(role.name, generation: generation) : .reloadOver(role.name)
  }

  package func didWithdraw(_ role: ManagedRole) { record(role) }
  package func didReserve(_ role: ManagedRole) { recordNewSessions(of: role) }
  package func didAttempt(_ role: ManagedRole) { recordNewSessions(of: role) }

  package func didReport(_ report: RefreshReport, of role: ManagedRole) {
    guard case .condemned(let session, _) = report, !role.isDerived || role.key.shard != nil else { return }
    let now = refresher.clock.now(at: scheduler.time)
    condemned.removeAll { $0.expiration <= now }
    condemned.append((session.accessKeyID, session.expiration))
    record(role, with: .condemned(accessKeyID: session.accessKeyID, expiration: session.expiration))
  }

  // MARK: - Records

  private func recordNewSessions(of role: ManagedRole) {
    if role.machine.heldSessions.contains(where: { $0.number > lastRecorded }) { record(role) }
  }

  /// All records in one append: the store never has half a rotation.
  /// Sessions for tasks and users aren't recorded: whoever reads one fetches it.
  private func record(_ role: ManagedRole, with other: HandoverRecord? = nil) {
    let key = role.key
    guard isBegun, !key.isDerived || key.shard != nil else { return }
    finishFirstDraft()
    addClock()
    if let other { batch.add(other) }
    let isKnown = current?.known.contains(key) != false && draft?.known.contains(key) != false
    let last = batch.add(role, isNew: !isKnown, sessions: refresher.sessions, above: lastRecorded)
    lastRecorded = max(lastRecorded, last)
    if !isKnown {
      current?.known.insert(key)
      draft?.known.insert(key)
    }
    append()
  }

  /// Completes the first store before a change is recorded: the previous process's store would lack it.
  private func finishFirstDraft() {
    if current == nil, draft != nil, !superfluous.isEmpty { write(while: { true }) }
  }

  private func addClock() {
    let estimate = refresher.clock.estimate
    guard estimate != recordedClock else { return }
    recordedClock = estimate
    batch.add(.clock(estimate))
  }

  private func addProofs() {
    for proof in proofs() where recordedProofs[proof.source] != proof {
      recordedProofs[proof.source] = proof
      batch.add(.proof(proof))
    }
  }

  /// Adds settings that aren't in a store yet. Returns the ranges of their records in the batch.
  private func addSettings() -> [Range<Int>] {
    guard let content = newSettings else { return [] }
    settingsNumber += 1
    return batch.add(content, number: settingsNumber)
  }

  /// Appends the batch to the store that the service manager has, and to the draft. `settings` are the ranges of records
  /// that replace the settings in it.
  private func append(settings: [Range<Int>] = []) {
    guard !batch.isEmpty else { return }
    do throws(SessionArena.Failure) {
      if let arena = current?.arena {
        let start = arena.length
        try batch.append(to: arena)
        if !settings.isEmpty { current?.settings = settings.map { $0.moved(by: start) } }
      }
      if let arena = draft?.arena {
        let start = arena.length
        try batch.append(to: arena)
        if !settings.isEmpty { draft?.replaceSettings(by: settings.map { $0.moved(by: start) }) }
      }
    } catch {
      batch.clear()
      return giveUp(error)
    }
    batch.clear()
    if !settings.isEmpty, current != nil || draft != nil { newSettings = nil }
    if let current, draft == nil, current.arena.length > StoreSize.longest(wholeLength: current.wholeLength) {
      beginDraft()
    }
  }

  // MARK: - Beginning a store

  private func beginDraft() {
    defer { batch.clear() }
    do throws(SessionArena.Failure) {
      recordedClock = nil
      recordedProofs = [:]
      addClock()
      addProofs()
      batch.add(.generationFloor(refresher.generationFloor))
      for (role, generation) in refresher.generationsOfRemovedRoles {
        batch.add(.roleRemoved(role, generation: generation))
      }
      for (role, reload) in unitReloads {
        batch.add(.reloadDue(role, generation: reload.generation))
        for unit in reload.done { batch.add(.unitReloaded(role, generation: reload.generation, unit)) }
      }
      let now = refresher.clock.now(at: scheduler.time)
      for one in condemned where one.expiration > now {
        batch.add(.condemned(accessKeyID: one.accessKeyID, expiration: one.expiration))
      }
      let arena = try SessionArena(boot: boot, capacity: capacity(current?.arena.length ?? 0))
      try batch.append(to: arena)
      batch.clear()
      let settings = current == nil ? addSettings() : []
      draft = StoreDraft(
        arena, name: InheritedStore.name(of: nextNumber), roles: refresher.rolesInOrder.map(\.name),
        shards: refresher.shardKeys, units: units(), copyingSettings: current.map { ($0.arena, $0.settings) })
      nextNumber += 1
      if !batch.isEmpty {
        let start = arena.length
        try batch.append(to: arena)
        draft?.replaceSettings(by: settings.map { $0.moved(by: start) })
        newSettings = nil
      }
      turn.schedule()
    } catch { giveUp(error) }
  }

  private func continueDraft() {
    let end = scheduler.time + LoopSlice.length
    write(while: { scheduler.time < end })
    if draft != nil { turn.schedule() }
  }

  /// Writes the draft as long as `mayGoOn`, at least one piece.
  private func write(while mayGoOn: () -> Bool) {
    guard let draft else { return }
    do throws(SessionArena.Failure) {
      repeat {
        guard try draft.writeSome(of: refresher, unitSessions) else { return replaceCurrent(by: draft) }
      } while mayGoOn()
    } catch { giveUp(error) }
  }

  private func replaceCurrent(by whole: StoreDraft) {
    draft = nil
    lastRecorded = max(lastRecorded, whole.lastRecorded)
    manager.store(whole.arena.descriptor, named: whole.name, of: whole.arena)
    for name in superfluous { manager.remove(name) }
    superfluous = [whole.name]
    current = (whole.arena, whole.name, whole.settings, whole.arena.length, whole.known)
    if hasReportedFailure {
      hasReportedFailure = false
      log.write(.handoverWorksAgain)
    }
  }

  /// Removes all stores: no hand-over is better than an outdated one.
  private func giveUp(_ failure: SessionArena.Failure) {
    if newSettings == nil, let kept = current.map({ ($0.arena, $0.settings) }) ?? draft.map({ ($0.arena, $0.settings) })
    {
      newSettings = Self.settings(in: kept.0, at: kept.1)
    }
    draft = nil
    current = nil
    for name in superfluous { manager.remove(name) }
    superfluous = []
    firstStore = nextNumber
    if !hasReportedFailure {
      hasReportedFailure = true
      log.write(.handoverFails, [.reason("\(failure)"), .advice("it is tried again by itself each minute")])
    }
    timer.arm(at: scheduler.time.microseconds + Self.retryInterval)
  }
}

extension HandoverWriter {
  /// The settings whose records have these ranges.
  private static func settings(in arena: SessionArena, at ranges: [Range<Int>]) -> SettingsContent? {
    var state = HandoverState()
    for range in ranges {
      guard let record = arena.record(at: range) else { return nil }
      state.apply(record)
    }
    return state.settings
  }
}

/// The sizes of stores.
package enum StoreSize {
  /// The size that two stores should not exceed together, in bytes, while one replaces the other.
  static let preferred = 30_000_000

  /// How long a store with this length may become before another one is begun. Writing a store takes as long as tens of
  /// thousands of changes, so it may grow by a quarter and 1 MiB, or up to double while both together stay below the
  /// preferred size.
  static func longest(wholeLength: Int) -> Int {
    wholeLength + max(wholeLength / 4 + 1 << 20, min(wholeLength, preferred - 2 * wholeLength))
  }

  /// The capacity for a store with this length: four times as much and 64 MiB, enough for some 30,000 roles. This
  /// reserves addresses only; memory is used as the store fills.
  package static func capacity(for length: Int) -> Int { length * 4 + 64 << 20 }
}

extension Range<Int> {
  fileprivate func moved(by distance: Int) -> Range<Int> { lowerBound + distance..<upperBound + distance }
}
