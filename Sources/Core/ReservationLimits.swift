/// Limits the fetches for reservations to 4 per uid and minute.
package struct ReservationLimits: Sendable {
  private static let fetches = 4
  private static let window = Duration.seconds(60)

  private var recent: [UInt32: [Timestamp]] = [:]

  package init() {}

  /// Counts a fetch for `uid` and returns nil, or, if it may not be made yet, returns how long to wait.
  package mutating func admit(uid: UInt32, at now: Timestamp) -> Duration? {
    forget(before: now - Self.window)
    let instants = recent[uid, default: []]
    if instants.count >= Self.fetches, let oldest = instants.first { return oldest + Self.window - now }
    recent[uid] = instants + [now]
    return nil
  }

  private mutating func forget(before limit: Timestamp) {
    recent = recent.compactMapValues { instants in
      let kept = instants.filter { $0 > limit }
      return kept.isEmpty ? nil : kept
    }
  }
}
