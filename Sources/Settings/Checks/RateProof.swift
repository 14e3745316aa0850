import Core

/// Checks that the refreshes of all roles leave enough of the daemon's rate for retries and reservations.
struct RateProof {
  /// The share of the rate that refreshes may use.
  static let share = 0.7

  let rate: Double
  /// AssumeRole calls per second in steady state, the sum of N/A.
  let calls: Double

  init(rate: Double, timings: some Sequence<RoleTiming>) {
    self.rate = rate
    calls = timings.reduce(0) { $0 + $1.callsPerSecond }
  }

  var holds: Bool { calls <= Self.share * rate }

  var problem: String {
    "is \(rate.plain), but the roles' refreshes take \(calls.upToHundredths) per second, and at most 70 % of it is for them"
  }

  var remedy: String {
    let limit = Schema.STS.requestsPerSecond.allowed.upperBound
    let needed = (calls / Self.share * 10).rounded(.up) / 10
    return needed <= limit
      ? "write requests_per_second = \(needed.plain), or a longer refresh_after or a smaller pool for the roles"
      : "write a longer refresh_after or a smaller pool for the roles: no rate up to \(limit.plain) is enough"
  }
}

extension Double {
  fileprivate var upToHundredths: String { ((self * 100).rounded(.up) / 100).plain }
}
