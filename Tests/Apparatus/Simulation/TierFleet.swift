package import Core

/// Hosts without an AccessKey, the machines of the tier that serves them, and what happens to both.
///
/// Every host has `rolesPerHost` of the tier's `roles`: those with which it shares all of them, and its shard, are its *cell*.
package struct TierFleet: Sendable {
  package enum Event: Sendable {
    /// STS answers 500 to everybody.
    case outage(Duration)
    /// The first so many machines are gone, with all that they held; their addresses refuse connections.
    case loss(machines: Int, Duration)
    /// Each host is restarted at a random time within this span: it is down for a minute and has lost its sessions.
    case restarts(within: Duration)
  }

  /// A part of the run, whose figures are counted by themselves.
  package struct Phase: Sendable {
    package let name: String
    package let length: Duration
    /// What begins with it.
    package let event: Event?
    /// Whether no reader may get less than the floor in it, nor nothing.
    package let promisesFloor: Bool
    /// Of so many hosts one is simulated from here on, and requests are scaled up; only in the last part.
    package var sampleOf = 1
  }

  package var name: String
  package var seed: UInt64
  package var hosts: Int
  package var machines = 3
  package var shards = 64
  /// In all, of which each host has `rolesPerHost`.
  package var roles = Fleet.rolesPerHost
  package var rolesPerHost = Fleet.rolesPerHost
  package var timing: RoleTiming
  /// Of each machine: as much as it takes to have all sessions of ten roles and 64 shards again in half a minute. With the burst, all machines
  /// together stay within the account's limit when they start at once.
  package var requestsPerSecond = 20.0
  package var burst = 10
  /// Hosts start at random within this span, machines at its beginning.
  package var startWithin = Fleet.startWithin
  package var phases: [Phase]
  /// One of so many hosts has the daemon's machines (`TierWitness`).
  package var witnessOf = 1000

  /// How long a host that is restarted is down.
  static let downTime = Duration.minutes(1)
  /// After how long without a request a tier drops the sessions of a shard, unless it is set.
  static let idle = Duration.hours(2)

  package init(
    _ name: String, hosts: Int, duration: Duration, roles: Int = Fleet.rolesPerHost, seed: UInt64, phases: [Phase]
  ) {
    (self.name, self.hosts, self.roles, self.seed, self.phases) = (name, hosts, roles, seed, phases)
    timing = RoleTiming(duration: duration)
  }

  /// A loss of the tier for as long as roles have to survive an outage, with this rate of its machines.
  package static func loss(hosts: Int, duration: Duration, requestsPerSecond: Double, seed: UInt64) -> TierFleet {
    let survived = RoleTiming(duration: duration).surviveOutage
    var fleet = TierFleet(
      "tier-loss-\(duration.text)-\(hosts)", hosts: hosts, duration: duration, seed: seed,
      phases: [
        Phase(name: "start", length: duration, event: nil, promisesFloor: false),
        Phase(name: "loss", length: survived + .hours(1), event: .loss(machines: 3, survived), promisesFloor: false),
      ])
    fleet.requestsPerSecond = requestsPerSecond
    return fleet
  }

  /// Thirty days with everything that the tier has to survive. In their last part, in which nothing happens any more, one of `sampleOf` hosts is
  /// simulated.
  package static func month(hosts: Int, duration: Duration, seed: UInt64, sampleOf: Int = 1) -> TierFleet {
    TierFleet(
      "tier-month-\(duration.text)-\(hosts)", hosts: hosts, duration: duration, seed: seed,
      phases: phases(duration, quiet: .hours(24), end: .hours(30 * 24), sampleOf: sampleOf))
  }

  /// The same events with less time between them.
  package static func short(hosts: Int, duration: Duration, seed: UInt64) -> TierFleet {
    TierFleet(
      "tier-short-\(duration.text)-\(hosts)", hosts: hosts, duration: duration, seed: seed,
      phases: phases(duration, quiet: duration * 2, end: nil))
  }

  /// Only the steady state, for as many steps.
  package static func steady(hosts: Int, duration: Duration, roles: Int = Fleet.rolesPerHost, seed: UInt64) -> TierFleet
  {
    let step = RoleTiming(duration: duration).step
    return TierFleet(
      "tier-steady-\(duration.text)-\(hosts)", hosts: hosts, duration: duration, roles: roles, seed: seed,
      phases: [
        // Until what hosts fetched from other machines at the start has been dropped.
        Phase(name: "start", length: max(step * 3, idle + .hours(1)), event: nil, promisesFloor: false),
        Phase(name: "steady", length: step * 8, event: nil, promisesFloor: true),
      ])
  }

  private static func phases(_ duration: Duration, quiet: Duration, end: Duration?, sampleOf: Int = 1) -> [Phase] {
    let survived = RoleTiming(duration: duration).surviveOutage
    let settling = duration
    func phase(_ name: String, _ event: Event?, _ length: Duration, promises: Bool = true) -> Phase {
      Phase(name: name, length: length, event: event, promisesFloor: promises)
    }
    var phases = [
      phase("cold start", nil, .hours(1), promises: false),
      phase("nothing happens", nil, quiet),
      phase("STS fails for \(survived.text)", .outage(survived), survived + settling),
      phase(
        "STS fails for \((duration + .hours(1)).text)", .outage(duration + .hours(1)), duration + .hours(1) + settling,
        promises: false),
      phase("one machine is lost for 1h", .loss(machines: 1, .hours(1)), .hours(1) + settling),
      phase("the tier is lost for \(survived.text)", .loss(machines: 3, survived), survived + settling),
      phase(
        "the tier is lost for \((duration + .hours(1)).text)", .loss(machines: 3, duration + .hours(1)),
        duration + .hours(1) + settling, promises: false),
      phase("all hosts restart within 1h", .restarts(within: .hours(1)), .hours(1) + TierFleet.downTime),
    ]
    if let end {
      let used = phases.reduce(Duration.zero) { $0 + $1.length }
      phases.append(phase("nothing happens, to the end", nil, max(.hours(1), end - used)))
      phases[phases.count - 1].sampleOf = sampleOf
    }
    return phases
  }

  package var span: Duration { phases.reduce(.zero) { $0 + $1.length } }

  /// How many sets of roles hosts have.
  var roleSets: Int { max(1, roles / rolesPerHost) }
  var cells: Int { shards * roleSets }

  /// The cell of a host with this number.
  func cell(of number: UInt32) -> Int {
    HostNumber.shard(of: number, among: shards) * roleSets + Int(number / UInt32(shards)) % roleSets
  }

  /// When the phase of this number begins.
  func start(of phase: Int) -> Timestamp {
    phases.prefix(phase).reduce(Timestamp(microseconds: 0)) { $0 + $1.length }
  }

  /// The first stage: the machines, each with the roles' own sessions and those of all cells.
  var firstStage: Scenario {
    var scenario = Scenario(name: name, seed: seed, span: span)
    scenario.hosts = machines
    scenario.rolesPerHost = roles + cells * rolesPerHost
    scenario.firstDerived = roles
    scenario.timing = timing
    scenario.requestsPerSecond = requestsPerSecond
    scenario.burst = burst
    // They are counted where the hosts' readers get them.
    scenario.uncountedRoles = Set(0..<scenario.rolesPerHost)
    for (number, phase) in phases.enumerated() {
      switch phase.event {
      case .outage(let length): scenario.outages.append(Outage(.serverError, at: start(of: number), for: length))
      case .loss(let machines, let length):
        for machine in 0..<min(machines, self.machines) {
          scenario.incidents.append(
            Incident(host: machine, at: start(of: number), kind: .restart(after: length)))
        }
      case .restarts, nil: break
      }
    }
    return scenario
  }
}
