import Core

/// Runs a tier and its hosts: both stages, in windows of time.
///
/// The machines are run through a window first, then each host, which sees what they handed out at the instant at which it asks. What hosts cause
/// on the machines, that sessions of a cell are fetched for the first time, happens at the end of the window; so windows are short
/// wherever there may be such.
package struct TierSimulation {
  private static let shortest = Duration.milliseconds(250)
  private static let longest = Duration.minutes(15)
  /// How long after each event hosts may still ask machines for what these haven't.
  private static let unrest = Duration.seconds(75)

  private let fleet: TierFleet
  private var tier: Simulator
  private var hosts: TierHosts
  private var isUp: [Bool]
  /// Whether STS fails.
  private var isOut = false
  /// By machine and cell: after how long hosts are to ask again that got nothing, at the beginning of the window.
  private var retryAfter: [[Duration]]
  private var now = Timestamp(microseconds: 0)
  private var unrestUntil: Timestamp
  private var phases: [TierFindings.Phase] = []
  /// Instants at which something begins or ends, in order.
  private var script: [(at: Timestamp, what: Happening)] = []

  private enum Happening {
    case phase(Int)
    case lost(Int)
    case back(Int)
    case outage
    /// What happened is over.
    case recovers
  }

  package static func run(_ fleet: TierFleet) -> TierFindings {
    var simulation = TierSimulation(fleet)
    return simulation.run()
  }

  private init(_ fleet: TierFleet) {
    self.fleet = fleet
    tier = Simulator(fleet.firstStage)
    tier.timeline = TierTimeline(
      machines: fleet.machines, cells: fleet.cells, rolesPerCell: fleet.rolesPerHost, firstDerived: fleet.roles)
    hosts = TierHosts(fleet)
    isUp = Array(repeating: true, count: fleet.machines)
    retryAfter = Array(repeating: Array(repeating: .zero, count: fleet.cells), count: fleet.machines)
    unrestUntil = now + Self.unrest
    for number in fleet.phases.indices { plan(number) }
    script.sort { $0.at < $1.at }
  }

  private mutating func plan(_ number: Int) {
    let start = fleet.start(of: number)
    script.append((start, .phase(number)))
    switch fleet.phases[number].event {
    case .outage(let length):
      script.append((start, .outage))
      script.append((start + length, .recovers))
    case .loss(let machines, let length):
      for machine in 0..<min(machines, fleet.machines) {
        script.append((start, .lost(machine)))
        script.append((start + length, .back(machine)))
      }
      script.append((start + length, .recovers))
    case .restarts, nil: break
    }
  }

  // MARK: - Time

  private mutating func run() -> TierFindings {
    let end = now + fleet.span
    var place = 0
    while now < end {
      while place < script.count, script[place].at <= now {
        happen(script[place].what)
        place += 1
      }
      let limit = min(place < script.count ? script[place].at : end, end)
      pass(until: min(limit, now + (isSettled ? Self.longest : Self.shortest)))
    }
    endPhase(fleet.phases.count - 1)
    return conclude()
  }

  private mutating func happen(_ what: Happening) {
    unrestUntil = max(unrestUntil, now + Self.unrest)
    switch what {
    case .phase(let number):
      if number > 0 { endPhase(number - 1) }
      hosts.recover(at: now)
      hosts.sample(oneOf: fleet.phases[number].sampleOf)
      if case .restarts(let span) = fleet.phases[number].event { hosts.restart(within: span, from: now) }
    case .lost(let machine):
      isUp[machine] = false
      tier.timeline?.restart(machine)
      hosts.lose(machine, at: now)
    case .back(let machine): isUp[machine] = true
    case .outage: isOut = true
    case .recovers:
      isOut = false
      hosts.recover(at: now)
    }
  }

  /// Whether no session is about to be there that hosts wait for.
  private var isSettled: Bool {
    now >= unrestUntil
      && tier.timeline!.cells.allSatisfy { cells in
        cells.allSatisfy { !$0.isInUse || !$0.isPending.contains(true) && (isOut || !$0.ends.contains(nil)) }
      }
  }

  private mutating func pass(until end: Timestamp) {
    noteRetries()
    tier.advance(to: end)
    for cell in 0..<fleet.cells where !hosts.areIdle(cell, until: end) || hasNews(cell) {
      hosts.turn(window(cell, end))
    }
    for demand in hosts.takeDemands() { begin(demand.cell, of: demand.machine, at: end) }
    dropUnused(at: end)
    tier.timeline?.forget()
    now = end
  }

  private func hasNews(_ cell: Int) -> Bool {
    (0..<fleet.machines).contains { tier.timeline!.cells[$0][cell].endsWaits }
  }

  private func window(_ cell: Int, _ end: Timestamp) -> TierHosts.Window {
    let cells = (0..<fleet.machines).map { tier.timeline!.cells[$0][cell] }
    return TierHosts.Window(
      end: end, cell: cell, cells: cells, areSteady: cells.map(\.isSteady), endWaits: cells.map(\.endsWaits),
      isUp: isUp, retryAfter: cells.indices.map { retryAfter[$0][cell] })
  }

  private mutating func noteRetries() {
    for machine in 0..<fleet.machines {
      for cell in 0..<fleet.cells where tier.timeline!.cells[machine][cell].ends.contains(nil) {
        retryAfter[machine][cell] = retryAfter(cell, of: machine)
      }
    }
  }

  /// As a bundle has it: until the first of the missing sessions may be there.
  private func retryAfter(_ cell: Int, of machine: Int) -> Duration {
    var least = Duration.minutes(10)
    for role in 0..<fleet.rolesPerHost where tier.timeline!.cells[machine][cell].ends[role] == nil {
      let next = tier.hosts[machine].roles[tier.timeline!.slot(of: role, in: cell)].machine.nextAttempt
      least = min(least, max(.zero, next - now) + .seconds(1))
    }
    return .seconds(least.wholeSeconds)
  }

  // MARK: - Sessions in use

  private mutating func begin(_ cell: Int, of machine: Int, at end: Timestamp) {
    guard isUp[machine], tier.timeline?.cells[machine][cell].isInUse == false else { return }
    tier.timeline?.begin(cell, of: machine)
    for role in 0..<fleet.rolesPerHost { tier.begin(tier.timeline!.slot(of: role, in: cell), of: machine) }
    tier.pump(machine)
    unrestUntil = max(unrestUntil, end + .seconds(5))
  }

  private mutating func dropUnused(at end: Timestamp) {
    for machine in 0..<fleet.machines {
      for cell in 0..<fleet.cells
      where tier.timeline!.cells[machine][cell].isInUse
        && end - hosts.uses[machine * fleet.cells + cell] >= TierFleet.idle
      {
        tier.timeline?.end(cell, of: machine)
        for role in 0..<fleet.rolesPerHost { tier.end(tier.timeline!.slot(of: role, in: cell), of: machine) }
        tier.pump(machine)
      }
    }
  }

  // MARK: - Findings

  private mutating func endPhase(_ number: Int) {
    let start = fleet.start(of: number)
    let (reads, waits) = hosts.endPhase(at: now)
    phases.append(
      TierFindings.Phase(
        phase: fleet.phases[number], calls: tier.findings.rate(from: start, to: now),
        requests: hosts.requests(from: start, to: now), reads: reads, waits: waits))
  }

  private mutating func conclude() -> TierFindings {
    var violations = tier.conclude().violations + hosts.violations
    for phase in phases {
      if phase.reads.expired > 0 { violations.append("'\(phase.phase.name)': a reader got an expired session") }
      if phase.calls.peak > Scenario.accountLimit * 1.1 {
        violations.append(
          "'\(phase.phase.name)': \(phase.calls.peak.tenths) calls in a second, more than the account has")
      }
      if let fault = phase.fault { violations.append("'\(phase.phase.name)': \(fault)") }
    }
    return TierFindings(
      fleet: fleet, phases: phases, throttled: tier.findings.counts.throttled, violations: violations)
  }
}

extension Simulator {
  /// Drops a derived session that nobody uses.
  mutating func end(_ slot: Int, of host: Int) {
    serve(nil, slot, host)
    if hosts[host].roles[slot].isCalling() { hosts[host].countDerived(-1) }
    hosts[host].schedule.remove(slot)
    hosts[host].outcomes.remove(slot)
    hosts[host].roles[slot].restart(timing: scenario.timing, at: now)
  }
}
