/// The times that rule one role's ring, as validated settings.
///
/// With DurationSeconds D, pool N and refresh age A, a step is due every A/N with a jitter of ±10 %, so that the freshest
/// session is never more than 1.1·A/N old.
package struct RoleTiming: Hashable, Sendable {
  /// The DurationSeconds that there are (STS API reference, AssumeRole; CreateRole for the upper end).
  package static let allowedDuration = Duration.minutes(15)...Duration.hours(12)

  /// DurationSeconds asked of STS, in `allowedDuration`.
  @Microseconds package var duration: Duration
  /// The longest DurationSeconds a reservation may ask for; at least `duration`.
  @Microseconds package var maxDuration: Duration
  /// How many live sessions the ring holds, 1 or more.
  package var pool: Int
  /// The age at which a session is replaced: 2 s to `duration`.
  @Microseconds package var refreshAfter: Duration
  /// The least remaining life that is handed out without a warning.
  @Microseconds package var floor: Duration
  /// How long STS may be down before a reader gets less than the floor.
  @Microseconds package var surviveOutage: Duration
  /// With less than this left a session counts as lapsed: 1 s to 60 s.
  @Microseconds package var lapseMargin: Duration

  package init(
    duration: Duration = .hours(1), maxDuration: Duration? = nil, pool: Int = 2, refreshAfter: Duration? = nil,
    floor: Duration = .minutes(20), surviveOutage: Duration = .minutes(20), lapseMargin: Duration = .seconds(15)
  ) {
    self.duration = duration
    self.maxDuration = maxDuration ?? duration
    self.pool = pool
    self.refreshAfter = refreshAfter ?? duration / 2
    self.floor = floor
    self.surviveOutage = surviveOutage
    self.lapseMargin = lapseMargin
  }

  /// The longest transient back-off (60 s), one request (10 s) and queueing (5 s), which an outage may add at its end.
  package static let outageOverhead = Duration.seconds(75)

  /// The mean time between two steps of the ring, A/N.
  package var step: Duration { refreshAfter / pool }

  /// What remains beyond the floor just before the latest step, D − 1.1·A/N − F: how long STS may be down at the worst moment.
  package var outageCover: Duration { duration - step * 11 / 10 - floor }

  /// Whether the ring keeps its floor through the declared outage: `outageCover` ≥ `surviveOutage` + 75 s.
  package var holdsItsPromise: Bool { outageCover >= surviveOutage + Self.outageOverhead }

  /// AssumeRole calls per second in steady state, N/A.
  package var callsPerSecond: Double { 1 / step.inSeconds }
}
