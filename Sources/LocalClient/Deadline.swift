import Glibc

/// The end of a wait, on the clock that also counts suspend (CLOCK_BOOTTIME).
package struct Deadline {
  private let microseconds: Int64

  /// The time `span` from now; a negative span counts as zero.
  package init(after span: Duration) {
    let wait = span.components.seconds * 1_000_000 + span.components.attoseconds / 1_000_000_000_000
    microseconds = Self.now() + max(0, wait)
  }

  private init(microseconds: Int64) { self.microseconds = microseconds }

  package var hasPassed: Bool { Self.now() >= microseconds }

  /// The time that remains; zero after the deadline.
  package var left: Duration { .microseconds(max(0, microseconds - Self.now())) }

  package static func earlier(_ one: Deadline, _ other: Deadline) -> Deadline {
    Deadline(microseconds: min(one.microseconds, other.microseconds))
  }

  /// The time that remains for poll(2), rounded up, so that the deadline has passed when the wait ends.
  var leftMilliseconds: CInt { CInt(clamping: (max(0, microseconds - Self.now()) + 999) / 1000) }

  /// CLOCK_BOOTTIME in µs.
  package static func now() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
  }
}

/// The host's clock, for command lines.
package enum WallClock {
  /// In µs since 1970.
  package static func now() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
  }
}
