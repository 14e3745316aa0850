/// A role's attempt that is queued or under way, for the pool or for a reservation: at most one.
enum Flight: Sendable {
  case none
  case queued(Attempt)
  case underWay(Call)

  /// An attempt whose call has been made.
  struct Call: Sendable {
    let attempt: Attempt
    /// When it counts as failed if it has had no outcome.
    let giveUp: Timestamp
    fileprivate(set) var standing = Standing.inForce
  }

  /// Whether the outcome of a call still counts after what has changed since it was made; the least change first.
  enum Standing: Comparable, Sendable {
    case inForce
    /// The key, the endpoint or another possible cause of failure has changed: a failure is ignored, a success counts.
    case outdated
    /// The request has changed: a failure is ignored, and a success is followed by another attempt at once.
    case replaced
  }

  var attempt: Attempt? {
    switch self {
    case .none: nil
    case .queued(let attempt): attempt
    case .underWay(let call): call.attempt
    }
  }

  /// Notes that something has changed since the call was made; a queued attempt isn't affected, since its call isn't made yet.
  mutating func lower(to standing: Standing) {
    guard case .underWay(var call) = self else { return }
    call.standing = max(call.standing, standing)
    self = .underWay(call)
  }

  /// Notes that the call of the queued attempt is being made; nil if `id` isn't the queued one.
  mutating func start(_ id: AttemptID, giveUp: Timestamp) -> Attempt? {
    guard case .queued(let attempt) = self, attempt.id == id else { return nil }
    self = .underWay(Call(attempt: attempt, giveUp: giveUp))
    return attempt
  }

  /// Ends the call of this attempt; nil if it isn't the one under way.
  mutating func land(_ id: AttemptID) -> Call? {
    guard case .underWay(let call) = self, call.attempt.id == id else { return nil }
    self = .none
    return call
  }

  /// Ends the call if it has had no outcome in time; nil if there is no such call.
  mutating func giveUp(at now: Timestamp) -> Call? {
    guard case .underWay(let call) = self, call.giveUp <= now else { return nil }
    self = .none
    return call
  }
}
