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
      ("socket", measureSocket), ("stalled", measureStalled), ("peers", measurePeers), ("memory", measureMemory),
      ("burst", measureBurst), ("start", measureStart), ("command", measureCommand),
    ]
    for (name, part) in parts where name.hasPrefix(only) {
      let taken = try ContinuousClock().measure { try part(&report) }
      say("(\(name): \(figure(taken / .seconds(1))) s)")
    }
    return report
  }

  /// Lets contestants take turns, each in front as often as the other; their results by contestant and round.
  func interleaved<Value>(_ contestants: [() throws -> Value]) throws -> [[Value]] {
    var results = contestants.map { _ in [Value]() }
    for round in 0..<form.rounds {
      let order = round % 2 == 0 ? Array(contestants.indices) : contestants.indices.reversed()
      for index in order { results[index].append(try contestants[index]()) }
    }
    return results
  }
}

/// CPU time that a process has used, in seconds, to 10 ms.
func cpuSeconds(_ pid: Int32) throws -> Double {
  // The name in parentheses may hold blanks (proc(5)).
  let text = try TextFile.read("/proc/\(pid)/stat")
  let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
  guard fields.count > 12, let user = Double(fields[12]), let system = Double(fields[13]) else {
    throw BenchError("cannot read /proc/\(pid)/stat")
  }
  return (user + system) / Double(sysconf(CInt(_SC_CLK_TCK)))
}
