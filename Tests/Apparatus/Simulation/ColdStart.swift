import Core
import TestSupport

/// A fleet whose hosts all start at once, without any session: how long each pair of host and role waits for its first one.
///
/// It is driven by events. Each host has the daemon's own schedule, with its queue, rates and regions; its roles have the daemon's
/// back-off and no more, so that a million pairs take seconds. An answer comes at once.
package struct ColdStart: Sendable {
  package var hosts: Int
  package var rolesPerHost = Fleet.rolesPerHost
  /// How many of the hosts are simulated; the regions' limits are scaled by the same share.
  package var sample: Int?
  package var regions: Int
  /// What the settings say of the fleet; 1 for a fleet that knows nothing of itself.
  package var fleetSize: Int
  package var seed: UInt64
  /// The hosts start at random within this span.
  package var startWithin = Fleet.startWithin
  /// The setting, as for hosts with so few roles.
  package var requestsPerSecond = 2.0
  package var burst = 20
  package var duration = Duration.hours(12)
  /// The run ends then, or when every pair has a session.
  package var longest = Duration.hours(6)

  package init(hosts: Int, regions: Int, fleetSize: Int? = nil, sample: Int? = nil, seed: UInt64) {
    self.hosts = hosts
    self.regions = regions
    self.fleetSize = fleetSize ?? hosts
    self.sample = sample
    self.seed = seed
  }

  package var pairs: Int { hosts * rolesPerHost }
  var simulated: Int { min(hosts, sample ?? hosts) }
  package var simulatedPairs: Int { simulated * rolesPerHost }
  /// The time that the account needs for all pairs.
  package var ideal: Duration { .seconds(fraction: Double(pairs) / (Scenario.accountLimit * Double(regions))) }

  /// What was found. Times are from the start of the host to the first session.
  package struct Outcome: Sendable {
    package let waits: Quantiles
    /// Of the one role of each host that a reader waits for from the beginning.
    package let awaited: Quantiles
    package let granted: Int
    package let refused: Int
    /// Calls of the whole fleet in the busiest second, scaled up from the sample.
    package let peak: Double
  }

  package func run() -> Outcome {
    var fleet = StartingFleet(self)
    return fleet.run()
  }
}

/// The run of a `ColdStart`.
private struct StartingFleet {
  private struct Host {
    var schedule: HostSchedule
    var backoffs: [Backoff]
    /// The number of each role's latest attempt.
    var attempts: [UInt64]
    var hasSession: [Bool]
    let started: Timestamp
    /// The role that a reader waits for.
    let awaited: Int
    var isStarted = false
  }

  private static let throttling = Failure(
    .throttled(wait: nil), code: "Throttling.User", httpStatus: 400, advice: "")
  private static let mostRegionsOfCall = 3

  private let scenario: ColdStart
  private let names: [String]
  private var hosts: [Host] = []
  private var events = Agenda()
  private var chance: SeededGenerator
  private var quotas: [String: Quota]
  /// From the start of the host to the first session; those of roles that a reader waits for, and others.
  private var waits: [Duration] = []
  private var awaited: [Duration] = []
  private var granted = 0
  private var refused = 0
  private var second: Int64 = 0
  private var callsInSecond = 0
  private var mostInSecond = 0
  private var waiting: Int

  /// A region's limit for the account. A sample's is lower, but as many calls are let through at once: otherwise chance, by which calls
  /// come close together, would waste more of it than of the whole fleet's.
  private struct Quota {
    let limit: Double
    var allowance: Double
    var updated = Timestamp(microseconds: 0)

    mutating func admits(at now: Timestamp) -> Bool {
      allowance = min(Scenario.accountLimit, allowance + (now - updated).inSeconds * limit)
      updated = now
      guard allowance >= 1 else { return false }
      allowance -= 1
      return true
    }
  }

  init(_ scenario: ColdStart) {
    self.scenario = scenario
    chance = SeededGenerator(seed: scenario.seed)
    let regions = Region.known.sorted().prefix(scenario.regions).compactMap { Region($0) }
    names = regions.map(\.name)
    let limit = Scenario.accountLimit * Double(scenario.simulated) / Double(scenario.hosts)
    quotas = Dictionary(uniqueKeysWithValues: names.map { ($0, Quota(limit: limit, allowance: max(1, limit))) })
    waiting = scenario.simulated * scenario.rolesPerHost
    hosts.reserveCapacity(scenario.simulated)
    for number in 0..<scenario.simulated {
      let start = Timestamp(microseconds: 0) + chance.duration(.zero...scenario.startWithin)
      let order = Region.order(regions, of: "host-\(number)").map(\.name)
      let queue = FetchQueue(
        rate: scenario.requestsPerSecond, burst: scenario.burst, regions: order, at: start)
      hosts.append(
        Host(
          schedule: HostSchedule(queue: queue, clock: ServerClock(wallMicroseconds: 0, at: start)),
          backoffs: Array(repeating: Backoff(), count: scenario.rolesPerHost),
          attempts: Array(repeating: 0, count: scenario.rolesPerHost),
          hasSession: Array(repeating: false, count: scenario.rolesPerHost), started: start,
          awaited: Int(chance.next() % UInt64(scenario.rolesPerHost))))
      events.set(number, to: start)
    }
  }

  mutating func run() -> ColdStart.Outcome {
    let end = Timestamp(microseconds: 0) + scenario.longest
    while waiting > 0, let now = events.first, now <= end, let host = events.popDue(at: now) { wake(host, at: now) }
    let scale = Double(scenario.hosts) / Double(scenario.simulated)
    return ColdStart.Outcome(
      waits: Quantiles(waits, unended: waiting, watched: scenario.longest),
      awaited: Quantiles(awaited, unended: scenario.simulated - awaited.count, watched: scenario.longest),
      granted: granted, refused: refused, peak: Double(max(mostInSecond, callsInSecond)) * scale)
  }

  private mutating func wake(_ host: Int, at now: Timestamp) {
    if !hosts[host].isStarted { start(host, at: now) }
    while let slot = hosts[host].schedule.nextDue(at: now) { fetch(slot, of: host, at: now) }
    while let ticket = hosts[host].schedule.nextCall(at: now) { call(ticket.role, of: host, at: now) }
    if let next = hosts[host].schedule.wakeUp(at: now, hasRoom: true) { events.set(host, to: next) }
  }

  private mutating func start(_ host: Int, at now: Timestamp) {
    hosts[host].isStarted = true
    hosts[host].schedule.joinFleet(of: scenario.fleetSize, at: now, using: &chance)
    for slot in 0..<scenario.rolesPerHost { fetch(slot, of: host, at: now) }
    hosts[host].schedule.readersWait(for: hosts[host].awaited)
  }

  private mutating func fetch(_ slot: Int, of host: Int, at now: Timestamp) {
    hosts[host].attempts[slot] += 1
    let isSecond = hosts[host].hasSession[slot]
    let attempt = Attempt(
      id: AttemptID(number: hosts[host].attempts[slot]), purpose: .pool, duration: scenario.duration,
      urgency: isSecond ? .due(floorReached: now + scenario.duration / 2) : .first)
    _ = hosts[host].schedule.perform(.fetch(attempt), of: slot)
  }

  private mutating func call(_ slot: Int, of host: Int, at now: Timestamp) {
    var asked: [String] = []
    while asked.count < Self.mostRegionsOfCall,
      let region = names.count == 1
        ? (asked.isEmpty ? names[0] : nil) : hosts[host].schedule.nextRegion(besides: asked, at: now)
    {
      asked.append(region)
      count(at: now)
      if quotas[region]?.admits(at: now) == true {
        hosts[host].schedule.regionAnswered(region, isGranted: true, at: now)
        return grant(slot, of: host, at: now)
      }
      refused += 1
      hosts[host].schedule.regionThrottled(region, wait: nil, at: now, using: &chance)
    }
    hosts[host].schedule.learn(from: Self.throttling, of: slot, date: nil, sent: now, at: now, using: &chance)
    let wait = hosts[host].backoffs[slot].wait(after: Self.throttling, using: &chance)
    _ = hosts[host].schedule.perform(.arm(now + wait), of: slot)
  }

  private mutating func grant(_ slot: Int, of host: Int, at now: Timestamp) {
    granted += 1
    hosts[host].schedule.learnSuccess(of: slot, sent: now)
    hosts[host].backoffs[slot].reset()
    // Half of the duration as refresh_after, pool 2, a tenth of jitter.
    let step = scenario.duration / 4
    _ = hosts[host].schedule.perform(
      .arm(now + step + .random(in: step / -10...step / 10, using: &chance)), of: slot)
    guard !hosts[host].hasSession[slot] else { return }
    hosts[host].hasSession[slot] = true
    waiting -= 1
    waits.append(now - hosts[host].started)
    if slot == hosts[host].awaited { awaited.append(now - hosts[host].started) }
  }

  private mutating func count(at now: Timestamp) {
    if now.microseconds / 1_000_000 != second {
      mostInSecond = max(mostInSecond, callsInSecond)
      (second, callsInSecond) = (now.microseconds / 1_000_000, 0)
    }
    callsInSecond += 1
  }
}
