import CloudAPI
package import Core
package import Logs
import Secrets
package import SessionStore
package import Settings
package import Systemd
package import Wire

/// Drives the machines of all roles: performs their effects on the loop and feeds the outcomes back.
///
/// One timer serves all roles, by the schedule that they share.
package final class Refresher {
  private struct Observing {
    unowned let observer: any RoleObserver
  }

  private(set) var table = RoleTable()
  package var roles: [RoleName: ManagedRole] { table.byName }
  package var rolesInOrder: [ManagedRole] { table.inOrder }
  private var observing: [Observing] = []
  /// Learns what becomes of derived sessions.
  package weak var derivedObserver: (any DerivedObserver)?
  /// The highest generation of the derived sessions that were dropped, of whatever role.
  var lastDerivedGeneration: UInt64 = 0
  /// Which user has had a name, in this process.
  var labelOwners: [String: UInt32] = [:]
  /// How many calls for derived sessions are under way.
  private var derivedInFlight = 0
  /// The most at a time, of the client's 16: the others are for roles.
  static let mostDerivedInFlight = 12
  /// Whether somebody follows the events of a derived session, which isn't dropped then.
  package var isWatched: (SessionKey) -> Bool = { _ in false }
  private var hasReportedUnlockedSecrets = false
  var schedule: HostSchedule
  package private(set) var inFlight = 0
  /// How many roles' first attempt has had no outcome yet.
  package private(set) var rolesWithoutOutcome = 0
  /// How many roles name units among their readers.
  package private(set) var rolesNamingUnits = 0

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
  package private(set) var generationsOfRemovedRoles: [RoleName: UInt64] = [:]
  /// What no new name's number is below.
  package private(set) var generationFloor: UInt64 = 0
  /// The secrets of the sessions that the machines hold, of these and no others.
  package internal(set) var sessions = LiveSessions()
  var chance = SystemChance()
  /// The wall clock's lead over the boot clock, in microseconds.
  private var wallOffset: Int64
  private var needsConfirmation = false
  /// When the settings last named another way to STS.
  private var peerChangedAt: Timestamp?

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

  // MARK: - Roles come and go

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
      role.issued = resumed.issued
      deliver(.resumed(admit(resumed)), to: role)
      if resumed.isRequestChanged { deliver(.requestChanged, to: role) }
    }
    pump()
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

  private func forget(_ role: ManagedRole) {
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

  /// Counts a call that begins or ends.
  private func count(_ change: Int, of role: ManagedRole) {
    inFlight += change
    guard role.isDerived else { return }
    derivedInFlight += change
    schedule.setDerivedWait(derivedInFlight >= Self.mostDerivedInFlight)
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

  private func start(_ ticket: FetchQueue.Ticket, of role: ManagedRole, by issuer: any SessionIssuer, at now: Timestamp)
  {
    deliver(.attemptStarted(ticket.attempt), to: role)
    guard let attempt = role.machine.attempt, attempt.id == ticket.attempt else { return }
    count(1, of: role)
    let order = SessionRequest(
      role: role.settings, slot: role.issued % role.settings.timing.pool, duration: attempt.duration,
      date: clock.dateForSigning(at: now), sourceIdentity: role.sourceIdentity,
      isReservation: attempt.purpose == .reservation)
    let id = issuer.issue(order) { [unowned self, unowned role] outcome in
      role.call = nil
      count(-1, of: role)
      land(outcome, of: attempt, for: role)
      pump()
    }
    role.call = (id, issuer)
  }

  private func land(_ outcome: IssueOutcome, of attempt: Attempt, for role: ManagedRole) {
    guard table[role.slot] === role else { return }
    if outcome.fromTier != nil { schedule.learnNothing(at: scheduler.time) }
    switch outcome.result {
    case _ where outcome.fromTier?.isUnchanged == true:
      role.changeOutcomes { $0.count("Unchanged") }
      if let date = outcome.date, let latest = role.machine.latest {
        weigh(
          date, expiration: latest.expiration, whole: .seconds(latest.expiration.seconds - latest.issued.seconds),
          sent: outcome.sent)
      }
      deliver(.unchanged(attempt.id), to: role)
      finish(outcome, of: role)
    case .granted(let assumed):
      role.changeOutcomes { $0.countSuccess() }
      if outcome.fromTier == nil { schedule.learnSuccess(of: role.slot, sent: outcome.sent) }
      role.issued += 1
      let asked = outcome.fromTier?.life ?? outcome.asked ?? attempt.duration
      deliver(.succeeded(attempt.id, admit(assumed, asked: asked, from: outcome, for: role)), to: role)
      finish(outcome, of: role)
    case .refused(var failure):
      // To wait was about the endpoint that was asked.
      if let peerChangedAt, outcome.sent <= peerChangedAt { failure = failure.withoutWait }
      role.changeOutcomes { $0.count(failure.code) }
      if outcome.fromTier == nil {
        schedule.learn(
          from: failure, of: role.slot, date: outcome.date, sent: outcome.sent, at: scheduler.time, using: &chance)
      }
      deliver(.failed(attempt.id, attempt.purpose == .reservation ? failure.ofReservation : failure), to: role)
    }
    notify(role) { $0.didAttempt(role) }
  }

  /// When the next attempt is made after one that succeeded.
  private func finish(_ outcome: IssueOutcome, of role: ManagedRole) {
    if let next = outcome.next { deliver(.scheduled(next), to: role) }
    guard needsConfirmation else { return }
    needsConfirmation = false
    issuer.askAgain(for: role.settings)
    deliver(.refreshRequested, to: role)
  }

  /// Takes a session's secrets in, and weighs its answer's date.
  private func admit(_ assumed: AssumedSession, asked: Duration, from outcome: IssueOutcome, for role: ManagedRole)
    -> Session
  {
    if let date = outcome.date {
      // What a tier hands out was issued before, for longer.
      let whole = assumed.issued.map { Duration.seconds(assumed.expiration.seconds - $0.seconds) } ?? asked
      weigh(date, expiration: assumed.expiration, whole: whole, sent: outcome.sent)
    }
    let issued = min(assumed.issued ?? clock.noLater(than: outcome.sent), assumed.expiration)
    let id = sessions.add(
      accessKeyID: assumed.accessKeyID, accessKeySecret: assumed.accessKeySecret, securityToken: assumed.securityToken,
      expiration: assumed.expiration, issued: issued)
    return Session(
      id: id, accessKeyID: assumed.accessKeyID, expiration: assumed.expiration, issued: issued, sent: outcome.sent,
      asked: asked, clock: clock)
  }

  /// `whole` is how long a session that ends at `expiration` was issued for.
  private func weigh(_ date: UTCTime, expiration: UTCTime, whole: Duration, sent: Timestamp) {
    switch schedule.weigh(date: date, expiration: expiration, asked: whole, sent: sent) {
    case .agrees: break
    case .refutes:
      clockCorrected()
      for role in table.all { deliver(.clockCorrected(clock), to: role) }
    case .corrects(let shift):
      log.write(.clockDiffers, [.seconds(shift), .advice("look at this host's time synchronisation")])
      clockCorrected()
      for role in table.all { deliver(.clockCorrected(clock), to: role) }
    case .odd(let isNews, let isToBeConfirmed):
      // The next answer confirms it or not: better soon than at the next step.
      needsConfirmation = isToBeConfirmed
      if isNews { log.write(.dateNotBelieved) }
    }
  }

  // MARK: - Effects

  private func deliver(_ event: RefreshEvent, to role: ManagedRole) {
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

  private func notify(_ role: ManagedRole, _ body: (any RoleObserver) -> Void) {
    if role.isDerived {
      if let derivedObserver { body(derivedObserver) }
      return
    }
    for one in observing { body(one.observer) }
  }

  /// Hands a session out from now on. Its document is rendered once, and is where its secrets are until another takes its place.
  private func publish(_ session: Session, generation: UInt64, of role: ManagedRole) {
    notify(role) { $0.willPublish(role, generation: generation) }
    let old = role.current
    role.generation = generation
    role.hasHadSession = true
    // Nobody may read a derived session that was in use an hour ago: its document is made when somebody does.
    role.current = role.isDerived && old == nil ? nil : published(session, of: role)
    if let old, old.session.id != session.id { sessions.pack(old.session.id) }
    reportUnlockedSecrets()
  }

  /// The document of the role's published session, where its secrets are from now on.
  func published(_ session: Session, of role: ManagedRole) -> Handout? {
    sessions[session.id]?.document().map { document in
      sessions.move(
        session.id, into: document.bytes, accessKeySecretAt: document.accessKeySecretAt,
        securityTokenAt: document.securityTokenAt)
      return Handout(document, of: session, generation: role.generation, timing: role.settings.timing)
    }
  }

  /// Once: what is true of some secrets will be of others.
  private func reportUnlockedSecrets() {
    guard !hasReportedUnlockedSecrets, SecretMemory.figures.unlocked > 0 else { return }
    hasReportedUnlockedSecrets = true
    log.write(
      .secretsNotLocked,
      [
        .advice(
          "raise LimitMEMLOCK= of the unit (sudo systemctl edit rolekeeper, then sudo systemctl restart rolekeeper), or encrypt the swap"
        )
      ])
  }

  /// What a read of one of the role's sessions gets: what plain reads get if it is that one, else a document made for this read.
  package func handout(of session: Session, for role: ManagedRole) -> Handout? {
    if role.isDerived { touch(role, at: scheduler.time) }
    if let current = role.current, current.session.id == session.id { return current }
    return sessions[session.id]?.document().map { document in
      Handout(document, of: session, generation: nil, timing: role.settings.timing)
    }
  }

  /// The credential of a session, with copies of its secrets, which the caller should release soon; nil if it isn't held.
  package func credential(of session: Session) -> SessionCredential? { sessions[session.id]?.credential() }

  /// What an earlier process handed out and somebody is to have again, be it still the role's or not.
  package func handout(resuming old: HandoverSession, generation: UInt64?, for role: ManagedRole) -> Handout? {
    if let current = role.current, current.session.accessKeyID == old.accessKeyID { return current }
    let held = (role.machine.pooled + [role.machine.reserved].compactMap { $0 }).first {
      $0.accessKeyID == old.accessKeyID
    }
    if let held { return handout(of: held, for: role) }
    var session = Session(old, id: sessions.nameOfAnother())
    if !clock.estimate.isFromServer { session.judge(by: clock) }
    return SessionCredential(
      accessKeyID: old.accessKeyID, accessKeySecret: old.accessKeySecret, securityToken: old.securityToken,
      expiration: old.expiration, issued: old.issued
    ).map { Handout($0.document(), of: session, generation: generation, timing: role.settings.timing) }
  }

  private func cancelCall(of role: ManagedRole) {
    guard let call = role.call else { return }
    role.call = nil
    count(-1, of: role)
    call.issuer.cancel(call.id)
  }
}
