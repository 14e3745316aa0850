import Glibc
import Laboratory
import TestSupport

/// Ten thousand AssumeRole calls as fast as they go, while somebody reads.
extension Bench {
  private static let roles = 10_000
  private static let fewerRoles = 1000

  func measureBurst(_ report: inout Report) throws {
    let bursts = try measureBursts(roles: Self.roles)
    let fewer = try measureBursts(roles: Self.fewerRoles)
    func middle(_ value: (Burst) -> Double) -> Double { median(bursts.map(value)) }
    let perRefresh = (many: middle(\.cpuPerRefresh), few: median(fewer.map(\.cpuPerRefresh)))
    report.add(
      "During 10,000 AssumeRole calls",
      """
      All 10,000 roles are told to refresh at once; a reader asks every 2 ms on a new connection, its time counted from when it was \
      due. STS on the same machine, by TLS; requests_per_second and burst are \(Stage.rate). The median of \(bursts.count) bursts each.
      """,
      [
        .bounded("burst-10000-p99", "ms", middle(\.busy.p99) / 1000, atMost: 5),
        Row(
          measure: "burst-10000-p50", unit: "us", ours: middle(\.busy.p50), yardstick: middle(\.calm.p50),
          ratio: middle { $0.busy.p50 / $0.calm.p50 }, beside: "in quiet"),
        Row(measure: "refresh-10000-seconds", unit: "s", ours: middle(\.lasted)),
        Row(measure: "refresh-10000-rate", unit: "1/s", ours: middle { Double(Self.roles) / $0.lasted }),
        Row(
          measure: "cpu-per-refresh", unit: "us", ours: perRefresh.many, yardstick: perRefresh.few,
          ratio: perRefresh.many / perRefresh.few, beside: "1,000 roles"),
      ])
  }

  private struct Burst {
    let calm: LoadResult
    let busy: LoadResult
    /// In seconds.
    let lasted: Double
    /// In µs.
    let cpuPerRefresh: Double
  }

  private func measureBursts(roles: Int) throws -> [Burst] {
    let stage = try Stage(roles: roles)
    try stage.start()
    try stage.fillPools()
    return try (0..<form.bursts).map { _ in try measureBurst(of: roles, on: stage) }
  }

  private func measureBurst(of roles: Int, on stage: Stage) throws -> Burst {
    let pid = stage.lab.daemon.child.pid
    let before = try (cpu: cpuSeconds(pid), draws: stage.lab.emulator.draws(result: "OK"))
    let calm = try read(stage) { usleep(useconds_t(form.seconds * 2_000_000)) }
    let calmCPU = try cpuSeconds(pid) - before.cpu
    let started = (cpu: try cpuSeconds(pid), time: ContinuousClock.now)
    var lasted = 0.0
    let busy = try read(stage) {
      try stage.refreshAll()
      try stage.awaitDraws(before.draws + roles)
      lasted = (ContinuousClock.now - started.time) / .seconds(1)
    }
    // The reader's own share is what it took in quiet.
    let cpu = try cpuSeconds(pid) - started.cpu - calmCPU * lasted / (form.seconds * 2)
    return Burst(calm: calm, busy: busy, lasted: lasted, cpuPerRefresh: cpu * 1e6 / Double(roles))
  }

  /// What a paced reader finds while `body` runs.
  private func read(_ stage: Stage, _ body: () throws -> Void) throws -> LoadResult {
    let load = Load(request: .get(Stage.request), makesNewConnections: true, pace: 2000)
    let directory = try TemporaryDirectory()
    let child = try ChildProcess(load.arguments(stage.socket, 600, 0), in: directory)
    try body()
    guard child.stop() == 0 else { throw BenchError("bench-load: \(child.errors)") }
    let result = try LoadResult(child.output)
    guard result.errors == 0 else { throw BenchError("\(result.errors) bad replies during the burst") }
    return result
  }
}
