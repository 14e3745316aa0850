/// Counts hosts by the minute in which they asked last, so that neither a request nor the sum costs more the more hosts there are.
struct RecentHosts {
  /// A host counts for this many whole minutes, and for the rest of the one in which it asked: an upstream that polls nothing asks every
  /// 11 min at the latest.
  static let minutes = 10
  private static let places = UInt32(minutes) + 1

  private var counts = [Int](repeating: 0, count: minutes + 1)
  private var latest: UInt32 = 0

  init() {}

  /// Counts a host that asks in the minute `now`; `before` is the minute in which it did so before, nil for a new one. Minutes are those of
  /// a clock that never goes back.
  mutating func note(from before: UInt32?, to now: UInt32) {
    advance(to: now)
    if let before { forget(before) }
    counts[Int(latest % Self.places)] += 1
  }

  /// A host that was counted in this minute isn't one of these any more.
  mutating func forget(_ minute: UInt32) {
    guard minute <= latest, latest - minute < Self.places else { return }
    counts[Int(minute % Self.places)] -= 1
  }

  /// How many asked in the latest minutes.
  mutating func count(at now: UInt32) -> Int {
    advance(to: now)
    return counts.reduce(0, +)
  }

  /// Empties the places of minutes that have passed.
  private mutating func advance(to now: UInt32) {
    guard now > latest else { return }
    for step in 1...min(now - latest, Self.places) { counts[Int((latest &+ step) % Self.places)] = 0 }
    latest = now
  }
}
