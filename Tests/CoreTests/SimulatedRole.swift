import Core
import Simulation
import TestSupport

/// One machine with a modelled STS and virtual time: effects are performed as the driver would, outcomes come after `latency`.
struct SimulatedRole {
  enum Answer {
    case grants(Duration)
    case fails(Failure)
    case never
  }

  private(set) var machine: RefreshMachine
  private(set) var now = Timestamp(microseconds: 0)
  private(set) var published: (session: Session, generation: UInt64)?
  private(set) var publications = 0
  private(set) var attempts: [(at: Timestamp, attempt: Attempt)] = []
  private(set) var reports: [RefreshReport] = []
  private(set) var effects: [RefreshEffect] = []
  private(set) var live: Set<SessionID> = []
  private(set) var clock = ServerClock(wallMicroseconds: 1_800_000_000_000_000, at: Timestamp(microseconds: 0))
  var latency = Duration.milliseconds(50)
  /// Whether attempts are queued and never started.
  var isQueueStopped = false
  var answer: (Timestamp, Attempt) -> Answer = { .grants($1.duration) }

  private var generator: SeededGenerator
  private var timer: Timestamp?
  private var outcome: (at: Timestamp, event: RefreshEvent)?
  private var sessions: UInt64 = 0

  init(_ timing: RoleTiming = RoleTiming(), seed: UInt64 = 1) {
    generator = SeededGenerator(seed: seed)
    machine = RefreshMachine(timing: timing, at: now)
  }

  mutating func start() { send(.started) }

  mutating func send(_ event: RefreshEvent) {
    for effect in machine.handle(event, at: now, using: &generator) { perform(effect) }
  }

  /// Processes everything that is due within `span`.
  mutating func run(for span: Duration) {
    let end = now + span
    while let next = [timer, outcome?.at].compactMap(\.self).min(), next <= end { step(to: next) }
    now = end
  }

  /// The role's offer to a reader that waits for `wait`.
  func offer(
    _ minTTL: Duration?, wait: Duration = .zero, since: Timestamp? = nil, chances: FetchChances = .unlimited
  ) -> Offer {
    let since = since ?? now
    return machine.offer(
      to: ReaderQuery(minTTL: minTTL, since: since, deadline: since + wait), at: now, chances: chances)
  }

  mutating func runUntilPublished(_ count: Int) {
    while publications < count, let next = [timer, outcome?.at].compactMap(\.self).min() { step(to: next) }
  }

  private mutating func step(to next: Timestamp) {
    now = max(now, next)
    if let due = outcome, due.at <= now {
      outcome = nil
      send(due.event)
    } else {
      timer = nil
      send(.timerFired)
    }
  }

  private mutating func perform(_ effect: RefreshEffect) {
    effects.append(effect)
    switch effect {
    case .fetch(let attempt): if !isQueueStopped { make(attempt) }
    case .abandon: outcome = nil
    case .arm(let instant): timer = instant
    case .publish(let session, let generation):
      published = (session, generation)
      publications += 1
    case .withdraw: published = nil
    case .discard(let id): live.remove(id)
    case .report(let report): reports.append(report)
    case .hold, .offerReserved, .renewSource: break
    }
  }

  private mutating func make(_ attempt: Attempt) {
    attempts.append((now, attempt))
    switch answer(now, attempt) {
    case .never: outcome = nil
    case .fails(let failure): outcome = (now + latency, .failed(attempt.id, failure))
    case .grants(let life):
      sessions += 1
      let id = SessionID(number: sessions)
      live.insert(id)
      let issued = clock.now(at: now)
      let session = Session(
        id: id, accessKeyID: "STS.\(sessions)",
        expiration: UTCTime(seconds: issued.seconds + life.wholeSeconds), issued: issued, sent: now,
        asked: attempt.duration, clock: clock)
      outcome = (now + latency, .succeeded(attempt.id, session))
    }
    send(.attemptStarted(attempt.id))
  }
}

extension Failure {
  static let network = Failure(.transient, code: "ConnectTimeout", advice: "look at the network")
  static let forbidden = Failure(.permanent, code: "NoPermission", httpStatus: 403, advice: "allow it")
  static let busy = Failure(.throttled(wait: nil), code: "Throttling.User", httpStatus: 400, advice: "wait")
}
