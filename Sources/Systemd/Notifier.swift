import CSystemd
import Glibc

/// The service manager, as far as a running service reports to it (sd_notify(3)).
package protocol ServiceManager: AnyObject {
  /// Whether there are messages that it couldn't take yet.
  var isBehind: Bool { get }

  /// The service is starting. Unless the unit's TimeoutStartSec= ends later, the manager waits for so long from now on (EXTEND_TIMEOUT_USEC).
  func starting(atMost span: Duration, status: String)
  func status(_ status: String)
  /// The service has started, or a reload has ended.
  func ready(status: String)
  /// A reload begins; it ends with the next `ready`.
  func reloading()
  /// The last status is what systemctl(1) shows for a service that has ended.
  func stopping(status: String)
}

/// Sends notifications to the service manager; no effect if there is none.
///
/// Never waits for the manager. Messages that it can't take are kept and sent before later ones; of statuses only the latest is
/// kept.
package final class Notifier: ServiceManager {
  /// More are useless to a manager that resumes reading: the latest ones matter.
  private static let mostKept = 32

  private var kept: [String] = []

  package init() {}

  package var isBehind: Bool { !kept.isEmpty }

  package func starting(atMost span: Duration, status: String) {
    notify("EXTEND_TIMEOUT_USEC=\(Int64(span / .microseconds(1)))\nSTATUS=" + line(status))
  }

  package func ready(status: String) { notify("READY=1\nSTATUS=" + line(status)) }
  package func stopping(status: String) { notify("STOPPING=1\nSTATUS=" + line(status)) }
  package func watchdog() { _ = send("WATCHDOG=1") }

  package func status(_ status: String) {
    catchUp()
    if !isBehind { _ = send("STATUS=" + line(status)) }
  }

  /// Includes CLOCK_MONOTONIC, as Type=notify-reload requires.
  package func reloading() {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    notify("RELOADING=1\nMONOTONIC_USEC=\(time.tv_sec * 1_000_000 + time.tv_nsec / 1000)")
  }

  private func notify(_ message: String) {
    kept.append(message)
    // In pairs, since a reload consists of two messages.
    if kept.count > Self.mostKept { kept.removeFirst(2) }
    catchUp()
  }

  private func catchUp() {
    while let first = kept.first, send(first) { kept.removeFirst() }
  }

  // A message is a list of lines: a line break in a status would begin another assignment.
  private func line(_ text: String) -> String { String(text.map { $0.isNewline ? " " : $0 }) }

  /// False if it is worth trying again. A manager that can't be reached notices that by itself.
  private func send(_ message: String) -> Bool { csystemd_notify_now(message, -1) != -EAGAIN }
}
