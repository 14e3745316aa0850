import Core

/// One host of the fleet: its machines, what they share, and the calls under way.
struct SimulatedHost {
  /// As many calls as the daemon's HTTP client has handles.
  static let mostCalls = 16

  var roles: [SimulatedRole]
  var schedule: HostSchedule
  /// When the outcome of each role's call comes.
  var outcomes = Agenda()
  /// When the readers of each role who wait are looked at again.
  var readers = Agenda()
  var limits = ReservationLimits()
  var rate: RateMeter
  var reservationRate: RateMeter
  /// Nothing runs until then.
  var pausedUntil: Timestamp?
  var isStarted = false
  /// The wall clock's error.
  var wallError: Duration
  var needsConfirmation = false
  /// How many calls for derived sessions are under way.
  private var derivedCalls = 0

  init(_ scenario: Scenario, wallError: Duration, at now: Timestamp) {
    self.wallError = wallError
    roles = (0..<scenario.rolesPerHost).map { _ in SimulatedRole(timing: scenario.timing, at: now) }
    schedule = Self.schedule(scenario, wallError: wallError, at: now)
    rate = RateMeter(rate: scenario.requestsPerSecond, burst: scenario.burst)
    reservationRate = RateMeter(rate: scenario.requestsPerSecond / 4, burst: scenario.burst / 4)
  }

  /// The next instant at which something happens by itself; nil when nothing does.
  mutating func wakeUp(at now: Timestamp) -> Timestamp? {
    if let pausedUntil { return pausedUntil }
    // Not by a list of them: this is asked for each event of a fleet.
    var next = schedule.wakeUp(at: now, hasRoom: outcomes.count < Self.mostCalls)
    if let instant = outcomes.first { next = next.map { min($0, instant) } ?? instant }
    if let instant = readers.first { next = next.map { min($0, instant) } ?? instant }
    return next
  }

  // Mutating, since a read of an element of an array is a copy of it.

  /// The attempt to be made now.
  mutating func nextCall(at now: Timestamp) -> FetchQueue.Ticket? {
    outcomes.count < Self.mostCalls ? schedule.nextCall(at: now) : nil
  }

  /// A call for a derived session begins or ends.
  mutating func countDerived(_ change: Int) {
    derivedCalls += change
    schedule.setDerivedWait(derivedCalls >= FetchQueue.mostDerivedUnderWay)
  }

  mutating func isPaused() -> Bool { pausedUntil != nil }

  mutating func dateForSigning(at now: Timestamp) -> UTCTime { schedule.clock.dateForSigning(at: now) }

  /// What is wrong with when the role is looked at by itself; nil when it is queued or will be by `latest`.
  mutating func watchFault(of slot: Int, latest: Timestamp, at now: Timestamp) -> String? {
    let instant = schedule.instant(of: slot)
    if !roles[slot].isArmed(at: instant) { return "isn't looked at when its machine armed" }
    if let instant, instant <= latest { return nil }
    if schedule.isQueued(slot) { return nil }
    return instant.map { "is looked at in \(($0 - now).text) only" } ?? "has nothing armed and nothing queued"
  }

  /// Whether the role wants a session and hasn't got it: it failed, or its turn hasn't come.
  mutating func isWanting(_ slot: Int) -> Bool {
    roles[slot].machine.lastFailure != nil || schedule.isQueued(slot) || roles[slot].call != nil
  }

  /// A daemon that has just been started knows nothing of the one before but the generations.
  mutating func restart(_ scenario: Scenario, at now: Timestamp) {
    isStarted = false
    outcomes = Agenda()
    readers = Agenda()
    schedule = Self.schedule(scenario, wallError: wallError, at: now)
    rate = RateMeter(rate: scenario.requestsPerSecond, burst: scenario.burst)
    reservationRate = RateMeter(rate: scenario.requestsPerSecond / 4, burst: scenario.burst / 4)
    limits = ReservationLimits()
    derivedCalls = 0
    for slot in roles.indices { roles[slot].restart(timing: scenario.timing, at: now) }
  }

  private static func schedule(_ scenario: Scenario, wallError: Duration, at now: Timestamp) -> HostSchedule {
    HostSchedule(
      queue: FetchQueue(rate: scenario.requestsPerSecond, burst: scenario.burst, at: now),
      clock: ServerClock(wallMicroseconds: wall(error: wallError, at: now), at: now))
  }

  static func wall(error: Duration, at now: Timestamp) -> Int64 {
    ModelledSTS.epoch * 1_000_000 + now.microseconds + error.microseconds
  }
}

/// One role of a host, with those who read it.
struct SimulatedRole {
  struct Call {
    let attempt: Attempt
    let sent: Timestamp
    var outcome: ModelledSTS.Outcome
  }

  /// Somebody who waits for a session.
  struct Waiter {
    let query: ReaderQuery
    let uid: UInt32
    /// At the latest its deadline.
    var lookAgain: Timestamp
  }

  /// What is kept of a session whose secrets a driver's store would hold: no more, since each event looks at all of them.
  struct Stored {
    let id: SessionID
    /// By the server's calendar.
    let expiration: UTCTime
    /// It ends no later than this, whatever the clocks say.
    let latestEnd: Timestamp

    init(_ session: Session) {
      id = session.id
      expiration = session.expiration
      latestEnd = session.sent + session.asked
    }

    func end(by clock: ServerClock) -> Timestamp { min(clock.instant(of: expiration), latestEnd) }
  }

  var stored: [Stored] = []
  /// The session that has come and is neither held nor discarded yet.
  var arrival: SessionID?
  var machine: RefreshMachine
  var reading = Reading()
  /// The attempt that is queued or under way.
  var attempt: Attempt?
  var call: Call?
  var waiters: [Waiter] = []
  /// STS asked not to be called for it earlier.
  var leftAloneUntil: Timestamp?
  /// When its first attempt was due, until its first session is there.
  var startedAt: Timestamp?
  /// The end of the outage from which it hasn't recovered.
  var recoveringSince: Timestamp?

  init(timing: RoleTiming, at now: Timestamp) { machine = RefreshMachine(timing: timing, at: now) }

  // Mutating, since a read of an element of an array is a copy of it, with all that it holds.

  mutating func hasWaiters() -> Bool { !waiters.isEmpty }
  mutating func hasArrival() -> Bool { arrival != nil }
  mutating func isCalling() -> Bool { call != nil }
  mutating func isArmed(at instant: Timestamp?) -> Bool { machine.armed == instant }
  mutating func wantedAttempt() -> Attempt? { attempt }

  mutating func serve(_ session: Session?, at now: Timestamp, _ tally: inout ReadTally) {
    reading.serve(session, timing: machine.timing, at: now, &tally)
  }

  /// How much earlier than STS asked to be called it would be called now; zero when it isn't.
  mutating func tooEarly(at now: Timestamp) -> Duration { leftAloneUntil.map { max(.zero, $0 - now) } ?? .zero }

  /// The call that is under way, which ends.
  mutating func takeCall() -> Call? {
    defer { call = nil }
    return call
  }

  mutating func restart(timing: RoleTiming, at now: Timestamp) {
    machine = RefreshMachine(timing: timing, generation: machine.generation, at: now)
    attempt = nil
    call = nil
    waiters = []
    stored = []
    arrival = nil
    leftAloneUntil = nil
    startedAt = nil
  }
}
