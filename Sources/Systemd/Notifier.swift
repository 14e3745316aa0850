import CSystemd
import Glibc

/// The service manager, as far as a service reports to it while it runs (sd_notify(3)).
package protocol ServiceManager: AnyObject {
  /// Whether it has to be told something that it couldn't take.
  var isBehind: Bool { get }

  func status(_ status: String)
  /// The service has started, or the reload that began has ended.
  func ready(status: String)
  /// A reload begins; it ends with the next `ready`.
  func reloading()
  /// The last status is what systemctl(1) shows of a service that has ended.
  func stopping(status: String)
}

/// What the service manager is told; silently nothing where there is none to listen.
///
/// Never waits for the manager. What it can't take is kept and sent before anything else that is told later; of statuses only the
/// latest matters, so those are let go.
package final class Notifier: ServiceManager {
  /// More than this is of no use to a manager that comes back: it wants the end of the story.
  private static let mostKept = 32

  private var kept: [String] = []

  package init() {}

  package var isBehind: Bool { !kept.isEmpty }

  /// Has the manager wait so much longer for `ready` than the unit's TimeoutStartSec= says (EXTEND_TIMEOUT_USEC).
  package func starting(atMost span: Duration, status: String) {
    tell("EXTEND_TIMEOUT_USEC=\(Int64(span / .microseconds(1)))\nSTATUS=" + line(status))
  }

  package func ready(status: String) { tell("READY=1\nSTATUS=" + line(status)) }
  package func stopping(status: String) { tell("STOPPING=1\nSTATUS=" + line(status)) }
  package func watchdog() { _ = send("WATCHDOG=1") }

  package func status(_ status: String) {
    catchUp()
    if !isBehind { _ = send("STATUS=" + line(status)) }
  }

  /// Carries CLOCK_MONOTONIC as Type=notify-reload asks for.
  package func reloading() {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    tell("RELOADING=1\nMONOTONIC_USEC=\(time.tv_sec * 1_000_000 + time.tv_nsec / 1000)")
  }

  private func tell(_ message: String) {
    kept.append(message)
    // In pairs, for a reload is told by two.
    if kept.count > Self.mostKept { kept.removeFirst(2) }
    catchUp()
  }

  private func catchUp() {
    while let first = kept.first, send(first) { kept.removeFirst() }
  }

  // A message is a list of lines: one inside a status would be taken for an assignment of its own.
  private func line(_ text: String) -> String { String(text.map { $0.isNewline ? " " : $0 }) }

  /// False when it is worth trying again. A manager that can't be reached finds out by itself.
  private func send(_ message: String) -> Bool { csystemd_notify_now(message, -1) != -EAGAIN }
}
