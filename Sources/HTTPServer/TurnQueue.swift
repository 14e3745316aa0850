/// Connections that wait for their turn: each user's in order, and the users in rotation, so that nobody waits for more than one
/// share of each of the others.
struct TurnQueue {
  struct Turn: Equatable {
    let slot: Int
    let generation: UInt32
  }

  private struct Line {
    var turns: [Turn] = []
    /// Connections before this index have been taken.
    var first = 0

    mutating func take() -> Turn? {
      guard first < turns.count else { return nil }
      defer { first += 1 }
      return turns[first]
    }

    /// Removes the connections that have been taken, when they are the majority.
    mutating func tidy() {
      guard first * 2 >= turns.count else { return }
      turns.removeFirst(first)
      first = 0
    }
  }

  private var lines: [UInt32: Line] = [:]
  private var rotation: [UInt32] = []

  var isEmpty: Bool { rotation.isEmpty }
  var userCount: Int { rotation.count }

  /// Whether connections of the user wait.
  func hasLine(of uid: UInt32) -> Bool { lines[uid] != nil }

  mutating func append(_ turn: Turn, of uid: UInt32) {
    if lines[uid] == nil { rotation.append(uid) }
    lines[uid, default: Line()].turns.append(turn)
  }

  /// The user whose turn it is; it goes to the end of the rotation.
  mutating func nextUser() -> UInt32? {
    guard !rotation.isEmpty else { return nil }
    let uid = rotation.removeFirst()
    rotation.append(uid)
    return uid
  }

  /// The user's first connection; nil if none waits any more.
  mutating func take(of uid: UInt32) -> Turn? {
    guard let turn = lines[uid]?.take() else { return nil }
    lines[uid]?.tidy()
    if lines[uid]?.turns.isEmpty == true {
      lines[uid] = nil
      rotation.removeAll { $0 == uid }
    }
    return turn
  }
}
