import Glibc

/// All whole runs, the oldest first, as a text file keeps them. The documents' table is made of the last three.
///
/// A line `run DATE; build COMMIT; load LOAD; MACHINE`, then a line for each measure: its name, ours, yardstick and ratio, `-` for what it hasn't.
struct Record: Equatable {
  struct Run: Equatable {
    /// When it began, in UTC.
    var date: String
    /// The commit that was measured.
    var build: String
    /// The load average then.
    var load: String
    /// Without a name.
    var machine: String
    var findings: [String: Finding] = [:]
  }

  /// Of so many runs the table is made.
  static let tableRuns = 3
  private static let remark = """
    # Whole runs of `make bench BENCH_DOCS=1`, each added whatever it found; docs/performance.md says more. A line for each measure:
    # ours, yardstick and ratio.

    """

  var runs: [Run] = []
  var latest: ArraySlice<Run> { runs.suffix(Self.tableRuns) }

  init() {}

  init(_ text: String) throws {
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      if line.hasPrefix("run ") {
        let parts = line.dropFirst(4).split(separator: "; ", maxSplits: 3).map(String.init)
        guard parts.count == 4, parts[1].hasPrefix("build "), parts[2].hasPrefix("load ") else {
          throw Self.unreadable(line)
        }
        runs.append(
          Run(
            date: parts[0], build: String(parts[1].dropFirst(6)), load: String(parts[2].dropFirst(5)),
            machine: parts[3]))
      } else {
        let words = line.split(separator: " ")
        guard words.count == 4, let ours = Double(words[1]), !runs.isEmpty else { throw Self.unreadable(line) }
        runs[runs.count - 1].findings[String(words[0])] = Finding(
          ours: ours, yardstick: Double(words[2]), ratio: Double(words[3]))
      }
    }
  }

  private static func unreadable(_ line: Substring) -> BenchError {
    BenchError("the record of runs has a line that can't be read: '\(line)'")
  }

  var text: String { Self.remark + runs.map(Self.text).joined() }

  private static func text(_ run: Run) -> String {
    let lines = run.findings.sorted { $0.key < $1.key }.map { measure, finding in
      "\(measure) \(plain(finding.ours)) \(plain(finding.yardstick)) \(plain(finding.ratio))\n"
    }
    return "run \(run.date); build \(run.build); load \(run.load); \(run.machine)\n" + lines.joined()
  }

  /// Four significant digits at least.
  private static func plain(_ value: Double?) -> String {
    guard let value, value.isFinite else { return "-" }
    if abs(value) >= 1000 { return "\(Int64(value.rounded()))" }
    let scale: Double = abs(value) >= 10 ? 100 : 10_000
    return "\((value * scale).rounded() / scale)"
  }

  /// What is said above the table.
  var summary: String {
    let number =
      runs.count == 1
      ? "One whole run"
      : runs.count <= Self.tableRuns ? "\(runs.count) whole runs" : "The last \(Self.tableRuns) whole runs"
    let tooFew = runs.count < Self.tableRuns ? " **\(Self.tableRuns) are wanted before a row counts as met.**" : ""
    let lines = latest.map { "- \($0.date), \($0.build), load average \($0.load) when it began: \($0.machine)\n" }
    return "\(number):\(tooFew)\n\n\(lines.joined())"
  }
}
