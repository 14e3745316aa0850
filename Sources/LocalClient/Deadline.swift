import Glibc

/// A moment until which something is waited for, on the clock that counts suspend too (CLOCK_BOOTTIME).
package struct Deadline {
  private let microseconds: Int64

  /// The moment `span` from now; a negative span is none.
  package init(after span: Duration) {
    let wait = span.components.seconds * 1_000_000 + span.components.attoseconds / 1_000_000_000_000
    microseconds = Self.now() + max(0, wait)
  }

  private init(microseconds: Int64) { self.microseconds = microseconds }

  package var hasPassed: Bool { Self.now() >= microseconds }

  /// What is left until then; zero once it has passed.
  package var left: Duration { .microseconds(max(0, microseconds - Self.now())) }

  package static func earlier(_ one: Deadline, _ other: Deadline) -> Deadline {
    Deadline(microseconds: min(one.microseconds, other.microseconds))
  }

  /// The same for poll(2): rounded up, so that what ends a wait has really passed.
  var leftMilliseconds: CInt { CInt(clamping: (max(0, microseconds - Self.now()) + 999) / 1000) }

  private static func now() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
  }
}
