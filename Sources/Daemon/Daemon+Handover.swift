import Core
import CredentialServer
import FileOutput
package import Handover
import Identities
import Logs
import Refresh
import RuntimeState
package import Settings
import Systemd
import UnitJobs

/// What a process gets from the ones before it, and leaves to the next.
package struct Inheritance {
  package let boot: BootID
  package let store: InheritedStore

  package init(boot: BootID, store: InheritedStore) {
    self.boot = boot
    self.store = store
  }

  /// The settings that were last in force.
  package var settings: SettingsContent? { store.state?.settings }
}

extension Daemon {
  /// Keeps all roles, with the sessions that an earlier process had of them. Nil is for a start without any.
  func keep(_ roles: [RoleSettings], after store: InheritedStore?) {
    for role in roles { outputs.keep(role) }
    let state = store?.state
    let isExact = store?.number.map { generations.isAll(inStore: $0) } ?? false
    if let state {
      refresher.goOnAbove(state.removedGenerations, others: state.generationFloor)
    }
    refresher.add(
      roles.map { role in
        let resumed = state?.resumed(role, isGenerationExact: isExact)
        // The number is exact, and to look at the files of thousands of roles takes long.
        let isKnown = resumed?.isGenerationExact == true
        if isKnown, !role.refreshUnits.isEmpty, let generation = resumed?.generation {
          resumeReload(of: role.name, generation: generation, state?.unitReloads[role.name])
        }
        return (role, isKnown ? 0 : outputs.snapshotNumber(of: role), resumed)
      })
    if let state {
      resumeShards(after: state, isGenerationExact: isExact)
      resumeUnits(after: state)
    }
    guard let state, state.sessionCount > 0 else { return }
    log.write(.sessionsTakenOver, [.count(refresher.sessionCount), .total(state.sessionCount)])
  }

  /// The hosts of a tier get the same sessions as before.
  private func resumeShards(after state: HandoverState, isGenerationExact: Bool) {
    for name in state.shards.keys.sorted() {
      guard let role = refresher.roles[name] else { continue }
      for (shard, resumed) in state.resumedShards(of: role.settings, isGenerationExact: isGenerationExact) {
        refresher.resume(shard: shard, of: role, resumed)
      }
    }
  }

  /// Only the units that an earlier process hasn't reloaded for this generation still have to be.
  private func resumeReload(of role: RoleName, generation: UInt64, _ reload: UnitReload?) {
    guard let reload else { return follower.wasPublished(role, generation: generation) }
    if reload.generation == generation { follower.wasReloaded(role, generation: generation, reload.done) }
  }

  /// Units that are being started get what they had, also where a role has gone on since.
  private func resumeUnits(after state: HandoverState) {
    for one in state.units.values.flatMap(\.sessions.values) {
      guard let role = refresher.roles[one.session.role], state.isGood(for: role.settings),
        let handout = refresher.handout(resuming: one.session, generation: one.generation, for: role),
        loop.time < handout.lapses
      else { continue }
      units.resume(UnitHandout(unit: one.unit, invocation: one.invocation, role: role.name, handout: handout))
    }
  }

  /// Records what happens from now on for the next process. Without a service manager nobody would keep it.
  func makeHandover(_ inheritance: Inheritance?) throws -> HandoverWriter? {
    guard let inheritance, ManagerDescriptorStore.hasManager else { return nil }
    let store = inheritance.store
    let writer = try HandoverWriter(
      boot: inheritance.boot,
      after: HandoverWriter.Predecessors(names: store.names, nextNumber: max(store.next, generations.nextStore)),
      state: store.state, refresher: refresher, manager: try ManagerDescriptorStore(scheduler: loop), scheduler: loop,
      log: log)
    writer.proofs = { [unowned self] in
      sources.values.sorted { $0.name < $1.name }.compactMap { source in
        (source as? AccessKeySource)?.keys.proof.map { HandoverProof($0, of: source.name) }
      }
    }
    writer.units = { [unowned self] in units.units }
    writer.unitSessions = { [unowned self] in units.handouts(to: $0).map { HandoverUnitSession($0) } }
    units.willHandOut = { [unowned writer] in writer.willHandOut(HandoverUnitSession($0)) }
    writer.isReloadDue = { [unowned self] in follower.isReloadDue($0, generation: $1) }
    unitRefresher.unitSettled = { [unowned self, unowned writer] role, generation, unit in
      if !follower.isWaiting(for: role) { writer.unitReloaded(role, generation: generation, unit) }
    }
    unitRefresher.settled = { [unowned self, unowned writer] role in
      if !follower.isWaiting(for: role) { writer.unitsReloaded(role) }
    }
    generations.firstStore = { [unowned writer] in writer.firstStore }
    return writer
  }
}

extension HandoverProof {
  fileprivate init(_ proof: KeyProof, of source: String) {
    self.init(
      source: source, accessKeyID: proof.accessKeyID, since: proof.since, proven: proof.proven,
      lastAccepted: proof.lastAccepted, arn: proof.arn, userID: proof.userID)
  }
}

extension HandoverUnitSession {
  fileprivate init(_ one: UnitHandout) {
    self.init(
      unit: one.unit, invocation: one.invocation, generation: one.handout.generation,
      session: one.handout.handedOver(of: one.role))
  }
}

extension KeyProof {
  init(_ proof: HandoverProof) {
    self.init(
      accessKeyID: proof.accessKeyID, since: proof.since, proven: proof.proven, lastAccepted: proof.lastAccepted,
      arn: proof.arn, userID: proof.userID)
  }
}
