import Core
import Glibc
import LocalClient

/// The clock of the event loops of `watch` and `exec`.
enum BootClock {
  /// CLOCK_BOOTTIME.
  static var now: Timestamp { Timestamp(microseconds: Deadline.now()) }

  /// Waits until one of `descriptors` is readable, but not beyond `deadline`; nil to wait without limit.
  static func wait(for descriptors: [CInt], until deadline: Timestamp?) {
    var entries = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    // Rounded up, so that the deadline has passed when the wait ends.
    let limit = deadline.map { CInt(clamping: max(0, ($0 - now).microseconds + 999) / 1000) } ?? -1
    _ = poll(&entries, nfds_t(entries.count), limit)
  }
}
