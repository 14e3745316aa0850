/// Allows a maximum number of requests within any second; refused ones don't count.
struct RequestRate: Sendable {
  private static let second: Int64 = 1_000_000

  private let limit: Int
  /// The times of the last `limit` allowed requests, the oldest at `oldest` once the ring is full.
  private var allowed: [WallTime] = []
  private var oldest = 0

  init(perSecond limit: Int) { self.limit = limit }

  mutating func admit(at now: WallTime) -> Bool {
    guard allowed.count >= limit else {
      allowed.append(now)
      return true
    }
    let age = now.microseconds - allowed[oldest].microseconds
    // A negative age means that the clock was set back, which makes old times meaningless.
    guard age >= Self.second || age < 0 else { return false }
    allowed[oldest] = now
    oldest = (oldest + 1) % limit
    return true
  }
}

/// The rates of an API's operations, separate for each account (the vendor's "STS quotas" and "API QPS limits").
struct CallRates: Sendable {
  private struct Key: Hashable {
    let account: String
    let action: String
  }

  private var rates: [Key: RequestRate] = [:]

  mutating func admit(_ action: String, of account: String, perSecond limit: Int, at now: WallTime) -> Bool {
    rates[Key(account: account, action: action), default: RequestRate(perSecond: limit)].admit(at: now)
  }
}
