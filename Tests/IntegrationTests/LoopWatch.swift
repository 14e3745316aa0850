import Glibc
import TestSupport

/// Looks whether the daemon sleeps while somebody waits for it.
///
/// A process that has something to do is running or waits for a processor (state R of proc(5)), however busy the machine is. Asleep (S) with
/// a request before it, it waits for something else: a name server, a lock, another client's deadline.
final class LoopWatch {
  /// How many looks in a row, 1 ms apart, may find it asleep: a lock of malloc's is held by another thread for so long at the most.
  static let bound = 50

  private let daemon: DaemonProcess
  private(set) var reads = 0
  /// The most looks in a row that found it asleep.
  private(set) var longestSleep = 0

  init(_ daemon: DaemonProcess) { self.daemon = daemon }

  /// Makes a request on a connection of its own.
  func get(_ target: String) throws -> HTTPReply {
    let connection = try StreamConnection(unix: daemon.socketPath)
    try connection.request("GET", target)
    var asleep = 0
    var answer = pollfd(fd: connection.descriptor, events: Int16(POLLIN), revents: 0)
    while poll(&answer, 1, 1) == 0 { note(&asleep) }
    reads += 1
    return try connection.readReply()
  }

  /// Ends the daemon by SIGTERM; its exit status.
  func stop() -> CInt {
    daemon.child.signal(SIGTERM)
    var asleep = 0
    while daemon.child.statusIfEnded == nil {
      note(&asleep)
      usleep(1000)
    }
    return daemon.child.wait()
  }

  private func note(_ asleep: inout Int) {
    // The name in parentheses may hold blanks; the state follows it.
    let state = FileText.read("/proc/\(daemon.child.pid)/stat")?.split(separator: ")").last?.first { $0 != " " }
    asleep = state == "S" ? asleep + 1 : 0
    longestSleep = max(longestSleep, asleep)
  }
}
