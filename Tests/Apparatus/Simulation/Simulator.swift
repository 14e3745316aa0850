import Core
import TestSupport

/// Runs a scenario through virtual time: drives Core's machines and schedules as the daemon does, against a modelled STS.
///
/// The order of everything is fixed by the scenario and its seed, so a run can be repeated to the microsecond.
package struct Simulator {
  let scenario: Scenario
  /// The longest time between two looks at a role: a step, or the longest wait for a person.
  private let longestWait: Duration
  var hosts: [SimulatedHost]
  private var sts: ModelledSTS
  private var chance: SeededGenerator
  private(set) var now = Timestamp(microseconds: 0)
  /// When each host has something to do.
  private var wakes = Agenda()
  var findings: Findings
  private var sessions: UInt64 = 0
  private var startTimes: [Duration] = []
  private var recoveryTimes: [[Duration]]
  private var failingAtEnd: [Int]
  private var effects: [RefreshEffect] = []
  /// What happens by the scenario, and how much of it has.
  private var script: [(at: Timestamp, what: Happening)] = []
  private var happened = 0
  /// Notes what a tier's machines hand out; nil if they aren't a tier.
  var timeline: TierTimeline?

  package static func run(_ scenario: Scenario) -> Findings {
    var simulator = Simulator(scenario)
    return simulator.run()
  }

  init(_ scenario: Scenario) {
    self.scenario = scenario
    longestWait = Self.longestWait(scenario)
    chance = SeededGenerator(seed: scenario.seed)
    sts = ModelledSTS(scenario)
    findings = Findings(scenario)
    recoveryTimes = Array(repeating: [], count: scenario.outages.count)
    failingAtEnd = Array(repeating: 0, count: scenario.outages.count)
    hosts = []
    hosts.reserveCapacity(scenario.simulatedHosts)
    for index in 0..<scenario.simulatedHosts {
      let wallError = chance.duration(.zero - scenario.wallError...scenario.wallError)
      let start = now + chance.duration(.zero...scenario.startWithin)
      hosts.append(SimulatedHost(scenario, wallError: wallError, at: start))
      hosts[index].pausedUntil = start
      for slot in hosts[index].roles.indices where !scenario.uncountedRoles.contains(slot) {
        hosts[index].roles[slot].reading.begin(at: max(start, scenario.countsReadsFrom))
      }
      for slot in scenario.uncountedRoles { hosts[index].roles[slot].reading.begin(at: .init(microseconds: .max)) }
      wakes.set(index, to: start)
    }
    script = scenario.incidents.map { (at: $0.at, what: Happening.incident($0)) }
    script += scenario.outages.enumerated().map { (at: $1.end, what: .outageEnds($0)) }
    script.sort { $0.at < $1.at }
  }

  private static func longestWait(_ scenario: Scenario) -> Duration {
    var longest = max(scenario.timing.step, .minutes(10))
    for case .changeTiming(_, let timing) in scenario.incidents.map(\.kind) { longest = max(longest, timing.step) }
    return longest * 11 / 10 + .seconds(1)
  }

  // MARK: - Time

  /// Something of the scenario that happens at an instant of its own.
  private enum Happening {
    case incident(Incident)
    case outageEnds(Int)
  }

  private mutating func run() -> Findings {
    advance(to: Timestamp(microseconds: scenario.span.microseconds))
    return conclude()
  }

  /// Runs until `end`, without what happens then.
  mutating func advance(to end: Timestamp) {
    while happened < script.count, script[happened].at < end {
      turnHosts(until: script[happened].at)
      now = script[happened].at
      happen(script[happened].what)
      happened += 1
    }
    turnHosts(until: end)
    now = end
  }

  private mutating func happen(_ what: Happening) {
    switch what {
    case .outageEnds(let index): outageEnds(index)
    case .incident(let incident) where incident.host < hosts.count:
      befall(incident)
      pump(incident.host)
    case .incident: break
    }
  }

  private mutating func turnHosts(until end: Timestamp) {
    while let next = wakes.first, next < end, let host = wakes.firstNumber {
      now = max(now, next)
      turn(host)
    }
  }

  /// One step of a host's loop: outcomes, instants that have come, then whatever the queue lets go.
  private mutating func turn(_ host: Int) {
    if hosts[host].isPaused() { resume(host) }
    while let slot = hosts[host].outcomes.popDue(at: now) { land(slot, of: host) }
    while let slot = hosts[host].schedule.nextDue(at: now) { deliver(.timerFired, to: slot, of: host) }
    while let slot = hosts[host].readers.popDue(at: now) { lookAtWaiters(slot, host) }
    pump(host)
  }

  mutating func pump(_ host: Int) {
    while let ticket = hosts[host].nextCall(at: now) { start(ticket, of: host) }
    if let next = hosts[host].wakeUp(at: now) { wakes.set(host, to: next) } else { wakes.remove(host) }
  }

  private mutating func resume(_ host: Int) {
    hosts[host].pausedUntil = nil
    guard !hosts[host].isStarted else { return }
    hosts[host].isStarted = true
    for slot in hosts[host].roles.indices where !scenario.isDerived(slot) { begin(slot, of: host) }
  }

  mutating func begin(_ slot: Int, of host: Int) {
    hosts[host].roles[slot].startedAt = now
    deliver(.started, to: slot, of: host)
  }

  // MARK: - Calls

  private mutating func start(_ ticket: FetchQueue.Ticket, of host: Int) {
    let slot = ticket.role
    if hosts[host].roles[slot].isCalling() { findings.note("two attempts of \(name(slot, host)) at once") }
    deliver(.attemptStarted(ticket.attempt), to: slot, of: host)
    guard let attempt = hosts[host].roles[slot].wantedAttempt(), attempt.id == ticket.attempt else {
      return findings.note("the queue let an attempt of \(name(slot, host)) go that nobody wants")
    }
    let tooEarly = hosts[host].roles[slot].tooEarly(at: now)
    if tooEarly > .zero {
      findings.note("\(name(slot, host)): STS is called \(tooEarly.text) before the time that it asked for")
    }
    meter(attempt, slot: slot, host: host)
    let date = hosts[host].dateForSigning(at: now)
    let answer = sts.answer(role: slot, duration: attempt.duration, date: date, at: now, using: &chance)
    if case .refused = answer.outcome { findings.refusedPerSecond[Int(now.microseconds / 1_000_000)] += 1 }
    hosts[host].roles[slot].call = SimulatedRole.Call(attempt: attempt, sent: now, outcome: answer.outcome)
    hosts[host].outcomes.set(slot, to: answer.at)
    if scenario.isDerived(slot) { hosts[host].countDerived(1) }
  }

  private mutating func meter(_ attempt: Attempt, slot: Int, host: Int) {
    findings.counts.calls += 1
    findings.perSecond[Int(now.microseconds / 1_000_000)] += 1
    if scenario.promisesNoHerd { noteTenth() }
    if !hosts[host].rate.allows(at: now) { findings.note("host \(host) calls faster than its bucket allows") }
    if attempt.purpose == .reservation, !hosts[host].reservationRate.allows(at: now) {
      findings.note("host \(host) fetches reservations faster than a quarter of its bucket")
    }
  }

  private mutating func noteTenth() {
    for (index, outage) in scenario.outages.enumerated()
    where outage.end - Herd.span <= now && now < outage.end + Herd.span {
      findings.perTenth[index][Int(now.microseconds % 1_000_000 / 100_000)] += 1
    }
  }

  private mutating func land(_ slot: Int, of host: Int) {
    guard let call = hosts[host].roles[slot].takeCall() else { return }
    if scenario.isDerived(slot) { hosts[host].countDerived(-1) }
    switch call.outcome {
    case .granted(let expiration, let date):
      findings.counts.granted += 1
      hosts[host].schedule.learnSuccess(of: slot, sent: call.sent)
      let session = admit(call, expiration: expiration, date: date, host: host)
      hosts[host].roles[slot].arrival = session.id
      hosts[host].roles[slot].leftAloneUntil = nil
      deliver(.succeeded(call.attempt.id, session), to: slot, of: host)
      if hosts[host].roles[slot].hasArrival() {
        findings.note("\(name(slot, host)): a session came and was neither held nor discarded")
      }
      if hosts[host].needsConfirmation { refresh(slot, host) }
      hosts[host].needsConfirmation = false
      if call.attempt.purpose == .pool { noteSuccess(slot, host) }
    case .refused(let trouble, let date):
      let failure = trouble.failure
      if case .throttled = failure.kind { findings.counts.throttled += 1 }
      if let wait = failure.requestedWait { hosts[host].roles[slot].leftAloneUntil = now + wait }
      hosts[host].schedule.learn(from: failure, of: slot, date: date, sent: call.sent, at: now, using: &chance)
      deliver(.failed(call.attempt.id, failure), to: slot, of: host)
      timeline?.failed(slot, of: host, at: now)
    }
    if hosts[host].roles[slot].hasWaiters() { lookAtWaiters(slot, host) }
  }

  /// An administrator doesn't wait for what STS asked for.
  mutating func refresh(_ slot: Int, _ host: Int) {
    hosts[host].roles[slot].leftAloneUntil = nil
    deliver(.refreshRequested, to: slot, of: host)
  }

  private mutating func admit(_ call: SimulatedRole.Call, expiration: UTCTime, date: UTCTime, host: Int) -> Session {
    let asked = call.attempt.duration
    switch hosts[host].schedule.weigh(date: date, expiration: expiration, asked: asked, sent: call.sent) {
    case .agrees: break
    case .corrects, .refutes: correctClock(of: host)
    case .odd(_, let needsConfirmation): hosts[host].needsConfirmation = needsConfirmation
    }
    sessions += 1
    let clock = hosts[host].schedule.clock
    return Session(
      id: SessionID(number: sessions), accessKeyID: "STS.simulated", expiration: expiration,
      issued: min(clock.now(at: call.sent), expiration), sent: call.sent, asked: asked, clock: clock)
  }

  private mutating func noteSuccess(_ slot: Int, _ host: Int) {
    if let started = hosts[host].roles[slot].startedAt {
      startTimes.append(now - started)
      hosts[host].roles[slot].startedAt = nil
    }
    guard let since = hosts[host].roles[slot].recoveringSince else { return }
    hosts[host].roles[slot].recoveringSince = nil
    if let outage = scenario.outages.firstIndex(where: { $0.end == since }) {
      recoveryTimes[outage].append(now - since)
    }
  }

  // MARK: - Machines

  mutating func deliver(_ event: RefreshEvent, to slot: Int, of host: Int) {
    // Lent to this call, so that each effect is looked at in its place: a copy costs as much as what most effects ask for.
    var effects: [RefreshEffect] = []
    swap(&effects, &self.effects)
    handle(event, slot, host, &effects)
    for index in effects.indices { perform(effects[index], for: slot, of: host) }
    checkArmed(slot, host)
    checkStore(slot, host)
    if hosts[host].roles[slot].hasWaiters() { notify(of: effects, slot, host) }
    effects.removeAll(keepingCapacity: true)
    swap(&effects, &self.effects)
  }

  private mutating func handle(_ event: RefreshEvent, _ slot: Int, _ host: Int, _ effects: inout [RefreshEffect]) {
    switch scenario.lockstep {
    case nil, .wholeSeconds:
      hosts[host].roles[slot].machine.handle(event, at: now, using: &chance, into: &effects)
    case .withoutJitter:
      var none = MiddleGenerator()
      hosts[host].roles[slot].machine.handle(event, at: now, using: &none, into: &effects)
    case .sharedJitter:
      var shared = SeededGenerator(seed: hosts[host].roles[slot].wantedAttempt()?.id.number ?? 0)
      hosts[host].roles[slot].machine.handle(event, at: now, using: &shared, into: &effects)
    }
  }

  /// Looks at the readers who wait as often as the daemon does, who may send the role another event at once.
  private mutating func notify(of effects: [RefreshEffect], _ slot: Int, _ host: Int) {
    for effect in effects {
      switch effect {
      case .publish, .offerReserved, .abandon: lookAtWaiters(slot, host)
      case .fetch, .arm, .hold, .withdraw, .renewSource, .discard, .report: break
      }
    }
  }

  @inline(__always)
  private mutating func perform(_ effect: RefreshEffect, for slot: Int, of host: Int) {
    switch effect {
    case .renewSource, .offerReserved: break
    case .report(let report):
      if case .reservationFailed = report { findings.counts.reservationsFailed += 1 }
    case .arm(let instant):
      let effect = scenario.lockstep == .wholeSeconds ? .arm(instant.nextWholeSecond) : effect
      _ = hosts[host].schedule.perform(effect, of: slot)
    case .fetch(let attempt):
      _ = hosts[host].schedule.perform(effect, of: slot, isDerived: scenario.isDerived(slot))
      hosts[host].roles[slot].attempt = attempt
    case .abandon:
      if scenario.isDerived(slot), hosts[host].roles[slot].isCalling() { hosts[host].countDerived(-1) }
      hosts[host].roles[slot].call = nil
      hosts[host].outcomes.remove(slot)
    case .hold(let session): hold(session, slot, host)
    case .discard(let id): discard(id, slot, host)
    case .publish(let session, _): serve(session, slot, host)
    case .withdraw: serve(nil, slot, host)
    }
  }

  mutating func serve(_ session: Session?, _ slot: Int, _ host: Int) {
    hosts[host].roles[slot].serve(session, at: now, &findings.reads)
    timeline?.served(session, slot, of: host, at: now)
  }

  /// The next attempt is always armed: the role is looked at by itself, no later than its longest wait.
  private mutating func checkArmed(_ slot: Int, _ host: Int) {
    guard scenario.lockstep != .wholeSeconds else { return }
    if let fault = hosts[host].watchFault(of: slot, latest: now + longestWait, at: now) {
      findings.note("\(name(slot, host)) \(fault)")
    }
  }

  // MARK: - The end

  private mutating func outageEnds(_ index: Int) {
    for host in hosts.indices {
      for slot in hosts[host].roles.indices where hosts[host].isWanting(slot) {
        hosts[host].roles[slot].recoveringSince = now
        failingAtEnd[index] += 1
      }
    }
  }

  mutating func conclude() -> Findings {
    for host in hosts.indices {
      for slot in hosts[host].roles.indices { hosts[host].roles[slot].reading.count(until: now, &findings.reads) }
    }
    findings.starts = starts()
    let ended = scenario.outages.indices.filter { scenario.outages[$0].end + .seconds(60) <= now }
    findings.recoveries = ended.map { index in
      let outage = scenario.outages[index]
      let minute = findings.rate(from: outage.end, to: outage.end + .seconds(60))
      return Findings.Recovery(
        outage: outage, peak: minute.peak, mean: minute.mean, roles: failingAtEnd[index], times: recovery(from: index),
        herd: scenario.promisesNoHerd ? herd(aboutEndOf: index) : nil)
    }
    findings.judge()
    return findings
  }

  private func herd(aboutEndOf index: Int) -> Herd {
    let end = scenario.outages[index].end
    return Herd(
      peak: findings.rate(from: end - Herd.span, to: end + Herd.span).peak * scenario.share,
      failing: failingAtEnd[index], hadSessions: scenario.outages[index].start > Timestamp(microseconds: 0),
      pairs: scenario.simulatedPairs, step: scenario.timing.step, perTenth: findings.perTenth[index])
  }

  private func starts() -> Quantiles {
    let waiting = hosts.flatMap { $0.roles.compactMap(\.startedAt) }
    return Quantiles(startTimes, unended: waiting.count, watched: waiting.max().map { now - $0 } ?? .zero)
  }

  /// A role that is still failing when another outage ends is watched no longer.
  private func recovery(from index: Int) -> Quantiles {
    let end = scenario.outages[index].end
    let watchedUntil = scenario.outages.map(\.end).filter { $0 > end }.min().map { min($0, now) } ?? now
    return Quantiles(
      recoveryTimes[index], unended: failingAtEnd[index] - recoveryTimes[index].count, watched: watchedUntil - end)
  }

  func name(_ slot: Int, _ host: Int) -> String { "role \(slot) of host \(host) at \(now.microseconds) µs" }
}

extension Timestamp {
  fileprivate var nextWholeSecond: Timestamp {
    Timestamp(microseconds: (microseconds + 999_999) / 1_000_000 * 1_000_000)
  }
}
