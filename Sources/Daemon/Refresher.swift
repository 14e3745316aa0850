import CloudAPI
package import Core
package import EventLoop
package import Logging
package import Settings

/// Drives the machines of all roles: performs their effects on the loop and feeds the outcomes back.
///
/// One timer serves all roles, by the schedule that they share.
package final class Refresher {
  /// What the rest of the daemon is told; called after the role's state has changed.
  package struct Observers {
    package var published: (KeptRole) -> Void = { _ in }
    package var withdrawn: (KeptRole) -> Void = { _ in }
    package var reserved: (KeptRole) -> Void = { _ in }
    /// An attempt had an outcome, good or bad.
    package var attempted: (KeptRole) -> Void = { _ in }
    /// The machine reported what the journal was told.
    package var reported: (KeptRole, RefreshReport) -> Void = { _, _ in }

    package init() {}
  }

  package private(set) var roles: [RoleName: KeptRole] = [:]
  package var observers = Observers()
  private var schedule: HostSchedule
  package private(set) var inFlight = 0
  /// How many roles' first attempt has had no outcome yet.
  package private(set) var rolesWithoutOutcome = 0

  /// Who draws; another one from a reload on, while what is under way ends with the old one.
  package var source: (any SessionDrawing)!
  /// When a draw without an outcome counts as failed.
  package var attemptLimit: Duration {
    didSet { for role in roles.values { role.machine.attemptLimit = attemptLimit } }
  }
  private let time: () -> Timestamp
  private let logger: Logger
  private var timer: TimerSource!
  private var slots: [KeptRole?] = []
  private var freeSlots: [Int] = []
  /// Of roles that were removed: a name's number never goes back.
  private var lastGenerations: [RoleName: UInt64] = [:]
  private var sessions: UInt64 = 0
  private var chance = SystemRandomNumberGenerator()
  /// The wall clock's lead over the boot clock, in microseconds.
  private var wallOffset: Int64
  private var wantsConfirmation = false
  private var heads = HandoutHeads()
  /// The session that has just come, while its role's machine says what becomes of it. Afterwards its secrets are in its hand-out
  /// alone.
  private var arrival: (id: SessionID, session: AssumedSession)?

  /// `time` reads CLOCK_BOOTTIME afresh; `attemptLimit` is when a draw without an outcome counts as failed.
  package init(
    loop: EventLoop, queue: FetchQueue, clock: ServerClock, attemptLimit: Duration, logger: Logger,
    time: @escaping () -> Timestamp
  ) throws {
    schedule = HostSchedule(queue: queue, clock: clock)
    wallOffset = clock.now(at: time()).seconds * 1_000_000 - time().microseconds
    self.attemptLimit = attemptLimit
    self.logger = logger
    self.time = time
    timer = try TimerSource(loop, accuracy: 1000) { [unowned self] in turn() }
  }

  // MARK: - Roles come and go

  /// Begins to keep a role; its first attempt is queued at once. `generation` is the number before its first rotation.
  package func add(_ settings: RoleSettings, generation: UInt64 = 0) {
    let generation = max(generation, lastGenerations[settings.name] ?? 0)
    let machine = RefreshMachine(
      timing: settings.timing, attemptLimit: attemptLimit, generation: generation, at: time())
    let role = KeptRole(settings, machine: machine, slot: freeSlots.popLast() ?? slots.count)
    roles[role.name] = role
    rolesWithoutOutcome += 1
    if role.slot == slots.count { slots.append(role) } else { slots[role.slot] = role }
    send(.started, to: role)
  }

  package func remove(_ name: RoleName) {
    guard let role = roles.removeValue(forKey: name) else { return }
    lastGenerations[name] = role.machine.generation
    if !role.machine.hasHadOutcome { rolesWithoutOutcome -= 1 }
    slots[role.slot] = nil
    freeSlots.append(role.slot)
    schedule.remove(role.slot)
    cancelDraw(of: role)
  }

  /// Goes on with other settings for a role whose sessions stay good.
  package func change(_ role: KeptRole, to settings: RoleSettings) {
    let old = role.settings
    role.settings = settings
    guard old.timing != settings.timing else { return }
    role.current?.judge(by: clock, timing: settings.timing)
    role.reserved?.judge(by: clock, timing: settings.timing)
    send(.timingChanged(settings.timing), to: role)
  }

  /// Another AccessKey is in use: roles that failed with the old one try at once, and so do those whose call under way still
  /// fails with it.
  package func sourceChanged(_ name: String) {
    for role in roles.values where role.settings.source == name { deliver(.cureSuspected, to: role) }
    pump()
  }

  package func setRate(_ rate: Double, burst: Int) {
    schedule.setRate(rate, burst: burst, at: time())
    pump()
  }

  // MARK: - Events from outside

  /// Feeds an event to one role and performs what follows.
  package func send(_ event: RefreshEvent, to role: KeptRole) {
    deliver(event, to: role)
    pump()
  }

  package func sendToAll(_ event: RefreshEvent) {
    for role in roles.values { deliver(event, to: role) }
    pump()
  }

  /// The wall clock was stepped: it counts until the server's time is known, and every role is looked at again.
  ///
  /// A jump may also be a host that was paused, whose boot clock misses the time: only STS can tell, so every role asks it.
  package func wallClockStepped(toMicroseconds wall: Int64) {
    let now = time()
    let offset = wall - now.microseconds
    let jump = abs(offset - wallOffset)
    wallOffset = offset
    schedule.wallClockStepped(toMicroseconds: wall, at: now)
    sendToAll(.clockCorrected(clock))
    if jump > ServerClock.agreement.microseconds { sendToAll(.refreshRequested) }
  }

  /// The instant that is most overdue although nothing is under way for it; nil when none is.
  package func unservedSince(_ now: Timestamp) -> Timestamp? { schedule.unservedSince(now) }

  /// The calls per second that are allowed now.
  package var currentRate: Double { schedule.currentRate(at: time()) }

  /// When the daemon's rate lets a reservation be fetched if nothing else waits.
  package func reservationChance(at now: Timestamp) -> Timestamp { schedule.reservationChance(at: now) }

  /// The server's time.
  package var clock: ServerClock { schedule.clock }

  /// How many attempts wait for their turn.
  package var queued: Int { schedule.queue.count }

  // MARK: - The loop's side

  /// One step: tells the roles whose instants have come, and starts what the queue lets go.
  package func turn() {
    let now = time()
    // Bounded work a turn: a host that slept wakes with every role due at once.
    for _ in 0..<256 {
      guard let slot = schedule.nextDue(at: now) else { break }
      if let role = slots[slot] { deliver(.timerFired, to: role) }
    }
    pump()
  }

  /// Starts what the queue lets go, and arms the timer for whatever comes next.
  private func pump() {
    guard let drawing = source else { return }
    var now = time()
    while drawing.hasRoom, let ticket = schedule.nextCall(at: now) {
      guard let role = slots[ticket.role] else { continue }
      start(ticket, of: role, by: drawing, at: now)
      now = time()
    }
    drawing.moreWait(queued > 0)
    if let next = schedule.wakeUp(at: now, hasRoom: drawing.hasRoom) {
      timer.arm(at: next.microseconds)
    } else {
      timer.disarm()
    }
  }

  private func start(_ ticket: FetchQueue.Ticket, of role: KeptRole, by drawing: any SessionDrawing, at now: Timestamp)
  {
    deliver(.attemptStarted(ticket.attempt), to: role)
    guard let attempt = role.machine.attempt, attempt.id == ticket.attempt else { return }
    inFlight += 1
    let order = DrawOrder(
      role: role.settings, slot: role.drawn % role.settings.timing.pool, duration: attempt.duration,
      date: clock.dateForSigning(at: now))
    let id = drawing.draw(order) { [unowned self, unowned role] outcome in
      role.draw = nil
      inFlight -= 1
      land(outcome, of: attempt, for: role)
      pump()
    }
    role.draw = (id, drawing)
  }

  private func land(_ outcome: DrawOutcome, of attempt: Attempt, for role: KeptRole) {
    switch outcome.result {
    case .granted(let assumed):
      role.countSuccess()
      schedule.learnSuccess(of: role.slot, sent: outcome.sent)
      role.drawn += 1
      deliver(.succeeded(attempt.id, admit(assumed, asked: attempt.duration, from: outcome, for: role)), to: role)
      arrival = nil
      if wantsConfirmation { deliver(.refreshRequested, to: role) }
      wantsConfirmation = false
    case .refused(let failure):
      role.count(outcome: failure.code)
      schedule.learn(from: failure, of: role.slot, date: outcome.date, sent: outcome.sent, at: time())
      deliver(.failed(attempt.id, attempt.purpose == .reservation ? failure.ofReservation : failure), to: role)
    }
    observers.attempted(role)
  }

  /// Lays a session's secrets ready for its hand-out, and weighs its answer's date.
  private func admit(_ assumed: AssumedSession, asked: Duration, from outcome: DrawOutcome, for role: KeptRole)
    -> Session
  {
    if let date = outcome.date { weigh(date, of: assumed, asked: asked, sent: outcome.sent) }
    sessions += 1
    let id = SessionID(number: sessions)
    arrival = (id, assumed)
    return Session(
      id: id, accessKeyID: assumed.accessKeyID, expiration: assumed.expiration,
      issued: min(clock.now(at: outcome.sent), assumed.expiration), sent: outcome.sent, asked: asked, clock: clock)
  }

  private func weigh(_ date: UTCTime, of assumed: AssumedSession, asked: Duration, sent: Timestamp) {
    switch schedule.weigh(date: date, expiration: assumed.expiration, asked: asked, sent: sent) {
    case .agrees: break
    case .corrects(let shift):
      logger.warning(
        "this host's clock and the server's differ; going by the server's",
        [.seconds: "\(shift.wholeSeconds)", .advice: "look at this host's time synchronisation"])
      for role in roles.values { deliver(.clockCorrected(clock), to: role) }
    case .odd(let isNews, let isToBeConfirmed):
      // The next answer confirms it or not: better soon than at the next step.
      wantsConfirmation = isToBeConfirmed
      if isNews { logger.notice("an answer's date is odd and was not believed", [:]) }
    }
  }

  // MARK: - Effects

  private func deliver(_ event: RefreshEvent, to role: KeptRole) {
    // Another role may be in the place of one that was removed.
    guard slots[role.slot] === role else { return }
    if case .clockCorrected(let clock) = event {
      role.current?.judge(by: clock, timing: role.settings.timing)
      role.reserved?.judge(by: clock, timing: role.settings.timing)
    }
    let hadOutcome = role.machine.hasHadOutcome
    let effects = role.machine.handle(event, at: time(), using: &chance)
    if !hadOutcome && role.machine.hasHadOutcome { rolesWithoutOutcome -= 1 }
    for effect in effects { perform(effect, for: role) }
  }

  private func perform(_ effect: RefreshEffect, for role: KeptRole) {
    if schedule.perform(effect, of: role.slot) { return }
    switch effect {
    case .fetch, .arm, .hold: break
    case .abandon:
      cancelDraw(of: role)
      role.count(outcome: "Abandoned")
      observers.attempted(role)
    case .publish(let session, let generation): publish(session, generation: generation, of: role)
    case .withdraw:
      role.current = nil
      observers.withdrawn(role)
    case .offerReserved(let session):
      role.reserved = handout(of: session, generation: role.machine.generation, for: role)
      observers.reserved(role)
    case .renewSource: source.renewIdentity(of: role.settings)
    case .discard(let id):
      if role.reserved?.session.id == id { role.reserved = nil }
    case .report(let report):
      logger.log(report, of: role, at: time())
      observers.reported(role, report)
    }
  }

  private func publish(_ session: Session, generation: UInt64, of role: KeptRole) {
    role.current = handout(of: session, generation: generation, for: role)
    observers.published(role)
  }

  private func handout(of session: Session, generation: UInt64, for role: KeptRole) -> Handout? {
    // A machine has a session handed out as it comes or not at all.
    guard let arrival, arrival.id == session.id else { return nil }
    return Handout(
      arrival.session, session: session, generation: generation, timing: role.settings.timing, heads: &heads)
  }

  private func cancelDraw(of role: KeptRole) {
    guard let draw = role.draw else { return }
    role.draw = nil
    inFlight -= 1
    draw.drawing.cancel(draw.id)
  }
}
