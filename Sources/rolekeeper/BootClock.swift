import Core
import Glibc
import LocalClient

/// The clock of the event loops of `watch` and `exec`.
enum BootClock {
  /// CLOCK_BOOTTIME.
  static var now: Timestamp { Timestamp(microseconds: Deadline.now()) }

  /// Waits until one of `descriptors` is readable or one of `writable` is writable, but not beyond `deadline`, and may return earlier;
  /// nil to wait without limit.
  static func wait(for descriptors: [CInt], writable: [CInt] = [], until deadline: Timestamp?) {
    var entries =
      descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
      + writable.map { pollfd(fd: $0, events: Int16(POLLOUT), revents: 0) }
    _ = poll(&entries, nfds_t(entries.count), deadline.map { milliseconds(until: $0, from: now) } ?? -1)
  }

  /// The time-out for poll(2). Rounded up, so that the deadline has passed when the wait ends; at most `longestWait`, since poll
  /// doesn't count the time of suspend.
  static func milliseconds(until deadline: Timestamp, from now: Timestamp) -> CInt {
    CInt(max(0, min(longestWait, deadline - now).microseconds + 999) / 1000)
  }

  private static let longestWait = Duration.seconds(30)
}
