package import Core

/// What is simulated: a fleet of hosts that share one account, and everything that happens to it.
///
/// The virtual clock is the boot clock of every host, from zero. Nothing in it depends on the machine that computes it.
package struct Scenario: Sendable {
  package var name: String
  package var seed: UInt64
  package var span: Duration

  // The fleet.
  package var hosts = 1
  /// How many of the hosts are simulated; the account's limit is scaled by the same share.
  package var sample: Int?
  package var rolesPerHost = 1
  package var timing = RoleTiming()
  package var requestsPerSecond = 2.0
  package var burst = 20
  /// The roles from this number on are sessions derived from roles, each of which is fetched once somebody asks for it; nil if there are
  /// none.
  var firstDerived: Int?
  /// The hosts start at random within this span.
  package var startWithin = Duration.zero
  /// How far the hosts' wall clocks are off at the start, either way.
  package var wallError = Duration.zero

  // STS.
  /// What Alibaba Cloud allows.
  package static let accountLimit = 100.0
  /// AssumeRole calls per second for all hosts together, which ask one region (STS quotas: 100 for each region, API and account).
  package var accountLimit = Self.accountLimit
  package var outages: [Outage] = []
  /// The share of calls that fail by themselves, of those that never have an outcome, and of answers with a wrong `Date`.
  package var blips = 0.0
  package var lostCalls = 0.0
  package var oddDates = 0.0
  /// The share of calls for which less than asked is granted, half of it.
  package var shortGrants = 0.0
  /// The roles that are refused for a time, until somebody fixes it.
  package var bans: [Ban] = []

  // The hosts.
  package var incidents: [Incident] = []

  /// Reads before it aren't counted.
  package var countsReadsFrom = Timestamp(microseconds: 0)
  /// The roles whose reads aren't counted, on every host.
  package var uncountedRoles: Set<Int> = []

  // What it promises beside what always holds.
  /// No reader gets less than the floor.
  package var promisesFloor = false
  /// No read that is counted is refused.
  package var promisesService = false
  /// The fleet's calls about the end of an outage are spread as they are when each role goes its own way (`Herd`).
  package var promisesNoHerd = false

  /// How the roles are kept in step, to see that it is noticed; nil when each goes its own way.
  package var lockstep: Lockstep?

  package init(name: String, seed: UInt64, span: Duration) {
    self.name = name
    self.seed = seed
    self.span = span
  }

  func isDerived(_ slot: Int) -> Bool { firstDerived.map { slot >= $0 } ?? false }

  package var simulatedHosts: Int { min(hosts, sample ?? hosts) }
  package var simulatedPairs: Int { simulatedHosts * rolesPerHost }
  package var share: Double { Double(simulatedHosts) / Double(hosts) }

  /// The command that runs it again.
  package var replay: String { ".build/release/simulate --seed \(seed) --scenario \(name)" }
  /// The same for a report of what is wrong; the remark is the shell's, too.
  package var replayHint: String { "replay: \(replay)  # 'make simulate' builds it" }
}

/// A time in which STS doesn't do its work for anybody.
package struct Outage: Sendable {
  package enum Kind: String, CaseIterable, Sendable {
    /// The connection is refused at once.
    case refused
    /// Nothing comes back until the time-out.
    case silent
    /// 5xx after the usual latency.
    case serverError
    /// Everything is throttled, without a figure.
    case throttled
    /// Everything is throttled, with a figure of three seconds.
    case throttledAsTold

    package var isTransient: Bool { self != .throttled && self != .throttledAsTold }
  }

  package var kind: Kind
  package var start: Timestamp
  /// Whole seconds, like `start`, so that the seconds after it are counted whole.
  package var length: Duration

  package var end: Timestamp { start + length }

  package init(_ kind: Kind, at start: Timestamp, for length: Duration) {
    self.kind = kind
    self.start = start
    self.length = length
  }
}

/// A way to spoil what spreads the calls of a fleet.
package enum Lockstep: CaseIterable, Sendable {
  /// Every wait is the middle one of those that it may be.
  case withoutJitter
  /// Every role gets the same random waits as all others.
  case sharedJitter
  /// Every role is looked at when a second begins.
  case wholeSeconds
}

/// A role that STS refuses from one instant to another.
package struct Ban: Sendable {
  /// Every host's role of this number.
  package var role: Int
  package var start: Timestamp
  package var end: Timestamp
  var trouble = Trouble.forbidden
}

/// Something that happens to one host.
package struct Incident: Sendable {
  package enum Kind: Sendable {
    /// The daemon ends, all sessions are lost, and starts again after a while.
    case restart(after: Duration)
    /// Nothing runs, and the boot clock goes on.
    case suspend(for: Duration)
    case wallClockStep(by: Duration)
    case reload
    case refresh(role: Int)
    /// A reader wants a session with so much life, or any with nil, and waits up to `wait`.
    case read(role: Int, minTTL: Duration?, wait: Duration, uid: UInt32)
    /// A reload gives the role other times.
    case changeTiming(role: Int, RoleTiming)
    /// A reload changes what is asked of STS for the role.
    case changeRequest(role: Int)
    /// STS has forgotten one of the sessions that the role holds, counted from the oldest and from the start again.
    case condemn(role: Int, session: Int)
  }

  package var host: Int
  package var at: Timestamp
  package var kind: Kind
}
