/// The outcomes of reloads since the daemon started.
package struct ReloadCounts {
  private(set) var done: UInt64 = 0
  private(set) var refused: UInt64 = 0

  package init() {}

  package mutating func count(isDone: Bool) {
    if isDone { done += 1 } else { refused += 1 }
  }
}

/// The outcome of a read that requested a longer session than the pool has; `rawValue` is the label in the metrics.
enum ReservationOutcome: String, CaseIterable {
  /// A session was fetched for it, and shared by all that waited.
  case fetched
  /// The fetch failed.
  case failed
  /// The role can't provide one that long (409).
  case tooLong = "too_long"
  /// It came too soon after others (429).
  case tooMany = "too_many"
}
