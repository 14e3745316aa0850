import Glibc
import Laboratory
import TestSupport

/// Ten thousand AssumeRole calls as fast as they go, while somebody reads.
extension Bench {
  private static let roles = 10_000
  private static let fewerRoles = 1000

  func measureBurst(_ report: inout Report) throws {
    let (stage, fewer) = (try Stage(roles: Self.roles), try Stage(roles: Self.fewerRoles))
    for stage in [stage, fewer] {
      try stage.start()
      try stage.fillPools()
    }
    let bare = try stage.startBareServer()
    var calm: [LoadResult] = []
    let found = try interleaved(
      rounds: form.bursts,
      [
        {
          let reader = try PacedReader(at: stage.socket, everyMicroseconds: 2000)
          usleep(useconds_t(form.seconds * 1_000_000))
          calm.append(try reader.end())
          return try read(at: stage.socket) { try refresh(stage) }
        },
        { try read(at: bare.socket) { try refresh(stage) } },
        { try read(at: bare.socket) { try BareRefresher.run(on: stage, calls: Self.roles) } },
        { try read(at: bare.socket) { try refresh(fewer) } },
      ])
    report.add(
      "During 10,000 AssumeRole calls",
      """
      All 10,000 roles refresh at once, on request; a reader asks every 2 ms on a new connection, its time counted from when it was \
      due. STS on the same machine, by TLS; requests_per_second and burst are \(Stage.rate). Medians of \(form.bursts) rounds. In each the \
      reader asks the daemon during one burst and the bare server in C during another: both times it is the daemon that refreshes. CPU and \
      seconds are of the bursts during which nobody reads from the daemon, beside those of a C program (`Benchmarks/BareRefresher`) that \
      signs as many calls and makes them to the same emulator over 16 kept connections, with the same checks of its certificate, and keeps \
      what it gets. The requests that tell the daemon to refresh are in its CPU.
      """, Self.rows(daemon: found[0], calm: calm, bare: found[1], refresher: found[2], fewer: found[3]))
  }

  private static func rows(
    daemon: [Burst], calm: [LoadResult], bare: [Burst], refresher: [Burst], fewer: [Burst]
  ) -> [Row] {
    let p99 = daemon.map { $0.reader.p99 / 1000 }
    let seconds = bare.map(\.refreshes.seconds)
    let cpu = bare.map(\.refreshes.cpuEach)
    return [
      .bounded("burst-10000-p99", "ms", median(p99), atMost: 5),
      .compared(
        "burst-10000-p99-beside-c", "ms", p99, with: bare.map { $0.reader.p99 / 1000 }, beside: "bare C",
        target: .ratioAtMost(1.5)),
      .compared("burst-10000-p50", "us", daemon.map(\.reader.p50), with: calm.map(\.p50), beside: "in quiet"),
      .compared(
        "refresh-10000-seconds", "s", seconds, with: refresher.map(\.refreshes.seconds), beside: "bare C"),
      Row(measure: "refresh-10000-rate", unit: "1/s", ours: median(seconds.map { Double(roles) / $0 })),
      .compared(
        "refresh-10000-cpu", "us", cpu, with: refresher.map(\.refreshes.cpuEach), beside: "bare C",
        target: .ratioAtMost(1.3)),
      .compared("cpu-per-refresh", "us", cpu, with: fewer.map(\.refreshes.cpuEach), beside: "1,000 roles"),
    ]
  }

  private struct Burst {
    let reader: LoadResult
    let refreshes: Refreshes
  }

  /// Has the daemon refresh all roles.
  private func refresh(_ stage: Stage) throws -> Refreshes {
    let pid = stage.lab.daemon.child.pid
    let draws = try stage.lab.emulator.draws(result: "OK")
    let (cpu, begun) = (try cpuSeconds(pid), ContinuousClock.now)
    try stage.refreshAll()
    try stage.awaitDraws(draws + stage.roles)
    return Refreshes(
      count: stage.roles, seconds: (ContinuousClock.now - begun) / .seconds(1), cpuSeconds: try cpuSeconds(pid) - cpu)
  }

  /// What a paced reader finds at `socket` while `body` runs.
  private func read(at socket: String, _ body: () throws -> Refreshes) throws -> Burst {
    let reader = try PacedReader(at: socket, everyMicroseconds: 2000)
    let refreshes = try body()
    return Burst(reader: try reader.end(), refreshes: refreshes)
  }
}

/// So many refreshes and what they cost.
private struct Refreshes {
  let count: Int
  let seconds: Double
  let cpuSeconds: Double

  /// In µs.
  var cpuEach: Double { cpuSeconds * 1e6 / Double(count) }
}

/// The yardstick of refreshes: signs calls of AssumeRole, makes them, and keeps what it gets.
private enum BareRefresher {
  /// Calls the stage's STS, trusting whom the daemon trusts.
  static func run(on stage: Stage, calls: Int) throws -> Refreshes {
    let key = RealmDraft.key
    let ended = try ChildProcess.run([
      Programs.bareRefresher, stage.lab.draft.endpoint, stage.lab.draft.authorityPath, key.id, key.secret,
      Stage.roleARN, "\(calls)",
    ])
    guard ended.status == 0 else { throw BenchError(ended.errors) }
    let figures = Figures(ended.output)
    guard try Int(figures["calls"]) == calls else { throw BenchError("bare-refresher made too few calls") }
    return Refreshes(count: calls, seconds: try figures["seconds"], cpuSeconds: try figures["cpu"])
  }
}
