import TestSupport
import Testing

@testable import bench

/// The runs that the documents' table is made of.
@Suite struct RecordTests {
  private let machine = "2 cores, 24 GiB, Debian GNU/Linux 12 (bookworm), Linux 6.18"

  private func run(_ measure: String, _ finding: Finding) -> Record.Run {
    Record.Run(date: "2026-11-29T12:00Z", build: "abc1234", load: "0.1", machine: machine, findings: [measure: finding])
  }

  /// A row with its target, over runs with these ratios.
  private func table(_ target: Target, ratios: [Double]) -> String {
    var row = Row(measure: "rate", unit: "1/s", ours: ratios.last!, target: target)
    row.beside = "bare C"
    let runs = ratios.map { ["rate": Finding(ours: $0 * 100, yardstick: 100, ratio: $0)] }
    return Table.markdown([row], over: runs)
  }

  @Test func `a run that was added is read again`() throws {
    var record = Record()
    record.runs = [
      run("rate", Finding(ours: 285_718, yardstick: 403_765, ratio: 0.7076)), run("p99", Finding(ours: 2.125)),
    ]
    #expect(try Record(record.text) == record)
  }

  @Test(arguments: [
    "rate 1 2 3", "run yesterday", "run 2026; load 1; m", "run 2026; build a; load 1; m\nrate 1 2",
    "run 2026; build a; load 1; m\nrate x 2 3",
  ])
  func `a record that can't be read is refused`(text: String) {
    #expect(throws: BenchError.self) { try Record(text) }
  }

  @Test func `a row shows the median, the least and the most of all runs`() {
    let text = table(.ratioAtLeast(0.9), ratios: [0.95, 0.89, 0.91])
    #expect(text.contains("| `rate` | 1/s | 91 | 100 (bare C) | 0.91 (0.89–0.95) | ≥ 0.9 | met |"))
  }

  @Test func `a row misses by the median of all runs, however good the last one is`() {
    #expect(table(.ratioAtLeast(0.9), ratios: [0.7, 0.89, 0.99]).contains("**missed**"))
  }

  @Test func `a figure without a yardstick is shown and judged by itself`() {
    let row = Row.bounded("p99", "ms", 4, atMost: 5)
    let text = Table.markdown([row], over: [4, 7, 6].map { ["p99": Finding(ours: $0)] })
    #expect(text.contains("| `p99` | ms | 6 (4–7) | – | – | ≤ 5 ms | **missed** |"))
  }

  @Test(arguments: [(2.2, true), (2.6, true), (2.7, false)])
  func `a target may be met by the ratio or by the difference`(ours: Double, isMet: Bool) {
    let target = Target.ratioAtMost(1.2, orOver: 0.5)
    #expect(target.isMet(by: Finding(ours: ours, yardstick: 2.1, ratio: ours / 2.1)) == isMet)
  }

  @Test func `a measure that older runs don't have is shown by the runs that have it`() {
    let runs = [["old": Finding(ours: 1)], ["new": Finding(ours: 2)]]
    #expect(Table.markdown([Row(measure: "new", unit: "ms", ours: 2)], over: runs).contains("| ms | 2 | –"))
  }

  @Test func `fewer runs than three are said to be too few`() {
    var record = Record()
    record.runs = [run("p99", Finding(ours: 1)), run("p99", Finding(ours: 1))]
    #expect(record.summary.contains("3 are wanted"))
    record.runs.append(run("p99", Finding(ours: 1)))
    #expect(!record.summary.contains("wanted"))
  }

  @Test func `each run is added to the record, and the page's table is of the last three`() throws {
    let directory = try TemporaryDirectory()
    let mark = ("<!-- bench: begin, written by make bench -->\n", "<!-- bench: end -->\n")
    try directory.write("before\n\(mark.0)old\n\(mark.1)after\n", to: "performance.md")
    let options = try #require(Options(["--out", directory.path("out"), "--docs", directory.path]))
    for time in [100, 4.0, 7, 6] {
      var report = Report()
      report.add("Bursts", "As many as it takes.", [.bounded("p99", "ms", time, atMost: 5)])
      try report.write(to: options)
    }
    let page = try #require(FileText.read(directory.path("performance.md")))
    #expect(
      page.hasPrefix("before\n\(mark.0)The last 3 whole runs:") && page.hasSuffix("**missed** |\n\(mark.1)after\n"))
    #expect(page.contains("### Bursts\n\nAs many as it takes.\n\n") && page.contains("| `p99` | ms | 6 (4–7) |"))
    let record = try Record(try TextFile.read(directory.path("performance-runs.txt")))
    #expect(record.runs.map { $0.findings["p99"]?.ours } == [100, 4, 7, 6])
  }

  @Test(arguments: [["--short"], ["--only", "burst"], ["--seconds", "2"]])
  func `only whole runs are added to the documents`(words: [String]) {
    #expect(Options(["--docs", "docs"]) != nil && Options(words + ["--docs", "docs"]) == nil)
  }
}
