import Core
import TestSupport

/// The scenarios by name. Those that are properties draw their figures from the seed, so that every seed is another case.
package struct Catalogue: Sendable {
  package let name: String
  /// What it shows, in half a sentence.
  package let about: String
  package let make: @Sendable (UInt64) -> Scenario

  /// Whether a run could have failed: an outage that nobody noticed shows nothing.
  package let shows: @Sendable (Findings) -> Bool

  /// What must hold for every seed.
  package static let properties: [Catalogue] = [
    Catalogue(
      name: "outage", about: "no reader gets less than the floor in an outage as long as declared", make: outage,
      shows: { $0.recoveries.contains { $0.roles > 0 } }),
    Catalogue(
      name: "crowd", about: "nor do those of a host whose roles need all of its rate", make: crowd,
      shows: { $0.recoveries.contains { $0.roles > 0 } }),
    Catalogue(
      name: "faults", about: "nothing expired is served whatever happens", make: faults,
      shows: { $0.reads.unserved < $0.reads.all }),
    Catalogue(
      name: "reservations", about: "a reserved session lasts as long as promised", make: reservations,
      shows: { $0.counts.reservationsServed > 0 }),
    Catalogue(
      name: "fairness", about: "roles that fail take nothing from those that work", make: fairness,
      shows: { $0.counts.calls > $0.counts.granted * 2 }),
    Catalogue(
      name: "herd", about: "a fleet doesn't come back all at once after an outage", make: herd,
      shows: { $0.recoveries.contains { $0.herd?.isTelling == true } }),
  ]

  package static let all =
    properties + [
      Catalogue(
        name: "month", about: "one host with 10,000 roles for 30 days", make: { month($0, roles: 10_000) },
        shows: { _ in true }),
      Catalogue(
        name: "small-month", about: "the same with 1,000 roles", make: { month($0, roles: 1000) }, shows: { _ in true }),
    ]

  /// Also a fleet's, by the name in its scenario.
  package static func named(_ name: String) -> Catalogue? {
    if let entry = all.first(where: { $0.name == name }) { return entry }
    guard Fleet.scenario(named: name, seed: 1) != nil else { return nil }
    return Catalogue(
      name: name, about: "a fleet on one account", make: { Fleet.scenario(named: name, seed: $0)! },
      shows: { _ in true })
  }

  // MARK: - Properties

  private static func outage(_ seed: UInt64) -> Scenario {
    var chance = SeededGenerator(seed: seed &* 31 &+ 1)
    var scenario = Scenario(name: "outage", seed: seed, span: .zero)
    scenario.timing = timing(using: &chance)
    scenario.rolesPerHost = Int.random(in: 1...20, using: &chance)
    scenario.requestsPerSecond = max(0.1, load(scenario) / Double.random(in: 0.2...0.7, using: &chance))
    scenario.promisesFloor = true
    // Each outage finds a pool that has settled since the one before.
    let pause = scenario.timing.duration * 2
    var start = pause
    for _ in 0..<3 {
      start = wholeSeconds(start + chance.duration(.zero...scenario.timing.duration))
      scenario.outages.append(declaredOutage(scenario, at: start, using: &chance))
      start += scenario.timing.surviveOutage + pause
    }
    scenario.span = start
    return scenario
  }

  private static func crowd(_ seed: UInt64) -> Scenario {
    var chance = SeededGenerator(seed: seed &* 31 &+ 2)
    var scenario = Scenario(name: "crowd", seed: seed, span: .zero)
    scenario.timing = RoleTiming(duration: [.hours(1), .hours(2), .hours(4)].randomElement(using: &chance)!)
    scenario.rolesPerHost = Int.random(in: 100...400, using: &chance)
    scenario.requestsPerSecond = max(0.1, load(scenario) / 0.7)
    scenario.burst = Int.random(in: 1...20, using: &chance)
    scenario.promisesFloor = true
    let start = wholeSeconds(scenario.timing.duration + chance.duration(.zero...scenario.timing.duration))
    scenario.outages = [declaredOutage(scenario, at: start, using: &chance)]
    scenario.outages[0].length = wholeSeconds(scenario.timing.surviveOutage)
    scenario.span = start + scenario.timing.surviveOutage + scenario.timing.duration
    return scenario
  }

  private static func faults(_ seed: UInt64) -> Scenario {
    var chance = SeededGenerator(seed: seed &* 31 &+ 3)
    var scenario = Scenario(name: "faults", seed: seed, span: .hours(24))
    scenario.timing = timing(using: &chance)
    scenario.hosts = Int.random(in: 1...3, using: &chance)
    scenario.rolesPerHost = Int.random(in: 1...5, using: &chance)
    scenario.wallError = [.zero, .minutes(5), .hours(24)].randomElement(using: &chance)!
    scenario.blips = Double.random(in: 0...0.2, using: &chance)
    scenario.lostCalls = Double.random(in: 0...0.02, using: &chance)
    scenario.oddDates = Double.random(in: 0...0.1, using: &chance)
    scenario.shortGrants = Double.random(in: 0...0.05, using: &chance)
    scenario.accountLimit = Bool.random(using: &chance) ? 100 : 0.5
    for _ in 0..<6 {
      scenario.outages.append(
        Outage(
          Outage.Kind.allCases.randomElement(using: &chance)!, at: instant(in: scenario.span, using: &chance),
          for: wholeSeconds(chance.duration(.seconds(1)...(.hours(3))))))
    }
    for role in 0..<2 {
      let start = instant(in: scenario.span, using: &chance)
      scenario.bans.append(Ban(role: role, start: start, end: start + chance.duration(.minutes(1)...(.hours(4)))))
    }
    for _ in 0..<40 {
      scenario.incidents.append(
        Incident(
          host: Int.random(in: 0..<scenario.hosts, using: &chance), at: instant(in: scenario.span, using: &chance),
          kind: incident(scenario, using: &chance)))
    }
    return scenario
  }

  private static func incident(_ scenario: Scenario, using chance: inout SeededGenerator) -> Incident.Kind {
    let role = Int.random(in: 0..<scenario.rolesPerHost, using: &chance)
    return switch Int.random(in: 0..<9, using: &chance) {
    case 0: .restart(after: chance.duration(.milliseconds(50)...(.minutes(5))))
    case 1: .suspend(for: chance.duration(.seconds(1)...(.hours(6))))
    case 2: .wallClockStep(by: chance.duration(.hours(-24)...(.hours(24))))
    case 3: .reload
    case 4: .refresh(role: role)
    case 5: .changeTiming(role: role, timing(using: &chance))
    case 6: .changeRequest(role: role)
    case 7: .condemn(role: role, session: Int.random(in: 0..<4, using: &chance))
    default: read(scenario, using: &chance)
    }
  }

  private static func read(_ scenario: Scenario, using chance: inout SeededGenerator) -> Incident.Kind {
    let life = wholeSeconds(chance.duration(.minutes(1)...(scenario.timing.maxDuration + .hours(1))))
    return .read(
      role: Int.random(in: 0..<scenario.rolesPerHost, using: &chance),
      minTTL: Int.random(in: 0..<8, using: &chance) == 0 ? nil : life,
      wait: wholeSeconds(chance.duration(.zero...(.seconds(60)))), uid: UInt32.random(in: 1000...1002, using: &chance))
  }

  private static func reservations(_ seed: UInt64) -> Scenario {
    var chance = SeededGenerator(seed: seed &* 31 &+ 4)
    var scenario = Scenario(name: "reservations", seed: seed, span: .hours(18))
    scenario.timing = timing(using: &chance)
    scenario.timing.maxDuration = .hours(12)
    scenario.rolesPerHost = Int.random(in: 1...6, using: &chance)
    scenario.burst = Int.random(in: 1...20, using: &chance)
    scenario.blips = 0.05
    scenario.shortGrants = 0.05
    scenario.oddDates = 0.01
    scenario.outages = [
      Outage(
        .serverError, at: instant(in: scenario.span, using: &chance),
        for: .minutes(Int64.random(in: 1...60, using: &chance)))
    ]
    for _ in 0..<1500 {
      let at = instant(in: scenario.span, using: &chance)
      scenario.incidents.append(Incident(host: 0, at: at, kind: read(scenario, using: &chance)))
    }
    for _ in 0..<60 {
      let role = Int.random(in: 0..<scenario.rolesPerHost, using: &chance)
      var other = timing(using: &chance)
      other.maxDuration = .hours(12)
      let kinds: [Incident.Kind] = [
        .condemn(role: role, session: Int.random(in: 0..<4, using: &chance)), .changeRequest(role: role),
        .changeTiming(role: role, other), .reload,
      ]
      let at = instant(in: scenario.span, using: &chance)
      scenario.incidents.append(Incident(host: 0, at: at, kind: kinds.randomElement(using: &chance)!))
    }
    for _ in 0..<30 { addReaderOfNothing(to: &scenario, using: &chance) }
    return scenario
  }

  /// STS forgets all sessions of a role, and a reader waits for the next one, which may turn out too short: it asks for a longer one
  /// while that is being published.
  private static func addReaderOfNothing(to scenario: inout Scenario, using chance: inout SeededGenerator) {
    let role = Int.random(in: 0..<scenario.rolesPerHost, using: &chance)
    let at = instant(in: scenario.span, using: &chance)
    for _ in 0..<6 {
      scenario.incidents.append(Incident(host: 0, at: at, kind: .condemn(role: role, session: 0)))
    }
    scenario.incidents.append(
      Incident(
        host: 0, at: at + .milliseconds(1),
        kind: .read(role: role, minTTL: scenario.timing.duration - .seconds(90), wait: .seconds(30), uid: 1000)))
  }

  /// Roles that work beside many that don't, each for its own reason, at a rate that can't serve all of them.
  private static func fairness(_ seed: UInt64) -> Scenario {
    var chance = SeededGenerator(seed: seed &* 31 &+ 6)
    let isShort = Bool.random(using: &chance)
    var scenario = fairness(
      seed, working: isShort ? 1 : Int.random(in: 1...5, using: &chance),
      failing: Int.random(in: 20...50, using: &chance), isShort: isShort,
      rate: Double.random(in: (isShort ? 0.3 : 0.1)...0.5, using: &chance), using: &chance)
    // A throttled rate is no promise for sessions of a minute.
    if !isShort {
      for _ in 0..<4 {
        let start = instant(in: scenario.span, using: &chance)
        let kind = [Outage.Kind.throttled, .throttledAsTold].randomElement(using: &chance)!
        scenario.outages.append(
          Outage(kind, at: start, for: wholeSeconds(chance.duration(.seconds(5)...(.seconds(40))))))
      }
    }
    addReaders(to: &scenario, using: &chance)
    return scenario
  }

  /// One reader of a role that works in six minutes, who waits for a minute: for any session, or for a longer one than the pool
  /// has. None comes while a throttle has lowered the rate: then a longer session is no promise.
  private static func addReaders(to scenario: inout Scenario, using chance: inout SeededGenerator) {
    let working = (0..<scenario.rolesPerHost).filter { !scenario.uncountedRoles.contains($0) }
    let end = Timestamp(microseconds: 0) + scenario.span - .minutes(2)
    var at = scenario.countsReadsFrom + .minutes(1)
    while at < end {
      let isThrottled = scenario.outages.contains { $0.start - .minutes(2) <= at && at <= $0.end + .minutes(15) }
      if !isThrottled {
        let minTTL = Int.random(in: 0..<4, using: &chance) == 0 ? nil : chance.duration(.minutes(1)...(.hours(11)))
        scenario.incidents.append(
          Incident(
            host: 0, at: at,
            kind: .read(
              role: working.randomElement(using: &chance)!, minTTL: minTTL.map(wholeSeconds), wait: .seconds(60),
              uid: 1000)))
      }
      at = at + wholeSeconds(chance.duration(.minutes(6)...(.minutes(8))))
    }
  }

  /// One good role beside forty that don't exist in RAM, at a call every two seconds.
  package static func strangers(_ seed: UInt64) -> Scenario {
    var chance = SeededGenerator(seed: seed)
    var scenario = fairness(seed, working: 1, failing: 40, isShort: true, rate: 0.5, using: &chance)
    for index in scenario.bans.indices {
      scenario.bans[index].start = Timestamp(microseconds: 0)
      scenario.bans[index].trouble = .forbidden
    }
    return scenario
  }

  private static func fairness(
    _ seed: UInt64, working: Int, failing: Int, isShort: Bool, rate: Double, using chance: inout SeededGenerator
  ) -> Scenario {
    var scenario = Scenario(name: "fairness", seed: seed, span: isShort ? .minutes(30) : .hours(12))
    scenario.rolesPerHost = working + failing
    scenario.requestsPerSecond = rate
    scenario.burst = Int.random(in: 1...20, using: &chance)
    if isShort {
      scenario.timing = RoleTiming(
        duration: .seconds(60), refreshAfter: .seconds(20), floor: .seconds(10), surviveOutage: .zero,
        lapseMargin: .seconds(1))
    }
    scenario.timing.maxDuration = .hours(12)
    scenario.uncountedRoles = Set((0..<scenario.rolesPerHost).shuffled(using: &chance).prefix(failing))
    let span = Timestamp(microseconds: 0) + scenario.span
    for role in scenario.uncountedRoles.sorted() {
      // Some have sessions first, which only long ones leave the rate for.
      let start =
        isShort || Bool.random(using: &chance)
        ? Timestamp(microseconds: 0) : instant(in: scenario.span / 2, using: &chance)
      scenario.bans.append(
        Ban(
          role: role, start: start, end: span,
          trouble: [.forbidden, .internalError, .cut].randomElement(using: &chance)!))
    }
    // Until every role's first attempt has been made.
    let firsts = Duration.seconds(fraction: Double(scenario.rolesPerHost) / rate)
    scenario.countsReadsFrom = Timestamp(microseconds: 0) + firsts + .seconds(30)
    scenario.promisesFloor = true
    scenario.promisesService = true
    return scenario
  }

  /// An outage of a fleet that runs, or of one that starts in it.
  private static func herd(_ seed: UInt64) -> Scenario {
    var chance = SeededGenerator(seed: seed &* 31 &+ 5)
    let length = Duration.seconds([20, 60, 180, 600, 1200].randomElement(using: &chance)!)
    let running = herd(
      seed, kind: Outage.Kind.allCases.randomElement(using: &chance)!, length: length,
      rolesPerHost: [1, 10, 100].randomElement(using: &chance)!)
    guard Int.random(in: 0..<3, using: &chance) == 0 else { return running }
    // Not while it throttles: hosts whose rates were halved in the same second give their roles tokens in the same ones, for minutes.
    return startingHerd(
      seed, kind: Outage.Kind.allCases.filter(\.isTransient).randomElement(using: &chance)!,
      length: .seconds([300, 600, 1200].randomElement(using: &chance)!),
      rolesPerHost: [1, 10].randomElement(using: &chance)!)
  }

  /// Hosts that all start within a second while STS does nothing, as when a site's power is back before its network: nothing but
  /// the waits after failures spreads their calls, which takes some minutes.
  package static func startingHerd(
    _ seed: UInt64, kind: Outage.Kind, length: Duration, rolesPerHost: Int, pairs: Int = 13_500
  ) -> Scenario {
    var scenario = Scenario(name: "herd", seed: seed, span: length + .seconds(61))
    scenario.rolesPerHost = rolesPerHost
    scenario.hosts = pairs / rolesPerHost
    scenario.startWithin = .seconds(1)
    scenario.outages = [Outage(kind, at: Timestamp(microseconds: 0), for: length)]
    scenario.promisesNoHerd = true
    return scenario
  }

  /// As many pairs as it takes for a hundred calls per second after an outage of this length, in hosts of any size.

  package static func herd(_ seed: UInt64, kind: Outage.Kind, length: Duration, rolesPerHost: Int) -> Scenario {
    var scenario = Scenario(name: "herd", seed: seed, span: .zero)
    let step = scenario.timing.step
    // Of those that became due in the outage all come within the minute after it, beside those of that minute.
    let share = min(1, (length + .seconds(60)).inSeconds / step.inSeconds)
    let pairs = 150 * 60 / share
    scenario.rolesPerHost = rolesPerHost
    scenario.hosts = Int(pairs) / rolesPerHost
    scenario.startWithin = step
    scenario.outages = [Outage(kind, at: Timestamp(microseconds: 0) + .seconds(1200), for: length)]
    scenario.span = .seconds(1200) + length + .seconds(61)
    scenario.promisesNoHerd = true
    return scenario
  }

  // MARK: - Figures

  /// One host with very many roles: the refreshes take 70 % of its rate, and things go wrong as they do.
  private static func month(_ seed: UInt64, roles: Int) -> Scenario {
    var chance = SeededGenerator(seed: seed)
    var scenario = Scenario(name: roles < 10_000 ? "small-month" : "month", seed: seed, span: .hours(720))
    scenario.rolesPerHost = roles
    scenario.requestsPerSecond = Double(roles) * 0.0016
    scenario.blips = 0.002
    scenario.oddDates = 0.0001
    for (kind, minutes) in [(Outage.Kind.refused, 20), (.silent, 20), (.serverError, 5), (.throttled, 10)] {
      let start = Timestamp(microseconds: 0) + wholeSeconds(chance.duration(.hours(2)...(.hours(700))))
      scenario.outages.append(Outage(kind, at: start, for: .minutes(Int64(minutes))))
    }
    scenario.outages.sort { $0.start < $1.start }
    return scenario
  }

  // MARK: - Drawing

  /// Times that hold their floor, from all over what the settings allow.
  private static func timing(using chance: inout SeededGenerator) -> RoleTiming {
    while true {
      let duration = Duration.minutes([15, 20, 30, 60, 60, 120, 360, 720].randomElement(using: &chance)!)
      let timing = RoleTiming(
        duration: duration, maxDuration: Bool.random(using: &chance) ? nil : .hours(12),
        pool: Int.random(in: 1...4, using: &chance),
        refreshAfter: wholeSeconds(chance.duration(duration / 5...duration * 3 / 5)),
        floor: wholeSeconds(chance.duration(.seconds(60)...duration / 2)),
        surviveOutage: wholeSeconds(chance.duration(.seconds(60)...duration / 2)))
      if timing.outageCover >= timing.surviveOutage + RoleTiming.outageOverhead { return timing }
    }
  }

  private static func declaredOutage(
    _ scenario: Scenario, at start: Duration, using chance: inout SeededGenerator
  ) -> Outage {
    let kind = [Outage.Kind.refused, .silent, .serverError].randomElement(using: &chance)!
    let length = wholeSeconds(chance.duration(.seconds(1)...scenario.timing.surviveOutage))
    return Outage(kind, at: Timestamp(microseconds: 0) + start, for: length)
  }

  /// AssumeRole calls per second that the roles of one host need.
  private static func load(_ scenario: Scenario) -> Double {
    Double(scenario.rolesPerHost) * scenario.timing.callsPerSecond
  }

  private static func wholeSeconds(_ span: Duration) -> Duration { .seconds(span.wholeSeconds) }

  private static func instant(in span: Duration, using chance: inout SeededGenerator) -> Timestamp {
    Timestamp(microseconds: 0) + wholeSeconds(chance.duration(.zero...span))
  }
}
