/// The one attempt of a role that is queued or under way, for whatever purpose.
enum Flight: Sendable {
  case none
  case queued(Attempt)
  case underWay(Call)

  /// An attempt whose call has been made.
  struct Call: Sendable {
    let attempt: Attempt
    /// When it counts as failed without an outcome.
    let giveUp: Timestamp
    fileprivate(set) var standing = Standing.inForce
  }

  /// What the outcome of a call is worth, in ascending order of what has changed since it was made.
  enum Standing: Comparable, Sendable {
    case inForce
    /// What it was signed with, or what would make it fail, has changed: its failure says nothing, its success is as good as any.
    case outdated
    /// Another request is in force: its failure says nothing, and its success is followed by another attempt at once.
    case replaced
  }

  var attempt: Attempt? {
    switch self {
    case .none: nil
    case .queued(let attempt): attempt
    case .underWay(let call): call.attempt
    }
  }

  /// Notes that something has changed since the call was made; what is queued will be made as things are then.
  mutating func lower(to standing: Standing) {
    guard case .underWay(var call) = self else { return }
    call.standing = max(call.standing, standing)
    self = .underWay(call)
  }

  /// Notes that the call of the queued attempt is made; nil when it isn't the one that was queued.
  mutating func start(_ id: AttemptID, giveUp: Timestamp) -> Attempt? {
    guard case .queued(let attempt) = self, attempt.id == id else { return nil }
    self = .underWay(Call(attempt: attempt, giveUp: giveUp))
    return attempt
  }

  /// Ends the call of this attempt; nil when it isn't the one under way.
  mutating func land(_ id: AttemptID) -> Call? {
    guard case .underWay(let call) = self, call.attempt.id == id else { return nil }
    self = .none
    return call
  }

  /// Ends the call that has had no outcome in its time; nil when there is none.
  mutating func giveUp(at now: Timestamp) -> Call? {
    guard case .underWay(let call) = self, call.giveUp <= now else { return nil }
    self = .none
    return call
  }
}
