import Core

/// Checks that the refreshes of all roles leave enough of the daemon's rate for retries and reservations.
struct RateProof {
  /// The share of the rate that refreshes may use.
  static let share = 0.7

  let rate: Double
  /// AssumeRole calls per second in steady state, the sum of N/A, with as many derived sessions as there may be.
  let calls: Double
  /// Those for derived sessions.
  private let derivedCalls: Double

  init(rate: Double, timings: some Sequence<RoleTiming>, derivedCalls: Double = 0) {
    self.rate = rate
    self.derivedCalls = derivedCalls
    calls = timings.reduce(derivedCalls) { $0 + $1.callsPerSecond }
  }

  var holds: Bool { calls <= Self.share * rate }

  var problem: String {
    "is \(rate.plain), but the roles' refreshes take \(calls.upToHundredths) per second\(ofDerived), and at most 70 % of it is for them"
  }

  private var ofDerived: String {
    derivedCalls > 0
      ? ", \(derivedCalls.upToHundredths) of them for as many sessions of users, scopes and shards as 'max_users' and 'shards' allow"
      : ""
  }

  var remedy: String {
    let others = derivedCalls > 0 ? ", fewer max_users or shards" : ""
    let limit = Schema.STS.requestsPerSecond.allowed.upperBound
    let needed = (calls / Self.share * 10).rounded(.up) / 10
    return needed <= limit
      ? "write requests_per_second = \(needed.plain), or a longer refresh_after\(others) or a smaller pool for the roles"
      : "write a longer refresh_after\(others) or a smaller pool for the roles: no rate up to \(limit.plain) is enough"
  }
}

/// Compares the refreshes of a whole fleet, whose hosts are taken for equal, with the account's quota.
struct FleetProof {
  /// A tier has few machines; a larger number is probably that of the hosts that it serves.
  static let mostMachines = 100

  let hosts: Int
  /// One for `endpoint`.
  let regions: Int
  /// Of one host.
  let calls: Double

  private var needed: Double { Double(hosts) * calls }
  private var most: Double { RateProof.share * RegionalRate.quota * Double(regions) }

  var holds: Bool { hosts == 1 || needed <= most }

  var problem: String {
    "is \(hosts), and as many hosts with the roles of this one make \(needed.upToHundredths) calls per second; STS allows an account "
      + "\(RegionalRate.quota.plain) in \(regions == 1 ? "the region" : "each of \(regions) regions"), of which at most 70 % should be for refreshes"
  }

  var remedy: String {
    let count = Int((needed / (RateProof.share * RegionalRate.quota)).rounded(.up))
    let most = Schema.STS.regions.most
    return count <= most
      ? "write \(count) regions or more, a longer duration and refresh_after for the roles, or the number of hosts that have such roles"
      : "write a longer duration and refresh_after for the roles, or the number of hosts that have such roles: the \(most) regions that may be listed aren't enough"
  }
}

extension Double {
  fileprivate var upToHundredths: String { ((self * 100).rounded(.up) / 100).plain }
}
