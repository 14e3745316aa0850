import Glibc
import Laboratory
import TestSupport

/// What the daemon takes of the machine with so many roles; in bytes.
struct MemoryPoint {
  let roles: Int
  let anonymous: Double
  let resident: Double
}

/// Memory and the cost of a request, by the number of roles.
extension Bench {
  private static let roleCounts = [1, 10, 100, 1000, 10_000]
  private static let megabyte = 1_000_000.0

  func measureMemory(_ report: inout Report) throws {
    var rows: [Row] = []
    var cost: [Row] = []
    let few = try Stage(roles: 10)
    try few.start()
    for count in Self.roleCounts {
      let stage = try Stage(roles: count)
      try stage.start()
      try stage.fillPools()
      let point = try memory(stage, roles: count)
      report.memory.append(point)
      rows += Self.rows(point, mostAnonymous: [10: 3.1, 10_000: 36][count])
      if count == Self.roleCounts.last { cost = try costOfRoles(stage, few, count) }
    }
    let trusting = try Stage(roles: 10, withHostAuthorities: true)
    try trusting.start()
    try trusting.fillPools()
    rows += Self.rows(try memory(trusting, roles: 10), "-host-authorities", mostAnonymous: 3.3)
    let longTokens = try Stage(roles: 10_000, tokenLength: 1024)
    try longTokens.start()
    try longTokens.fillPools()
    rows += Self.rows(try memory(longTokens, roles: 10_000), "-token-1024", mostAnonymous: 60)
    if let first = report.memory.first(where: { $0.roles == 1000 }), let last = report.memory.last, last.roles > 1000 {
      let each = (last.anonymous - first.anonymous) / Double(last.roles - first.roles)
      rows.append(Row(measure: "memory-anonymous-per-role", unit: "kB", ours: each / 1000))
    }
    report.add(
      "Memory",
      """
      From /metrics, the third reading, when every role has both sessions of its pool of 2, each with its secrets, and nothing is \
      under way; MB of 10⁶ bytes. SecurityTokens have \(Stage.tokenLength) characters, in the rows -token-1024 so many. \
      requests_per_second and burst are \(Stage.rate); no files. The daemon trusts the emulator's one authority, in the rows \
      -host-authorities the host's bundle too.
      """, rows)
    report.add("Cost of many roles", "The same request where there are 10,000 roles and where there are 10.", cost)
  }

  func memory(_ stage: Stage, roles: Int) throws -> MemoryPoint {
    var figures = Prometheus("")
    // What a scrape itself leaves behind belongs to it.
    for _ in 0..<3 { figures = Prometheus(try stage.lab.daemon.get("/metrics").body) }
    guard let anonymous = figures["rolekeeper_memory_anonymous_bytes"],
      let resident = figures["rolekeeper_memory_resident_bytes"], anonymous > 0
    else { throw BenchError("/metrics doesn't say how much memory the daemon uses") }
    return MemoryPoint(roles: roles, anonymous: anonymous, resident: resident)
  }

  private static func rows(_ point: MemoryPoint, _ suffix: String = "", mostAnonymous: Double?) -> [Row] {
    let (anonymous, resident) = (point.anonymous / megabyte, point.resident / megabyte)
    let name = "memory-anonymous-\(point.roles)\(suffix)"
    let own: Row? = mostAnonymous.map { .bounded(name, "MB", anonymous, atMost: $0) }
    return [
      own ?? Row(measure: name, unit: "MB", ours: anonymous),
      Row(measure: "memory-rss-\(point.roles)\(suffix)", unit: "MB", ours: resident),
    ]
  }

  private func costOfRoles(_ many: Stage, _ few: Stage, _ count: Int) throws -> [Row] {
    try [true, false].flatMap { isNew in
      let load = Load(request: .get(Stage.request), connections: 16, makesNewConnections: isNew)
      let found = try interleaved([{ try load.run(on: many.socket, form) }, { try load.run(on: few.socket, form) }])
      let name = "get-\(isNew ? "new-connection" : "keep-alive")-16"
      return [
        Row.compared(
          "\(name)-p50-roles-\(count)", "us", found[0].map(\.p50), with: found[1].map(\.p50), beside: "10 roles"),
        Row.compared(
          "\(name)-rate-roles-\(count)", "1/s", found[0].map(\.rate), with: found[1].map(\.rate), beside: "10 roles"),
      ]
    }
  }
}
