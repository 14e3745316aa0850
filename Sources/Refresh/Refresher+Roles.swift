package import Core
import SessionStore
package import Settings
import Systemd

/// Roles and derived sessions come, change and go.
extension Refresher {
  /// Roles of these names that are added later go on above these generations, and all others above `floor`.
  package func goOnAbove(_ generations: [RoleName: UInt64], others floor: UInt64 = 0) {
    generationsOfRemovedRoles.merge(generations) { max($0, $1) }
    generationFloor = max(generationFloor, floor)
  }

  /// Begins to keep a role; its first attempt is queued at once. `generation` is the number before its first rotation.
  package func add(_ settings: RoleSettings, generation: UInt64 = 0) {
    let known = generationsOfRemovedRoles.removeValue(forKey: settings.name) ?? generationFloor
    send(.started, to: make(settings, generation: max(generation, known)))
  }

  /// The same for all roles at once, some of which go on with what an earlier process held. Nothing is published before all of them are here.
  package func add(_ all: [(settings: RoleSettings, generation: UInt64, resuming: ResumedRole?)]) {
    let made = all.map { one in
      let known = generationsOfRemovedRoles.removeValue(forKey: one.settings.name) ?? generationFloor
      let generation =
        // What readers know a session by is exact, and a process before may have set numbers aside that it never used.
        if let resumed = one.resuming, resumed.isGenerationExact {
          resumed.generation
        } else {
          max(one.generation, known, one.resuming?.generation ?? 0)
        }
      return make(one.settings, generation: generation)
    }
    for (role, one) in zip(made, all) {
      guard let resumed = one.resuming else {
        deliver(.started, to: role)
        continue
      }
      begin(role, with: resumed)
    }
    pump()
  }

  /// The first event of a role, or of a derived session, that goes on with what an earlier process held.
  func begin(_ role: ManagedRole, with resumed: ResumedRole) {
    role.issued = resumed.issued
    deliver(.resumed(admit(resumed)), to: role)
    if resumed.isRequestChanged { deliver(.requestChanged, to: role) }
  }

  /// Takes the secrets in of what an earlier process held.
  private func admit(_ resumed: ResumedRole) -> HeldSessions {
    var held = HeldSessions()
    for old in resumed.sessions {
      let id = sessions.add(
        accessKeyID: old.accessKeyID, accessKeySecret: old.accessKeySecret, securityToken: old.securityToken,
        expiration: old.expiration, issued: old.issued)
      var session = Session(old, id: id)
      // The wall clock may have been set since.
      if !clock.estimate.isFromServer { session.judge(by: clock) }
      if old.number == resumed.published && resumed.isGenerationExact { held.published = id }
      if old.isReserved { held.reserved = session } else { held.pool.append(session) }
    }
    return held
  }

  /// A role in its place, to which nothing has happened yet.
  private func make(_ settings: RoleSettings, generation: UInt64) -> ManagedRole {
    let machine = RefreshMachine(
      timing: settings.timing, attemptLimit: attemptLimit, generation: generation, at: scheduler.time)
    if settings.namesUnits { rolesNamingUnits += 1 }
    rolesWithoutOutcome += 1
    let role = table.insert { slot in ManagedRole(settings, machine: machine, slot: slot) }
    // The service's start waits for it.
    if settings.isRequired { readersWait(for: role) }
    return role
  }

  package func remove(_ name: RoleName) {
    if let role = roles[name] { dropDerived(of: role) }
    guard let role = table.remove(name) else { return }
    generationsOfRemovedRoles[name] = role.machine.generation
    if !role.hasHadOutcome { rolesWithoutOutcome -= 1 }
    if role.settings.namesUnits { rolesNamingUnits -= 1 }
    forget(role)
  }

  func forget(_ role: ManagedRole) {
    schedule.remove(role.slot)
    cancelCall(of: role)
    for id in role.machine.heldSessions { sessions.remove(id) }
  }

  /// A derived session in its place, to which nothing has happened yet.
  func insert(_ settings: RoleSettings, _ machine: RefreshMachine, _ derived: Derived) -> ManagedRole {
    let session = table.insertDerived { slot in
      ManagedRole(settings, machine: machine, slot: slot, kinship: .derived(derived))
    }
    // No start waits for it.
    session.hasHadOutcome = true
    return session
  }

  /// Takes a derived session out.
  func release(_ session: ManagedRole) {
    table.removeDerived(session)
    forget(session)
  }

  package func note(of role: ManagedRole) -> Int { table.note(of: role) }

  package func forgetNotes() { table.forgetNotes() }

  package func role(noted note: Int) -> ManagedRole? { table.role(noted: note) }

  /// Goes on with other settings for a role whose sessions stay good.
  package func change(_ role: ManagedRole, to settings: RoleSettings) {
    let difference = settings.difference(from: role.settings)
    rolesNamingUnits += (settings.namesUnits ? 1 : 0) - (role.settings.namesUnits ? 1 : 0)
    let old = role.settings
    role.settings = settings
    reviewDerived(of: role, since: old)
    guard difference.consequences.contains(.changesTiming) else { return }
    role.current?.judge(by: clock, timing: settings.timing)
    send(.timingChanged(settings.timing), to: role)
  }
}
