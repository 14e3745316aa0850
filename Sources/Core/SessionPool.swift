/// A role's pool: its live sessions, oldest first. A new one replaces the oldest; readers get the one that expires last.
package struct SessionPool: Sendable {
  package private(set) var sessions: [Session] = []
  package private(set) var capacity: Int

  /// `capacity` is 1 or more.
  package init(capacity: Int) { self.capacity = capacity }

  /// The session that expires last, which needn't be the newest; the older of two that expire together.
  package var freshest: Session? { freshestIndex.map { sessions[$0] } }

  /// The id of that session, without a copy of it.
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

  /// Makes the session with this id the one for readers, if no other expires more than a second later: STS gives expiries in whole
  /// seconds, and small clock corrections would otherwise decide between two in the same second.
  mutating func prefer(_ id: SessionID) {
    guard let chosen = sessions.first(where: { $0.id == id }) else { return }
    for index in sessions.indices where sessions[index].id != id {
      let lead = sessions[index].expires - chosen.expires
      if lead >= .zero, lead < .seconds(1) { sessions[index].end(before: chosen.expires) }
    }
  }

  func holds(_ id: SessionID) -> Bool {
    var index = 0
    while index < sessions.count {
      if sessions[index].id == id { return true }
      index += 1
    }
    return false
  }

  /// The earliest and the latest expiry; nil if there are no sessions.
  package var ends: (first: Timestamp, last: Timestamp)? {
    // Needed for each event: a loop over `indices` takes many times as long in a debug build.
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

  /// The latest expiry.
  package var lastEnd: Timestamp? { ends?.last }

  /// The earliest expiry.
  package var firstEnd: Timestamp? { ends?.first }

  /// Adds a session and returns the one that it replaces; nil if there was room.
  package mutating func add(_ session: Session) -> Session? {
    let replaced = sessions.count < capacity ? nil : sessions.removeFirst()
    sessions.append(session)
    return replaced
  }

  /// Changes the capacity; removes and returns the sessions that no longer fit, those that expire first.
  package mutating func resize(to capacity: Int) -> [Session] {
    self.capacity = capacity
    var excess: [Session] = []
    while sessions.count > capacity, let index = indexOfFirstToEnd { excess.append(sessions.remove(at: index)) }
    return excess
  }

  /// The index of the session that expires first; the newer of two that expire together.
  private var indexOfFirstToEnd: Int? {
    guard var first = sessions.indices.first else { return nil }
    for index in sessions.indices where sessions[index].expires <= sessions[first].expires { first = index }
    return first
  }

  /// Removes and returns the session with this id; nil if it isn't there.
  package mutating func remove(_ id: SessionID) -> Session? {
    sessions.firstIndex { $0.id == id }.map { sessions.remove(at: $0) }
  }

  /// Removes and returns the sessions that have lapsed at `instant`: those with no more than `margin` left.
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
