/// An instant of CLOCK_BOOTTIME, which includes suspend, in whole microseconds since boot.
///
/// Core never reads a clock: its callers pass the time.
package struct Timestamp: Hashable, Comparable, Sendable {
  package var microseconds: Int64

  package init(microseconds: Int64) { self.microseconds = microseconds }

  /// Earlier than any other instant.
  package static let distantPast = Timestamp(microseconds: .min)

  package static func < (left: Timestamp, right: Timestamp) -> Bool { left.microseconds < right.microseconds }

  package static func + (instant: Timestamp, span: Duration) -> Timestamp {
    Timestamp(microseconds: instant.microseconds + span.microseconds)
  }

  package static func - (instant: Timestamp, span: Duration) -> Timestamp {
    Timestamp(microseconds: instant.microseconds - span.microseconds)
  }

  /// The span from `right` to `left`; negative when `left` is the earlier one.
  package static func - (left: Timestamp, right: Timestamp) -> Duration {
    .span(microseconds: left.microseconds - right.microseconds)
  }
}

extension Duration {
  /// This duration in whole microseconds, truncated towards zero.
  package var microseconds: Int64 {
    // 10^12 is 2^12 · 5^12. With the twos shifted out, a duration of less than twenty hours fits one word, whose division is
    // several times as fast; a machine converts a dozen durations per event.
    let shifted = attoseconds >> 12
    if shifted >> 64 == 0 { return Int64(UInt64(truncatingIfNeeded: shifted) / 244_140_625) }
    return Int64(attoseconds / 1_000_000_000_000)
  }

  /// This duration in seconds with their fraction, for display and arithmetic.
  package var inSeconds: Double { Double(microseconds) / 1_000_000 }

  /// This duration in whole seconds, truncated towards zero.
  package var wholeSeconds: Int64 { components.seconds }

  package static func seconds(fraction: Double) -> Duration { .span(microseconds: Int64(fraction * 1_000_000)) }

  /// The same as `microseconds(_:)`, which is generic and takes many times as long.
  static func span(microseconds: Int64) -> Duration {
    Duration(attoseconds: Int128(microseconds) * 1_000_000_000_000)
  }

  package static func minutes(_ count: Int64) -> Duration { .seconds(count * 60) }
  package static func hours(_ count: Int64) -> Duration { .seconds(count * 3600) }
}
