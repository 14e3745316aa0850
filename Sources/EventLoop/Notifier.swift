import CSystemd
import Glibc

/// What the service manager is told (sd_notify(3)); silently nothing where there is none to listen.
package struct Notifier {
  package init() {}

  package func ready(status: String) { send("READY=1\nSTATUS=" + line(status)) }
  package func status(_ status: String) { send("STATUS=" + line(status)) }
  package func stopping() { send("STOPPING=1") }
  package func watchdog() { send("WATCHDOG=1") }

  /// A reload begins; it ends with the next `ready`. Carries CLOCK_MONOTONIC as Type=notify-reload asks for.
  package func reloading() {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    send("RELOADING=1\nMONOTONIC_USEC=\(time.tv_sec * 1_000_000 + time.tv_nsec / 1000)")
  }

  // A message is a list of lines: one inside a status would be taken for an assignment of its own.
  private func line(_ text: String) -> String { String(text.map { $0.isNewline ? " " : $0 }) }

  // A manager that can't be reached finds out by itself; there is nobody else to tell.
  private func send(_ message: String) { _ = sd_notify(0, message) }
}
