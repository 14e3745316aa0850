/// Allows a maximum number of requests within any second; refused ones don't count.
struct RequestRate: Sendable {
  private static let second: Int64 = 1_000_000

  let limit: Int
  /// The times of the last `limit` allowed requests, the oldest at `oldest` once the ring is full.
  private var allowed: [WallTime] = []
  private var oldest = 0

  init(perSecond limit: Int) { self.limit = limit }

  mutating func admit(at now: WallTime) -> Bool {
    guard limit > 0 else { return false }
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

/// The rates of an API's operations, separate for each region and account (the vendor's "STS quotas" and "API QPS limits").
struct CallRates: Sendable {
  private struct Key: Hashable {
    let region: String
    let account: String
    let action: String
  }

  /// Regions are named by the sender; a flood of names must not grow the table.
  private static let mostRates = 10_000

  private var rates: [Key: RequestRate] = [:]

  mutating func admit(
    _ action: String, of account: String, in region: String = "", perSecond limit: Int, at now: WallTime
  ) -> Bool {
    var key = Key(region: region, account: account, action: action)
    if rates[key] == nil, rates.count >= Self.mostRates { key = Key(region: "", account: account, action: action) }
    // Another quota counts from zero.
    if rates[key]?.limit != limit { rates[key] = RequestRate(perSecond: limit) }
    return rates[key]?.admit(at: now) ?? false
  }
}

/// The regions whose quota differs from the accounts' own.
struct RegionQuotas: Sendable {
  private(set) var perSecond: [String: Int] = [:]

  /// Nil for the accounts' own.
  subscript(region: String) -> Int? {
    get { perSecond[region] }
    set { perSecond[region] = newValue }
  }
}

extension Request {
  /// The region whose STS is called: that in `sts.REGION.aliyuncs.com` or `sts-vpc.REGION.aliyuncs.com`, which have one quota. For any
  /// other host its name without the port; whether `sts.aliyuncs.com` counts as a region of its own is (?).
  var region: String {
    let host = header("host")?.lowercased() ?? ""
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    if parts.count == 4, parts[0] == "sts" || parts[0] == "sts-vpc", parts[2] == "aliyuncs",
      parts[3].prefix(while: { $0 != ":" }) == "com"
    {
      return String(parts[1])
    }
    return host.lastIndex(of: ":").map { String(host[..<$0]) } ?? host
  }
}
