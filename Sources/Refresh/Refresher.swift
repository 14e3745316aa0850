import CloudAPI
package import Core
package import Logs
import Secrets
package import SessionStore
import Settings
package import Systemd
import Wire

/// Drives the machines of all roles: performs their effects on the loop and feeds the outcomes back.
///
/// One timer serves all roles, by the schedule that they share.
package final class Refresher {
  private struct Observing {
    unowned let observer: any RoleObserver
  }
  private struct ObservingDerived {
    weak var observer: (any DerivedObserver)?
  }

  var table = RoleTable()
  package var roles: [RoleName: ManagedRole] { table.byName }
  package var rolesInOrder: [ManagedRole] { table.inOrder }
  private var observing: [Observing] = []
  private var observingDerived: [ObservingDerived] = []
  /// The highest generation of the derived sessions that were dropped, of whatever role.
  var lastDerivedGeneration: UInt64 = 0
  /// Which user has had a name, in this process.
  var labelOwners: [String: UInt32] = [:]
  /// How many calls for derived sessions are under way.
  var derivedInFlight = 0
  /// Whether somebody follows the events of a derived session, which isn't dropped then.
  package var isWatched: (SessionKey) -> Bool = { _ in false }
  var hasReportedUnlockedSecrets = false
  var schedule: HostSchedule
  package internal(set) var inFlight = 0
  /// How many roles' first attempt has had no outcome yet.
  package internal(set) var rolesWithoutOutcome = 0
  /// How many roles name units among their readers.
  package internal(set) var rolesNamingUnits = 0

  /// Who issues sessions; another one from a reload on, while what is under way ends with the old one.
  package var issuer: (any SessionIssuer)!
  /// Who checks sessions; replaced as `issuer` is.
  package var checker: (any SessionChecker)?
  /// Whether a source's first credential is still being fetched: what its roles want to fetch waits for that, and costs no attempt.
  package var isAwaited: (_ source: String) -> Bool = { _ in false }
  /// Called when the estimate of the server's time has changed by more than answers' jitter.
  package var clockCorrected: () -> Void = {}
  var waitingChecks: [Check] = []
  var checksUnderWay = 0
  /// After how long a request without an outcome counts as failed.
  package var attemptLimit: Duration {
    didSet { for role in table.all { role.machine.attemptLimit = attemptLimit } }
  }
  let scheduler: any Scheduler
  let log: Log
  private var timer: (any Alarm)!
  /// When unused derived sessions are looked for.
  private(set) var sweep: (any Alarm)!
  /// The latest generations of roles that were removed, by this process or one before it: a name's number never goes back.
  package internal(set) var generationsOfRemovedRoles: [RoleName: UInt64] = [:]
  /// What no new name's number is below.
  package internal(set) var generationFloor: UInt64 = 0
  /// The secrets of the sessions that the machines hold, of these and no others.
  package internal(set) var sessions = LiveSessions()
  var chance = SystemChance()
  /// The wall clock's lead over the boot clock, in microseconds.
  private var wallOffset: Int64
  var needsConfirmation = false
  /// When the settings last named another way to STS.
  var peerChangedAt: Timestamp?

  /// `attemptLimit` is after how long a request without an outcome counts as failed.
  package init(
    scheduler: any Scheduler, queue: FetchQueue, clock: ServerClock, attemptLimit: Duration, log: Log
  ) throws {
    schedule = HostSchedule(queue: queue, clock: clock)
    // Before the server's time is known the clock is the wall's.
    wallOffset =
      clock.estimate.isFromServer
      ? scheduler.wallMicroseconds - scheduler.time.microseconds
      : clock.now(at: scheduler.time).seconds * 1_000_000 - scheduler.time.microseconds
    self.attemptLimit = attemptLimit
    self.log = log
    self.scheduler = scheduler
    timer = try scheduler.timer(accuracy: 1000) { [unowned self] in turn() }
    sweep = try scheduler.timer(accuracy: 1_000_000) { [unowned self] in dropUnused() }
  }

  /// From now on these learn what becomes of roles, in this order; they outlive the refresher.
  package func setObservers(_ observers: [any RoleObserver]) { observing = observers.map { Observing(observer: $0) } }

  /// From now on this learns what becomes of derived sessions, after those that were named before.
  package func observeDerived(by observer: any DerivedObserver) {
    observingDerived.append(ObservingDerived(observer: observer))
  }

  // MARK: - What holds roles back is over

  /// What held roles back may be over: those whose source isn't awaited any more take their place in the queue. Nil is for all sources.
  package func releaseHeld(of source: String? = nil) {
    for role in table.all where source == nil || role.settings.source == source {
      if let held = role.heldFetch { perform(held, for: role) }
    }
    pump()
  }

  package var now: Timestamp { scheduler.time }

  /// Another credential is in use: roles that failed with the old one try at once, and so do those whose call under way still
  /// fails with it.
  package func sourceChanged(_ name: String) {
    for role in table.all where role.settings.source == name {
      if let held = role.heldFetch { perform(held, for: role) }
      deliver(.mayBeFixed, to: role)
    }
    pump()
  }

  /// STS accepts the source's key again: roles that failed because of it try at once, and nothing changes for the others.
  package func keyAcceptedAgain(_ name: String) {
    for role in table.all where role.settings.source == name && role.machine.lastFailure?.blamesAccessKey == true {
      deliver(.mayBeFixed, to: role)
    }
    pump()
  }

  /// The tier of a source has answered: roles for which `hasNews` get another session, and those that failed may do so no longer.
  package func tierAnswered(_ source: String, hasNews: (ManagedRole) -> Bool) {
    for role in table.all where role.settings.source == source {
      if let held = role.heldFetch { perform(held, for: role) }
      if hasNews(role) {
        deliver(.refreshRequested, to: role)
      } else if role.machine.lastFailure != nil {
        deliver(.mayBeFixed, to: role)
      }
    }
    pump()
  }

  /// After a start no machine of the tier `source` has answered: roles with sessions of a process before this one ask now, since the next attempt
  /// of each follows from how long its session lives, and a fallback may be due long before.
  package func tierFailedFirst(_ source: String) {
    for role in table.all where role.settings.source == source && role.machine.latest != nil {
      deliver(.refreshRequested, to: role)
    }
    pump()
  }

  /// STS is asked by another way from now on: nobody waits any more for what was asked for on the old one.
  package func peerChanged() {
    peerChangedAt = scheduler.time
    schedule.release()
    sendToAll(.peerChanged)
  }

  /// An administrator asks for a session, though STS asked to be left alone.
  package func refresh(_ role: ManagedRole) {
    schedule.release()
    issuer.askAgain(for: role.settings)
    send(.refreshRequested, to: role)
  }

  package func setRate(_ rate: Double, burst: Int) {
    schedule.setRate(rate, burst: burst, at: scheduler.time)
    pump()
  }

  // MARK: - Events from outside

  /// Feeds an event to one role and performs what follows.
  package func send(_ event: RefreshEvent, to role: ManagedRole) {
    deliver(event, to: role)
    pump()
  }

  package func sendToAll(_ event: RefreshEvent) {
    for role in table.all { deliver(event, to: role) }
    pump()
  }

  /// The wall clock was stepped: it counts until the server's time is known, and every role is checked again.
  ///
  /// The reason may also be that the host was paused, so that its boot clock lacks that time. Only STS knows, so every role asks it.
  package func wallClockStepped(toMicroseconds wall: Int64) {
    let now = scheduler.time
    let offset = wall - now.microseconds
    let jump = abs(offset - wallOffset)
    wallOffset = offset
    schedule.wallClockStepped(toMicroseconds: wall, at: now)
    clockCorrected()
    sendToAll(.clockCorrected(clock))
    if jump > ServerClock.agreement.microseconds { sendToAll(.refreshRequested) }
  }

  /// The instant that is most overdue although nothing is under way for it; nil when none is.
  package func unservedSince(_ now: Timestamp) -> Timestamp? { schedule.unservedSince(now) }

  /// The calls per second that are allowed now.
  package var currentRate: Double { schedule.currentRate(at: scheduler.time) }

  /// What the role can do for a reader at `now`, at the rate that the daemon has.
  package func offer(of role: ManagedRole, to query: ReaderQuery, at now: Timestamp) -> Offer {
    if !role.isValid(at: now) { readersWait(for: role) }
    return role.machine.offer(to: query, at: now, chances: schedule.chances(of: role.slot, at: now))
  }

  /// The server's time.
  package var clock: ServerClock { schedule.clock }

  /// How many attempts wait for their turn.
  package var queued: Int { schedule.queue.count }

  // MARK: - The loop's side

  /// One step: fires the timers of the roles whose instants have come, and starts what the queue lets go.
  package func turn() {
    let now = scheduler.time
    // Bounded work a turn: a host that slept wakes with every role due at once.
    for _ in 0..<256 {
      guard let slot = schedule.nextDue(at: now) else { break }
      if let role = table[slot] { deliver(.timerFired, to: role) }
    }
    pump()
  }

  /// Starts what the queue lets go, and arms the timer for whatever comes next.
  package func pump() {
    guard let issuer else { return }
    var now = scheduler.time
    startChecks(at: now)
    while issuer.hasRoom, let ticket = schedule.nextCall(at: now) {
      guard let role = table[ticket.role] else { continue }
      start(ticket, of: role, by: issuer, at: now)
      now = scheduler.time
      startChecks(at: now)
    }
    issuer.moreWait(schedule.hasQueued())
    if let next = schedule.wakeUp(at: now, hasRoom: issuer.hasRoom) {
      if timer.deadline != next.microseconds { timer.arm(at: next.microseconds) }
    } else {
      timer.disarm()
    }
  }

  // MARK: - Effects

  func deliver(_ event: RefreshEvent, to role: ManagedRole) {
    // Another role may be in the place of one that was removed.
    guard table[role.slot] === role else { return }
    if case .clockCorrected(let clock) = event {
      role.current?.judge(by: clock, timing: role.settings.timing)
    }
    let now = scheduler.time
    let effects = role.machine.handle(event, at: now, using: &chance)
    if !role.hasHadOutcome, role.machine.hasHadOutcome {
      role.hasHadOutcome = true
      rolesWithoutOutcome -= 1
    }
    for effect in effects { perform(effect, for: role) }
    assert(holdsSecretsOfAll(role), "role '\(role.name)': its machine and the store differ")
    assert(schedule.instant(of: role.slot) == role.machine.armed, "role '\(role.name)': its timer isn't its machine's")
    for effect in effects { notify(of: effect, role) }
    for case .report(let report) in effects {
      log.write(report, of: role, at: now)
      notify(role) { $0.didReport(report, of: role) }
    }
  }

  /// Whether the secrets of all sessions that the role's machine holds are here.
  private func holdsSecretsOfAll(_ role: ManagedRole) -> Bool {
    role.machine.heldSessions.allSatisfy(sessions.contains)
  }

  /// How many sessions there are.
  package var sessionCount: Int { sessions.count }

  /// Whether the machines hold the sessions whose secrets are here, and no others; for tests.
  package var holdsExactlyTheMachinesSessions: Bool {
    let held = table.all.flatMap(\.machine.heldSessions)
    return held.count == sessions.count && held.allSatisfy(sessions.contains)
  }

  func perform(_ effect: RefreshEffect, for role: ManagedRole) {
    if case .fetch = effect {
      role.heldFetch = role.awaitsRead || isAwaited(role.settings.source) ? effect : nil
      if role.heldFetch != nil { return }
    }
    if schedule.perform(effect, of: role.slot, isDerived: role.isDerived) { return }
    switch effect {
    case .fetch, .arm, .hold, .offerReserved, .report: break
    case .abandon:
      cancelCall(of: role)
      role.changeOutcomes { $0.count("Abandoned") }
    case .publish(let session, let generation): publish(session, generation: generation, of: role)
    case .withdraw: role.current = nil
    case .renewSource: issuer.renewIdentity(of: role.settings)
    case .discard(let id): sessions.remove(id)
    }
  }

  /// Whoever is called here may send the role another event: all that this one changed is in place.
  private func notify(of effect: RefreshEffect, _ role: ManagedRole) {
    switch effect {
    case .fetch, .arm, .hold, .renewSource, .discard, .report: break
    case .abandon: notify(role) { $0.didAttempt(role) }
    // Unless it lapsed in the same turn.
    case .publish(let session, _):
      if role.machine.publishedID == session.id { notify(role) { $0.didPublish(role) } }
    case .withdraw: if role.machine.publishedID == nil { notify(role) { $0.didWithdraw(role) } }
    case .offerReserved: notify(role) { $0.didReserve(role) }
    }
  }

  func notify(_ role: ManagedRole, _ body: (any RoleObserver) -> Void) {
    if role.isDerived {
      notifyDerived(body)
    } else {
      for one in observing { body(one.observer) }
    }
  }

  func notifyDerived(_ body: (any DerivedObserver) -> Void) {
    for one in observingDerived { if let observer = one.observer { body(observer) } }
  }
}
