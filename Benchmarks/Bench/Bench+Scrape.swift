import Glibc
import TestSupport

/// A reader beside somebody who scrapes the figures of 10,000 roles.
extension Bench {
  private static let roles = 10_000

  func measureScrape(_ report: inout Report) throws {
    let stage = try Stage(roles: Self.roles)
    try stage.start()
    try stage.fillPools()
    var taken: [Double] = []
    let found = try interleaved(
      rounds: form.scrapes,
      [
        { try longestWait(at: stage) { taken.append(try scrape(stage)) } },
        // As long as a scrape takes: the longer one waits, the longer is the longest wait.
        { try longestWait(at: stage) { _ = usleep(useconds_t((taken.last ?? 0.1) * 1e6)) } },
      ])
    report.add(
      "During a scrape of 10,000 roles",
      """
      curl reads /metrics; a reader asks each ms on a new connection, its time counted from when it was due. What it waited longest \
      in each scrape, and as long without one; medians of \(form.scrapes).
      """,
      [
        .bounded("scrape-10000-longest-wait", "ms", median(found[0]), atMost: 5),
        Row(measure: "scrape-10000-longest-wait-in-quiet", unit: "ms", ours: median(found[1])),
        Row(measure: "scrape-10000-time", unit: "ms", ours: median(taken) * 1000),
      ])
  }

  /// In ms, while `body` runs.
  private func longestWait(at stage: Stage, _ body: () throws -> Void) throws -> Double {
    let reader = try PacedReader(at: stage.socket, everyMicroseconds: 1000, warmUp: 0.05)
    // It has begun to count when `body` begins.
    usleep(100_000)
    try body()
    return try reader.end().longest / 1000
  }

  /// How long it took, in seconds.
  private func scrape(_ stage: Stage) throws -> Double {
    let ended = try ChildProcess.run([
      "/usr/bin/curl", "--silent", "--fail", "--unix-socket", stage.socket, "--output", "/dev/null", "--write-out",
      "bytes %{size_download}\\nseconds %{time_total}\\n", "http://localhost/metrics",
    ])
    guard ended.status == 0 else { throw BenchError("curl got no figures: it ended with status \(ended.status)") }
    let figures = Figures(ended.output)
    guard try figures["bytes"] > Double(Self.roles) * 100 else { throw BenchError("/metrics doesn't show all roles") }
    return try figures["seconds"]
  }
}
