import Core
import TestSupport

/// A host of a tier with the daemon's own machine for each role, fed as the daemon feeds it: what its readers get has to be what `TierHosts`
/// takes for it, which has no machines for a million roles.
struct TierWitness {
  private var machines: [RefreshMachine]
  private var schedule: HostSchedule
  private var published: [Session?]
  private var chance = SeededGenerator(seed: 1)
  private var sessions: UInt64 = 0
  /// The latest bundle: when each role's session ends.
  private var bundle: [Timestamp?]?
  private var machine = -1
  private var origins: [Int]
  private var failure: Failure?
  /// When the bundle is asked for next.
  private var next: Timestamp

  init(roles: Int, timing: RoleTiming, at now: Timestamp) {
    machines = (0..<roles).map { _ in RefreshMachine(timing: timing, at: now) }
    schedule = HostSchedule(
      queue: FetchQueue(rate: 2, burst: 20, at: now), clock: ServerClock(wallMicroseconds: 0, at: now))
    published = Array(repeating: nil, count: roles)
    origins = Array(repeating: -1, count: roles)
    next = now
    for role in 0..<roles { handle(.started, role, at: now) }
  }

  /// When the session ends that readers of the role get; nil if they get none.
  func served(_ role: Int, at now: Timestamp) -> Timestamp? {
    published[role].flatMap { $0.expires - machines[role].timing.lapseMargin > now ? $0.expires : nil }
  }

  // MARK: - The tier's answers

  mutating func receive(_ ends: [Timestamp?], from machine: Int, at now: Timestamp) {
    passTime(until: now)
    (bundle, self.machine, failure) = (ends, machine, nil)
  }

  /// The tier has answered: as `Refresher.tierAnswered`.
  mutating func deliver(next: Timestamp, at now: Timestamp) {
    passTime(until: now)
    (self.next, failure) = (next, nil)
    for role in machines.indices {
      if news(for: role, at: now) != nil {
        handle(.refreshRequested, role, at: now)
      } else if machines[role].lastFailure != nil {
        handle(.mayBeFixed, role, at: now)
      }
    }
    pump(at: now)
  }

  mutating func fail(_ failure: Failure, next: Timestamp, at now: Timestamp) {
    passTime(until: now)
    (self.failure, self.next) = (failure.withoutWait, next)
  }

  /// The session of the bundle that the role gets; nil if it is the one that is held, or none.
  private func news(for role: Int, at now: Timestamp) -> Timestamp? {
    guard let end = bundle?[role], end > now else { return nil }
    guard let held = machines[role].latest?.expires else { return end }
    if origins[role] == machine, held == end { return nil }
    return RoleTiming.isWorthRotation(to: end, ofSameMachine: origins[role] == machine, from: held) ? end : nil
  }

  // MARK: - The machines

  private mutating func passTime(until now: Timestamp) {
    while let at = schedule.wakeUp(at: now, hasRoom: true), at < now {
      while let role = schedule.nextDue(at: at) { handle(.timerFired, role, at: at) }
      pump(at: at)
    }
  }

  private mutating func pump(at now: Timestamp) {
    while let ticket = schedule.nextCall(at: now) {
      handle(.attemptStarted(ticket.attempt), ticket.role, at: now)
      answer(ticket.attempt, ticket.role, at: now)
    }
  }

  /// As `TierIssuer` does.
  private mutating func answer(_ attempt: AttemptID, _ role: Int, at now: Timestamp) {
    schedule.learnNothing(at: now)
    let nextForRoles = max(now, next) + .seconds(5)
    if let end = news(for: role, at: now) {
      origins[role] = machine
      handle(.succeeded(attempt, session(ending: end, at: now)), role, at: now)
      handle(.scheduled(nextForRoles), role, at: now)
    } else if let failure {
      handle(.failed(attempt, failure), role, at: now)
    } else if bundle?[role] != nil, machines[role].latest != nil {
      handle(.unchanged(attempt), role, at: now)
      handle(.scheduled(nextForRoles), role, at: now)
    } else {
      handle(.failed(attempt, Failure(.transient, code: "NoSession", advice: "")), role, at: now)
    }
  }

  private mutating func session(ending end: Timestamp, at now: Timestamp) -> Session {
    sessions += 1
    let expiration = ModelledSTS.time(at: end)
    return Session(
      id: SessionID(number: sessions), accessKeyID: "STS.simulated", expiration: expiration,
      issued: ModelledSTS.time(at: now), sent: now, asked: end - now, expires: end)
  }

  private mutating func handle(_ event: RefreshEvent, _ role: Int, at now: Timestamp) {
    for effect in machines[role].handle(event, at: now, using: &chance) {
      switch effect {
      case .publish(let session, _): published[role] = session
      case .withdraw: published[role] = nil
      default: _ = schedule.perform(effect, of: role)
      }
    }
  }
}
