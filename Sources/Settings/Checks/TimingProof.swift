import Core

/// Checks that a role keeps its floor through the outage that it must survive, and proposes settings if it doesn't.
///
/// Just before the next refresh of the pool, its freshest session is 1.1·A/N old, so D − 1.1·A/N − F remains for an
/// outage.
struct TimingProof {
  let timing: RoleTiming
  /// The limit for a whole request to all endpoints. `RoleTiming` includes the standard limit; whatever this exceeds it
  /// by prolongs an outage.
  let requestTimeout: Duration
  /// Whether A is written in the settings; otherwise it follows D.
  let isRefreshWritten: Bool
  /// Whether other hosts get the role's sessions, which are older by the time between two requests when they have them.
  var servesHosts = false

  var needed: Duration { timing.surviveOutage + overhead }

  var holds: Bool { timing.outageCover >= needed }

  var problem: String {
    let step = "1.1 × refresh_after \(timing.refreshAfter.text) / pool \(timing.pool)"
    let sum = "duration \(timing.duration.text) − \(step) − floor \(timing.floor.text)"
    let hosts = servesHosts ? ", \(RoleTiming.leastHostDelay.text) of it for the way to other hosts," : ""
    return "can't hold its floor through an outage: \(sum) = \(timing.outageCover.rounded), "
      + "but survive_outage \(timing.surviveOutage.text) and \(overhead.text) for retries\(hosts) are needed"
  }

  /// The nearest settings that work, each of them sufficient alone where that is possible.
  var alternatives: [String] {
    let single = [longerDuration, largerPool, earlierRefresh, lowerFloor, shorterOutage].compactMap { $0 }
    return lowerFloor == nil && shorterOutage == nil ? single + [lowerFloorAndOutage].compactMap { $0 } : single
  }

  private var overhead: Duration {
    RoleTiming.outageOverhead + max(.zero, requestTimeout - Schema.STS.standardTimeout)
      + (servesHosts ? RoleTiming.leastHostDelay : .zero)
  }

  private var longerDuration: String? {
    let share = isRefreshWritten ? 1 : 1 - 0.55 / Double(timing.pool)
    let step = isRefreshWritten ? timing.step.inSeconds * 1.1 : 0
    let minutes = ((timing.floor + needed).inSeconds + step) / share / 60
    let duration = Duration.minutes(Int64(minutes.rounded(.up)))
    return proposal("duration", duration, upTo: RoleTiming.allowedDuration.upperBound) { timing in
      timing.duration = duration
      if !isRefreshWritten { timing.refreshAfter = duration / 2 }
    }
  }

  private var largerPool: String? {
    let room = timing.duration - timing.floor - needed
    guard room > .zero else { return nil }
    let pool = (timing.refreshAfter.inSeconds * 1.1 / room.inSeconds).rounded(.up)
    guard pool <= Double(Schema.Role.pool.allowed.upperBound), holds(with: { $0.pool = Int(pool) }) else { return nil }
    return "pool = \(Int(pool))"
  }

  private var earlierRefresh: String? {
    let longest = (timing.duration - timing.floor - needed) * timing.pool * 10 / 11
    guard longest >= Schema.Role.refreshAfter.allowed.lowerBound else { return nil }
    let refresh = longest.roundedDown
    return proposal("refresh_after", refresh, upTo: timing.duration) { $0.refreshAfter = refresh }
  }

  private var lowerFloor: String? {
    let floor = (timing.outageCover + timing.floor - needed).roundedDown
    return floor > .zero ? proposal("floor", floor, upTo: timing.floor) { $0.floor = floor } : nil
  }

  private var shorterOutage: String? {
    let outage = (timing.outageCover - overhead).roundedDown
    return outage > .zero
      ? proposal("survive_outage", outage, upTo: timing.surviveOutage) { $0.surviveOutage = outage } : nil
  }

  /// Divides equally between the two what the session's lifetime leaves for them.
  private var lowerFloorAndOutage: String? {
    let half = ((timing.outageCover + timing.floor - overhead) / 2).roundedDown
    guard half > .zero else { return nil }
    guard
      holds(with: {
        $0.floor = half
        $0.surviveOutage = half
      })
    else { return nil }
    return "floor = \"\(half.text)\" with survive_outage = \"\(half.text)\""
  }

  private func proposal(
    _ name: String, _ value: Duration, upTo limit: Duration, change: (inout RoleTiming) -> Void
  ) -> String? {
    value <= limit && holds(with: change) ? "\(name) = \"\(value.text)\"" : nil
  }

  private func holds(with change: (inout RoleTiming) -> Void) -> Bool {
    var changed = timing
    change(&changed)
    return changed.outageCover >= changed.surviveOutage + overhead
  }
}

extension Duration {
  /// Rounded to whole seconds, for figures that needn't be exact.
  fileprivate var rounded: String {
    let seconds = Int64(inSeconds.rounded())
    return "\(seconds < 0 ? "−" : "")\(Duration.seconds(Int64(seconds.magnitude)).text)"
  }
}
