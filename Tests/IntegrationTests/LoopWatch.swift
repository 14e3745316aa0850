import Glibc
import TestSupport

/// Looks whether the daemon rests while somebody waits for it, and how long it runs for an answer.
///
/// A process that has something to do is running or waits for a processor (state R of proc(5)), however busy the machine is. At rest (S, or D:
/// for a disk) with a request before it, it waits for something else: a name server, a lock, another client's deadline. What holds up the
/// others by work of its own shows in the time that it has run, which doesn't grow with the machine's load.
final class LoopWatch {
  /// How many looks in a row, 1 ms apart, may find it at rest: a lock of malloc's is held by another thread for so long at the most.
  static let bound = 50

  private let daemon: DaemonProcess
  private(set) var reads = 0
  /// The most looks in a row that found it at rest.
  private(set) var longestRest = 0
  /// How long the loop's thread ran from a request to its answer, in ns, for each read.
  private(set) var costs: [Int64] = []

  init(_ daemon: DaemonProcess) { self.daemon = daemon }

  /// Makes a request on a connection of its own.
  func get(_ target: String) throws -> HTTPReply {
    let start = processorTime()
    let connection = try StreamConnection(unix: daemon.socketPath)
    try connection.request("GET", target)
    var rest = 0
    var answer = pollfd(fd: connection.descriptor, events: Int16(POLLIN), revents: 0)
    while poll(&answer, 1, 1) == 0 { note(&rest) }
    reads += 1
    let reply = try connection.readReply()
    costs.append(processorTime() - start)
    return reply
  }

  /// Ends the daemon by SIGTERM; its exit status.
  func stop() -> CInt {
    daemon.child.signal(SIGTERM)
    var rest = 0
    while daemon.child.statusIfEnded == nil {
      note(&rest)
      usleep(1000)
    }
    return daemon.child.wait()
  }

  /// What 99 of 100 reads cost at most, in ns.
  var usualCost: Int64 { costs.isEmpty ? 0 : costs.sorted()[costs.count * 99 / 100] }
  /// What half of them cost at most.
  var middleCost: Int64 { costs.isEmpty ? 0 : costs.sorted()[costs.count / 2] }
  var highestCost: Int64 { costs.max() ?? 0 }

  private func note(_ rest: inout Int) {
    // The name in parentheses may hold blanks; the state follows it.
    let state = FileText.read("/proc/\(daemon.child.pid)/stat")?.split(separator: ")").last?.first { $0 != " " }
    rest = state == "S" || state == "D" ? rest + 1 : 0
    longestRest = max(longestRest, rest)
  }

  /// How long the first thread, which has the loop, has run, in ns.
  private func processorTime() -> Int64 {
    let text = FileText.read("/proc/\(daemon.child.pid)/schedstat")
    return text?.split(separator: " ").first.flatMap { Int64($0) } ?? 0
  }
}
