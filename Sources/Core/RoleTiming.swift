/// The validated timing settings of a role and its pool.
///
/// With DurationSeconds D, pool N and refresh age A, a step is due every A/N with a jitter of ±10 %, so that without failures the
/// newest session is never older than 1.1·A/N.
package struct RoleTiming: Hashable, Sendable {
  /// The DurationSeconds that STS allows (STS API reference, AssumeRole; CreateRole for the upper end).
  package static let allowedDuration = Duration.minutes(15)...Duration.hours(12)

  /// The DurationSeconds requested for the pool, in `allowedDuration`.
  @Microseconds package var duration: Duration
  /// The longest DurationSeconds requested for a reservation; at least `duration`.
  @Microseconds package var maxDuration: Duration
  /// How many live sessions the pool holds, 1 or more.
  package var pool: Int
  /// The age at which a session is replaced: 2 s to `duration`.
  @Microseconds package var refreshAfter: Duration
  /// The least remaining lifetime that is handed out without a warning.
  @Microseconds package var floor: Duration
  /// How long STS may be down before a reader gets less than the floor.
  @Microseconds package var surviveOutage: Duration
  /// A session with no more than this left counts as lapsed: 1 s to 60 s.
  @Microseconds package var lapseMargin: Duration
  /// Whether somebody else decides how long sessions live, so that none is fetched for a reader that asks for a longer one.
  package var isOfTier = false

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

  /// How long after an outage the first success may come: the longest transient back-off (60 s), one request (10 s), queueing (5 s).
  package static let outageOverhead = Duration.seconds(75)

  /// The mean time between two steps of the pool, A/N.
  package var step: Duration { refreshAfter / pool }

  /// How long STS may be down before readers get less than the floor F, at the worst moment: just before a step that comes as late as
  /// possible. D − 1.1·A/N − F.
  package var outageCover: Duration { duration - step * 11 / 10 - floor }

  /// AssumeRole calls per second in steady state, N/A.
  package var callsPerSecond: Double { 1 / step.inSeconds }

  /// The timing of a session that is derived from the role: there is one at a time, and it is replaced as often as one of the pool is, so
  /// that readers get at least the floor as they do from the pool. `limit` is the longest DurationSeconds of it; a duration above that
  /// is lowered to it, and with it, in proportion, the floor; the refresh age becomes that of sessions that live so long.
  package func derived(limit: Duration? = nil) -> RoleTiming {
    var timing = self
    timing.pool = 1
    timing.refreshAfter = step
    guard let limit else { return timing }
    timing.maxDuration = limit
    guard limit < duration else { return timing }
    let share = limit.inSeconds / duration.inSeconds
    timing.duration = limit
    timing.floor = .seconds(fraction: floor.inSeconds * share)
    timing.refreshAfter = .seconds(fraction: stepSeconds(life: limit.inSeconds, floor: timing.floor.inSeconds))
    return timing
  }

  /// The mean seconds between two steps while sessions live only `life` seconds, of which readers get at least `floor`.
  ///
  /// Shorter sessions are replaced at the same share of their lives, A/N · life/D. With an A that is written shorter than D/2, that is
  /// sooner than the sessions need: then the steps come at A/N, and at the latest at a quarter of a life (half of it, of a pool of two),
  /// as far as readers keep the floor and, in proportion, the outage that they survive. Where the floor is out of reach anyway, sessions
  /// only have to be valid. Steps are never closer than a second, unless A/N is, or sessions are valid for less than two.
  package func stepSeconds(life: Double, floor: Double) -> Double {
    // Not `step`: the division of a span is generic and takes longer than all of this.
    let planned = refreshAfter.inSeconds / Double(pool)
    let share = min(1, life / duration.inSeconds)
    let scaled = planned * share
    let least = min(planned, min(1, max(0.1, (life - lapseMargin.inSeconds) / 2)))
    let relaxed = min(planned, life / Double(2 * max(2, pool)))
    guard relaxed > scaled else { return max(least, scaled) }
    let kept = max(floor, lapseMargin.inSeconds)
    let latest =
      life - 1.1 * scaled >= kept ? life - kept - surviveOutage.inSeconds * share : life - lapseMargin.inSeconds
    return max(least, min(relaxed, max(scaled, latest / 1.1)))
  }
}
