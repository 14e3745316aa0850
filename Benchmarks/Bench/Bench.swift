import Glibc
import TestSupport

/// A whole run: part after part, each with programs of its own.
struct Bench {
  let form: Form
  private let only: String

  init(_ options: Options) {
    form = options.form
    only = options.only
  }

  func run() throws -> Report {
    var report = Report()
    let parts: [(String, (inout Report) throws -> Void)] = [
      ("socket", measureSocket), ("loopback", measureLoopback), ("stalled", measureStalled), ("peers", measurePeers),
      ("memory", measureMemory), ("users", measureUsers), ("bundles", measureBundles),
      ("hosts", measureHosts), ("tier", measureTier),
      ("burst", measureBurst), ("scrape", measureScrape), ("start", measureStart),
      ("restart", measureRestart), ("command", measureCommand), ("formats", measureFormats),
      ("first-credential", measureFirstCredential),
      ("upload", measureUpload),
    ]
    for (name, part) in parts where name.hasPrefix(only) {
      let taken = try ContinuousClock().measure { try part(&report) }
      printLine("(\(name): \(figure(taken / .seconds(1))) s)")
    }
    return report
  }

  /// Lets contestants take turns, each in front as often as the other; their results by contestant and round.
  func interleaved<Value>(rounds: Int? = nil, _ contestants: [() throws -> Value]) throws -> [[Value]] {
    var results = contestants.map { _ in [Value]() }
    for round in 0..<(rounds ?? form.rounds) {
      let order = round % 2 == 0 ? Array(contestants.indices) : contestants.indices.reversed()
      for index in order { results[index].append(try contestants[index]()) }
    }
    return results
  }
}

/// User and system time that a process and its threads have used, in seconds.
func cpuSeconds(_ pid: Int32) throws -> Double {
  var clock = clockid_t()
  var time = timespec()
  guard clock_getcpuclockid(pid, &clock) == 0, clock_gettime(clock, &time) == 0 else {
    throw BenchError("cannot read the CPU clock of process \(pid)")
  }
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
