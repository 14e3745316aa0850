/// A role's live sessions, oldest first; a new one replaces the oldest, readers get the freshest.
package struct Ring: Sendable {
  package private(set) var sessions: [Session] = []
  package private(set) var capacity: Int

  /// `capacity` is 1 or more.
  package init(capacity: Int) { self.capacity = capacity }

  /// The session that lives longest; the older of two that end together.
  package var freshest: Session? { freshestIndex.map { sessions[$0] } }

  /// The same session's number, without a copy of it.
  var freshestID: SessionID? { freshestIndex.map { sessions[$0].id } }

  private var freshestIndex: Int? {
    if sessions.isEmpty { return nil }
    var best = 0
    var index = 1
    while index < sessions.count {
      if sessions[index].expires > sessions[best].expires { best = index }
      index += 1
    }
    return best
  }

  func holds(_ id: SessionID) -> Bool {
    var index = 0
    while index < sessions.count {
      if sessions[index].id == id { return true }
      index += 1
    }
    return false
  }

  /// When the one that ends first does, and when the one that lives longest; nil without any.
  package var ends: (first: Timestamp, last: Timestamp)? {
    // Asked for at each event: loops over `indices` take many times as long in a debug build.
    if sessions.isEmpty { return nil }
    var first = sessions[0].expires
    var last = first
    var index = 1
    while index < sessions.count {
      let end = sessions[index].expires
      if end < first { first = end }
      if end > last { last = end }
      index += 1
    }
    return (first, last)
  }

  /// When the one that lives longest ends.
  package var lastEnd: Timestamp? { ends?.last }

  /// When the one that ends first does.
  package var firstEnd: Timestamp? { ends?.first }

  /// Adds a session and returns the one it replaces; nil while there is room.
  package mutating func add(_ session: Session) -> Session? {
    let replaced = sessions.count < capacity ? nil : sessions.removeFirst()
    sessions.append(session)
    return replaced
  }

  /// Changes how many it holds and returns those that no longer fit: readers keep the one that lives longest.
  package mutating func resize(to capacity: Int) -> [Session] {
    self.capacity = capacity
    var excess: [Session] = []
    while sessions.count > capacity, let index = indexOfFirstToEnd { excess.append(sessions.remove(at: index)) }
    return excess
  }

  /// Of the session that ends first; the younger of two that end together.
  private var indexOfFirstToEnd: Int? {
    guard var first = sessions.indices.first else { return nil }
    for index in sessions.indices where sessions[index].expires <= sessions[first].expires { first = index }
    return first
  }

  /// Takes out the session of this number; nil when it isn't there.
  package mutating func remove(_ id: SessionID) -> Session? {
    sessions.firstIndex { $0.id == id }.map { sessions.remove(at: $0) }
  }

  /// Takes out what has ended at `instant`.
  package mutating func removeEnded(at instant: Timestamp, margin: Duration) -> [Session] {
    guard let firstEnd, firstEnd - margin <= instant else { return [] }
    let ended = sessions.filter { $0.expires - margin <= instant }
    sessions.removeAll { $0.expires - margin <= instant }
    return ended
  }

  package mutating func judge(by clock: ServerClock) {
    for index in sessions.indices { sessions[index].judge(by: clock) }
  }
}
